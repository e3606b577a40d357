#!/usr/bin/env python3
"""Half an hour of a real server, two thousand connections and everything that goes wrong.

A crowd of connections, some of which always go and come, talks in channels that the server keeps and
in private; real `moot` processes talk in channels that their members keep. Meanwhile, at moments that
the seed chooses, the server is killed, its disk is full or does not sync, its clock jumps, members are
killed. The middle third of the time the server lives on, without the faults that end it. Then the
faults stop, and it is checked:

- whatever was acknowledged is where it has to be, once: in the histories of channels, which are equal
  for everybody, and with the recipients of private messages; before and after one more SIGKILL;
- nothing came a second time without a cause, altered, to somebody else, or that nobody said;
- the server ended only when its disk failed, by exit 1 and with a word in its log, and it started
  again; it serves everybody who comes, and `mootd doctor` and `mootd audit verify` find nothing;
- its memory and its descriptors are flat: at the same time after the starts of the first and of the
  last third, and over the long life in the middle.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import chaos_member  # noqa: E402
import moot_process  # noqa: E402
import moot_wire  # noqa: E402
import soak_gauge  # noqa: E402
import soak_judge  # noqa: E402
from chaos_home import Finding, Sender, words  # noqa: E402
from soak_crowd import Crowd, Device  # noqa: E402
from soak_faults import DEADLY, Clock, Disk, Service, Trouble, Weather  # noqa: E402
from soak_ledger import Book, Ledger  # noqa: E402

PATIENCE_S = 180  # without any progress
TELL_S = 30
SECOND_DEVICES = 0.05  # of the connections
GROUPS = (("alpha", 5), ("beta", 4))  # channels that members keep, and how many they are
# Names of a home and of a device are apart: u00017, alpha0.
OPTIONS = ("--http-listen", "off", "--set", "channels.lobby=false", "--set", 'presence.mode="shared"')


def sizes(connections):
    """How many are in each channel that the server keeps: one large one, some, and many."""
    return [min(120, connections // 4), *[min(60, connections // 8)] * 2, *[25] * (connections // 40),
            *[8] * (connections // 16)]


class Soak:
    def __init__(self, options):
        self.options = options
        self.moot = options.bin / "moot"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="moot-soak-"))
        self.random = random.Random(f"{options.seed}/members")
        self.weather = Weather(f"{options.seed}/weather")
        data = self.dir / "data"
        self.disk = Disk(self.dir, options.libraries["moot_disk.so"], data)
        self.clock = Clock(self.dir, options.libraries["moot_clock.so"])
        env = {"LD_PRELOAD": f"{self.disk.library}:{self.clock.library}", **self.disk.env,
               **self.clock.env}
        self.server = moot_process.Server(options.bin / "mootd", data, OPTIONS, env,
                                          self.dir / "mootd.log")
        self.service = Service(self.server, self.disk)
        self.faults = collections.Counter()
        self.met = collections.Counter()
        self.homes_killed = 0
        self.flying = []
        self.clock_until = None
        self.right_time = 0
        self.waits_for = None
        self.starts = soak_gauge.Series("after starts")
        self.life = soak_gauge.Series("in one life")
        self.crowd = None
        self.ledger = None
        self.begun = self.told_at = time.monotonic()
        self.ends_at = None
        self.settle_s = 6 if options.minutes >= 4 else 2
        # What members of channels know of the world.
        self.changed = threading.Condition()
        self.progress = 0
        self.heard = collections.Counter()
        self.leader = {}
        self.members = []
        self.last_words = []

    def found(self, what):
        self.ledger.found(what)

    # ---- the beginning

    def begin(self):
        self.say("starting, and making accounts and channels")
        self.service.start()
        keys = self.enrol(self.options.connections)
        devices = [Device(i, key) for i, key in enumerate(keys)]
        by_account = collections.defaultdict(list)
        for device in devices:
            by_account[device.account].append(device)
        self.ledger = Ledger(dict(by_account))
        self.make_channels(devices)
        self.make_members(by_account)
        homes = [m.name for m in self.members]
        self.crowd = Crowd(devices, self.ledger, homes, self.options.rate or len(devices) / 60,
                           self.options.churn or len(devices) / 240, f"{self.options.seed}/crowd")
        self.crowd.start()
        for member in self.members:
            member.start()
        self.everybody_back()
        self.crowd.speaking = self.crowd.churning = True

    def enrol(self, n):
        second = int(n * SECOND_DEVICES)
        link = self.server.invite(n - second)

        def one(i):
            peer = moot_wire.Peer(moot_wire.Key.of_link(link))
            peer.send("ENROL", id=f"u{i:05}")
            got = peer.wait_for("ENROLLED")
            peer.close()
            return moot_wire.Key(got["id"], got["kid"], got["key"], peer.key.srv, peer.key.host,
                                 peer.key.port)

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            keys = list(pool.map(one, range(n - second)))
        for key in keys[:second]:
            text = self.server.admin("key", "add", key.account)
            keys.append(moot_wire.Key.of_file(text))
        return keys

    def make_channels(self, devices):
        r = random.Random(f"{self.options.seed}/channels")
        books = []
        left = []
        for i, size in enumerate(sizes(len(devices))):
            if len(left) < size:  # everybody is in one before anybody is in two
                left += r.sample(devices, len(devices))
            members = list(dict.fromkeys(left[:size]))
            left = left[size:]
            book = Book(self.ledger, moot_wire.new_ulid(), f"kept{i}", members)
            books.append(book)
            for device in members:
                device.enters(book)

        def create(book):
            peer = moot_wire.Peer(book.members[0].key)
            peer.send("CH_CREATE", id=book.id, name=book.name, keeper="server", visibility="public",
                      history="all")
            peer.wait_for("CH_UJOIN", channel=book.id, user=peer.key.account)
            peer.close()

        def join(device):
            if not device.books:
                return
            peer = moot_wire.Peer(device.key)
            for book in device.books:
                if book.members[0].account != device.account:
                    peer.send("CH_JOIN", id=book.id)
                    peer.wait_for("CH_UJOIN", channel=book.id, user=device.account)
            peer.barrier()
            peer.close()

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for work, over in ((create, books), (join, devices)):
                list(pool.map(work, over))

    def make_members(self, by_account):
        accounts = sorted(by_account)
        for channel, n in GROUPS:
            group = [chaos_member.Member(self, f"{channel}{i}", channel, may_end=True)
                     for i in range(n)]
            self.members += group
            for member in group:
                subprocess.run(member.moot("join", self.server.invite(), "--as", member.name),
                               check=True, capture_output=True, timeout=PATIENCE_S)
            first, *others = group
            first.ask("create", channel, "--keeper", "members")
            for member in others:
                member.ask("enter", channel)
            # One of each group writes letters to somebody of the crowd.
            letters = Sender(group[-1], "@" + accounts[len(self.members)], "acked", True)
            group[-1].senders.append(letters)

    # ---- telling

    def say(self, text):
        seconds = int(time.monotonic() - self.begun)
        print(f"  {seconds // 60:2}:{seconds % 60:02} {text}", flush=True)

    def tell(self):
        now = time.monotonic()
        if now - self.told_at < TELL_S:
            return
        self.told_at = now
        n = self.ledger.counts
        books = self.ledger.books.values()
        memory = "down"
        if self.service.alive():
            pid = self.server.process.pid
            try:
                memory = f"{soak_gauge.pss_kib(pid) / 1024:.0f} MiB, {soak_gauge.descriptors(pid)} fds"
            except OSError:
                pass
        left = f", {int(max(0, self.ends_at - now))} s of it left" if self.ends_at else ""
        if self.waits_for:
            left += f"; waiting for {self.waits_for}"
        posts = sum(len(m.posts.confirmed) for m in self.members)
        self.say(f"{self.crowd.inside}/{len(self.crowd.devices)} connected, start {self.service.starts}, "
                 f"{memory}; {n['private acked']} private, {sum(len(b.committed) for b in books)} "
                 f"server-kept, {posts} member-kept acknowledged; faults: {self.fault_line()}{left}")

    def fault_line(self):
        told = {**self.faults, "homes": self.homes_killed}
        return ", ".join(f"{kind} {n}" for kind, n in sorted(told.items()) if n) or "none yet"

    # ---- living on

    def look(self):
        """What has to be looked at all the time, and what members do by themselves."""
        if self.ledger.findings:
            raise Finding("\n  ".join(self.ledger.findings))
        if not self.crowd.is_alive():
            raise Finding("the crowd has ended")
        now = time.monotonic()
        if self.clock_until is not None and now > self.clock_until:
            self.clock.move(self.right_time)
            self.clock_until = None
        for member in self.members:
            if not member.running():
                if now >= member.back_at:
                    member.start()
                continue
            member.check_running()
            if self.crowd.speaking:
                for sender in member.senders:
                    if self.random.random() < 0.03 and len(sender.waiting()) < 50:
                        sender.say([words(self.random) for _ in range(self.random.randint(1, 4))])
        self.tell()

    def live(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.service.check_alive()
            self.look()
            time.sleep(0.1)

    def wait(self, what, done, patience_s=PATIENCE_S):
        """Until `done()` is None; else it says what is missing, and that has to change in time."""
        seen, since = None, time.monotonic()
        while (missing := done()) is not None:
            self.waits_for = f"{what}: {missing}"
            if missing != seen:
                seen, since = missing, time.monotonic()
            if time.monotonic() - since > patience_s:
                raise Finding(f"nothing moved for {patience_s} s, waiting for {what}: {missing}")
            self.live(0.2)
        self.waits_for = None

    def everybody_back(self):
        """With a clock that stands as it should: all connections, and the members' owners."""
        self.clock.move(self.right_time)
        self.clock_until = None
        for member in self.members:
            member.back_at = 0.0

        def absent():
            missing = self.crowd.call(self.crowd.missing)
            if missing:
                return f"{len(missing)} are not back, among them {missing[:5]}"
            wanted = len(self.crowd.devices) + len(self.members)
            there = json.loads(self.server.admin("status", "--json"))["connections"]
            return None if there == wanted else f"{there} connections instead of {wanted}"

        self.wait("everybody to be back", absent)

    def sample(self, half):
        """At rest, the same time after everybody came back."""
        speaking = self.crowd.speaking
        self.crowd.speaking = self.crowd.churning = False
        self.everybody_back()
        self.live(self.settle_s)
        now = time.monotonic()
        half.append(soak_gauge.take(self.server.process.pid, now - self.begun,
                                    now - self.service.ready_at))
        self.crowd.speaking = self.crowd.churning = speaking

    # ---- faults

    def strike(self, kind):
        self.faults[kind] += 1
        r = self.weather.random
        if kind == "kill":
            wait = r.choice((0.0, 0.0, 0.5, 2.0))
            delay, crowd = r.uniform(0, 0.06), r.randint(20, 200)
            flying = self.crowd.call(self.crowd.burst, crowd)
            time.sleep(delay)
            self.service.kill()
            self.flying.append(flying)
            time.sleep(wait)
            self.service.start()
        elif kind in ("full", "sync"):
            hold = r.uniform(1, 6)
            room, syncs = r.choice((0, r.randint(1, 100_000))), r.choice((1, 1, 2, 3))
            begin = (lambda: self.disk.fill(room)) if kind == "full" else (
                lambda: self.disk.fail_syncs(syncs))
            self.crowd.call(self.crowd.burst, r.randint(20, 200))
            self.met[kind] += self.service.through_failure(begin, hold, self.look)
        elif kind == "clock":
            offset, hold = self.weather.jump()
            self.clock.move(offset)
            self.clock_until = time.monotonic() + hold
        else:
            up = [m for m in self.members if m.running()]
            victims = r.sample(up, min(len(up), r.choice((1, 1, 2, 3))))
            leading = [m for m in up if self.leader.get(m.channel) == m.name and m not in victims]
            if leading and r.random() < 0.5:
                victims[:1] = [r.choice(leading)]
            for victim in victims:
                victim.kill()
                self.homes_killed += 1
                victim.back_at = time.monotonic() + r.choice((0, 0.5, 2, 5))

    def storm(self, seconds, half):
        self.ends_at = time.monotonic() + seconds
        deadly = 0
        while time.monotonic() < self.ends_at:
            self.live(self.weather.random.uniform(0.5, 8))
            kind = self.weather.next()
            self.strike(kind)
            if kind in DEADLY:
                deadly += 1
                if deadly % 2:
                    self.sample(half)
        if not half:
            self.sample(half)
        self.ends_at = None

    def one_life(self, seconds):
        """The server lives on, and three times as many connections go as before, so that what each
        leaves behind is seen. The first sixth is not looked at: it is then that caches are filled."""
        self.crowd.churn *= 3
        self.service.kill()
        self.service.start()
        begun = time.monotonic()
        self.ends_at = begun + seconds
        self.live(seconds / 6)
        samples = []
        while time.monotonic() < self.ends_at:
            for kind in ("clock", "members"):
                self.live(self.weather.random.uniform(0.5, seconds / 40 + 1))
                self.strike(kind)
            self.sample(samples)
        third = max(1, len(samples) // 3)
        self.life.early, self.life.late = samples[:third], samples[-third:]
        self.crowd.churn /= 3
        self.ends_at = None

    # ---- the end

    def run(self):
        third = self.options.minutes * 60 / 3
        self.begin()
        self.say("storm: kills, full disks, failing syncs, jumps of the clock")
        self.storm(third, self.starts.early)
        self.say("one long life: the server is not ended")
        self.one_life(third)
        self.say("storm")
        self.storm(third, self.starts.late)
        self.say("calm, and the judgement")
        soak_judge.judge(self)

    def end(self):
        if self.crowd is not None:
            self.crowd.end()
        for member in self.members:
            member.kill()
            self.last_words.append(f"{member.name}: " + " | ".join(member.last_words()))
            member.log.close()
        if self.server.process is not None:
            self.server.kill()
        self.disk.close()

    def summary(self, error=None):
        n = self.ledger.numbers() if self.ledger else {}
        return {"seed": self.options.seed, "minutes": self.options.minutes,
                "connections": self.options.connections, "good": error is None,
                "finding": str(error) if error else None,
                "starts": self.service.starts, "refused_starts": self.service.refused_starts,
                "faults": dict(self.faults), "homes_killed": self.homes_killed, "met": dict(self.met),
                "in_flight_at_kills": self.flying, "counts": n,
                "member_kept": {c: [len(m.posts.confirmed) for m in self.members if m.channel == c]
                                for c, _ in GROUPS},
                "heard": dict(self.heard),
                "after_starts": self.starts.told(), "in_one_life": self.life.told(),
                "seconds": round(time.monotonic() - self.begun)}


def options_of(args):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=30, help="of faults, before the calm")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="the faults of an earlier run")
    parser.add_argument("--rate", type=float, help="messages of the crowd a second; one for 60 of it")
    parser.add_argument("--churn", type=float,
                        help="connections that go a second; one of 240")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin",
                        help="where mootd and moot are; their libraries for tests are beside it")
    parser.add_argument("--json", action="store_true", help="the summary as an object, last")
    options = parser.parse_args(args)
    options.bin = options.bin.resolve()
    beside = options.bin.parent / "tests"
    options.libraries = {"moot_disk.so": beside / "chaos" / "moot_disk.so",
                         "moot_clock.so": beside / "process" / "moot_clock.so"}
    for file in (options.bin / "mootd", options.bin / "moot", *options.libraries.values()):
        if not file.is_file():
            parser.error(f"there is no {file}; ./dev build makes it")
    if options.minutes <= 0 or options.connections < 40:
        parser.error("some time, and 40 connections at least")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = options_of(sys.argv[1:])
    again = (f"./dev chaos soak --minutes {options.minutes:g} --connections {options.connections} "
             f"--seed {options.seed}")
    print(f"soak: {options.minutes:g} minutes, {options.connections} connections, seed {options.seed} "
          f"(again: {again})", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored in a shell's background
        signal.signal(number, interrupted)
    soak = Soak(options)
    error = None
    try:
        soak.run()
    except KeyboardInterrupt:
        error = "interrupted"
    except (Finding, Trouble, AssertionError, subprocess.SubprocessError, OSError) as e:
        error = e if isinstance(e, (Finding, Trouble)) else f"{type(e).__name__}: {e}"
    finally:
        soak.end()
    soak_judge.report(soak, error)
    if error:
        print(f"FINDING {error}\n  kept: {soak.dir}\n  mootd:\n{soak.server.log(12)}")
        print("\n".join("  " + words for words in soak.last_words))
        print(f"The same faults again: {again}")
    else:
        shutil.rmtree(soak.dir)
    if options.json:
        print(json.dumps(soak.summary(error)))
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
