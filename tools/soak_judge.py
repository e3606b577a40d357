"""The end of a soak: everything stands still, and what everybody has is compared with the ledger."""

import functools
import json
import statistics
import subprocess
import time

import moot_wire
from chaos_home import Finding
from chaos_member import judged

BEGINNING = "1970-01-01"
EQUAL_S = 300  # for the histories of members to become equal
PULLS = 2  # members of each channel who read its whole history


def number_of(said):
    return int(moot_wire.unpack(said.msg)["b"].split()[0])


class Judgement:
    def __init__(self, soak):
        self.soak, self.crowd, self.ledger = soak, soak.crowd, soak.ledger

    def give(self):
        soak = self.soak
        soak.disk.mend()
        for kind in ("full", "sync"):
            if soak.faults[kind] > 1 and not soak.met[kind]:
                self.ledger.found(f"{soak.faults[kind]} times {kind}, and the server noticed none")
        # What was made while the clock was ahead has to wait until it is there (protocol.md 6.3).
        soak.right_time = soak.clock.furthest
        self.crowd.speaking = self.crowd.churning = False
        soak.everybody_back()
        # A session from before the clock was set ends with its next frame, not earlier.
        self.barriers()
        soak.everybody_back()
        last = self.crowd.call(self.crowd.say_everywhere)
        for member in soak.members:
            for sender in member.senders:
                sender.say(["calm"])
        soak.wait("what was said to be acknowledged", self.unacknowledged)
        soak.wait("the last messages to be told to everybody", lambda: self.untold(last))
        self.barriers()
        histories = self.read_histories(PULLS)
        self.prove(histories)
        self.ledger.private_findings()
        self.check()

        soak.say("once more after a kill")
        soak.service.kill()
        soak.service.start()
        soak.everybody_back()
        self.barriers()
        for book, history in self.read_histories(1).items():
            if history != histories[book]:
                self.ledger.found(f"#{book.name}: after a kill its history is another")
        kept = json.loads(soak.server.admin("status", "--json"))["offline_messages"]
        if kept:
            self.ledger.found(f"{kept} messages are kept, and everybody has acknowledged everything")
        self.check()
        self.members()
        self.store()
        for series in (soak.starts, soak.life):
            for found in series.findings():
                self.ledger.found(found)
        self.check()

    def check(self):
        if self.ledger.findings:
            raise Finding("\n  ".join(self.ledger.findings))

    def unacknowledged(self):
        crowd = self.crowd.call(self.crowd.waiting)
        members = sum(len(s.waiting()) for m in self.soak.members for s in m.senders)
        return f"{crowd} of the crowd, {members} of members" if crowd or members else None

    def untold(self, last):
        def look():
            short = [s for s in last
                     if s.to.told.get(s.id, 0) != (1 << len(s.to.members)) - 1]
            return f"{len(short)} of {len(last)}: " + ", ".join(
                f"#{s.to.name} by {bin(s.to.told.get(s.id, 0)).count('1')} of {len(s.to.members)}"
                for s in short[:3]) if short else None

        return self.crowd.call(look)

    def barriers(self):
        answered = []
        n = len(self.crowd.devices)
        self.crowd.call(self.crowd.barrier_for_all, lambda: answered.append(1))
        self.soak.wait("the barriers to be answered",
                       lambda: None if len(answered) >= n else f"{n - len(answered)} are not")

    # ---- channels that the server keeps

    def read_histories(self, readers):
        """{book: [id]}, read by so many members of each, who have to read the same."""
        pages = {}

        def begin():
            for book in self.ledger.books.values():
                for device in book.members[:readers]:
                    got = pages[book, device] = ([], [])

                    def page(c, got=got):
                        got[0].extend(r["id"] for r in c["messages"])
                        if not c["more"]:
                            got[1].append(1)

                    self.crowd.ask(device, functools.partial(
                        self.crowd.pull, book=book, anchor=None, then=page))

        self.crowd.call(begin)

        def unread():
            left = sum(not over for _, over in pages.values())
            return f"{left} of {len(pages)}" if left else None

        self.soak.wait("the histories to be read", unread)
        histories = {}
        for (book, device), (history, _) in pages.items():
            book.judge(history)
            if histories.setdefault(book, history) != history:
                self.ledger.found(f"#{book.name}: {device.account} read another history")
        return histories

    def prove(self, histories):
        """Every member asks whether what it should have is what the server has."""
        asked, equal = [], []

        def begin():
            for book, history in histories.items():
                anchor, count, fp = book.proof(history)
                for device in book.members:
                    asked.append(1)

                    def page(c, book=book):
                        equal.append(1)
                        if c["messages"] or "ranges" in c or c["more"]:
                            self.ledger.found(f"#{book.name}: the server has another history: {c}")

                    self.crowd.ask(device, functools.partial(
                        self.crowd.pull, book=book, anchor=anchor, then=page, count=count, fp=fp))

        self.crowd.call(begin)
        self.soak.wait("every member's proof", lambda: None if len(equal) >= len(asked) else
                       f"{len(asked) - len(equal)} of {len(asked)}")

    # ---- members of channels, and the letters from and to them

    def members(self):
        soak = self.soak
        for channel in dict.fromkeys(m.channel for m in soak.members):
            group = [m for m in soak.members if m.channel == channel]
            count, fingerprint = judged(group, EQUAL_S)
            soak.say(f"#{channel}: {count} in each of {len(group)} equal histories, fingerprint "
                     f"{fingerprint}")
        for member in soak.members:
            told = member.ask("tail", "--json", "--since", BEGINNING).stdout
            messages = [m for m in map(json.loads, told.splitlines()) if "channel" not in m]
            stored = [(m["from"], int(m["text"].split()[0])) for m in messages
                      if m["from"] != member.name]
            self.ledger.home_findings(member.name, stored, number_of)
            for sender in member.senders[1:]:
                self.ledger.written_findings(member.name, sender.target[1:], sender.confirmed,
                                             sender.told, number_of)
        self.check()

    # ---- the store

    def store(self):
        soak = self.soak
        code = soak.server.stop()
        if code != 0:
            self.ledger.found(f"mootd ended with {code} on SIGTERM")
        doctor = subprocess.run([soak.server.program, "doctor", "--data-dir", soak.server.data_dir],
                                capture_output=True, text=True, timeout=300, check=False)
        # The port that a server without configuration has may be anybody's.
        bad = [line for line in doctor.stdout.splitlines()
               if "BAD" in line and not line.startswith("port")]
        if bad or "every seal opens" not in doctor.stdout:
            self.ledger.found(f"mootd doctor: {bad or doctor.stdout + doctor.stderr}")
        soak.server.admin("audit", "verify")


def judge(soak):
    begun = time.monotonic()
    Judgement(soak).give()
    soak.say(f"judged in {time.monotonic() - begun:.0f} s")


def report(soak, error):
    """What was seen, in some lines."""
    n = soak.ledger.numbers() if soak.ledger else {}
    met = ", ".join(f"{kind} {n} of {soak.faults[kind]}" for kind, n in sorted(soak.met.items()))
    print(f"  faults: {soak.fault_line()}; of those of the disk it noticed {met or 'none'}; "
          f"{soak.service.starts} starts, {soak.service.refused_starts} more that the disk refused")
    if soak.flying:
        print(f"  {sum(f > 0 for f in soak.flying)} of {len(soak.flying)} kills met messages under way,"
              f" {statistics.median(soak.flying):.0f} in the middle")
    print("  " + ", ".join(f"{what} {count}" for what, count in sorted(n.items())))
    for series in (soak.starts, soak.life):
        print(f"  {series.line()}")
    if not error:
        print(f"  acknowledged: {n['private acked']} private messages, {n['channel committed']} of "
              f"channels that the server keeps, "
              f"{sum(len(m.posts.confirmed) for m in soak.members)} of channels that members keep: "
              "lost 0, twice 0")
