"""What was said during a soak, what was acknowledged of it, and who has it. No sockets: the crowd tells
what it hears, and the ledger finds what must not be.

A private message is acknowledged when its author hears MSG_ACK, or when an INFO behind it is answered
(protocol.md 5.7): from then on it has to reach every device of its recipient, and every other device of
its author; a note to oneself the other devices, or the one that wrote it where it is the only one. A message to a channel that the server keeps is acknowledged in the same way, or when
anybody hears its CH_MSG, or finds it on a page; from then on it has to be in the channel's history.
"""

import collections
import datetime

from moot_records import digest_of, fingerprint, ms_of

FINDINGS_KEPT = 8


class Said:
    """One message of the crowd."""

    __slots__ = ("author", "origin", "to", "id", "msg", "sends", "refused", "safe", "acked",
                 "acks_sent", "got", "settled", "tried_at", "trail")

    def __init__(self, author, origin, to, msg_id, msg):
        self.author, self.origin, self.to, self.id, self.msg = author, origin, to, msg_id, msg
        self.sends = self.refused = 0  # transmissions, and those that got an ERR
        self.safe = self.acked = False  # by a barrier; by MSG_ACK or CH_MSG
        self.acks_sent = 0
        self.got = {}  # device -> how often it came
        self.settled = {}  # device -> how often it had been sent when the ACK_MSG was written
        self.tried_at = 0.0
        self.trail = []  # what happened to it, for whoever has to understand a finding

    def note(self, what):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.trail.append(f"{now:%H:%M:%S.%f} {what}")

    def story(self):
        return "".join(f"\n    {line}" for line in self.trail)


class Ledger:
    """Devices are anything with `account`; `devices` is all of an account's by its name."""

    def __init__(self, devices):
        self.devices = devices
        self.findings = []
        self.private = {}  # (author, id) -> Said
        self.from_homes = {}  # (author, id) -> Said, of messages that a `moot` wrote
        self.books = {}  # channel id -> Book
        self.counts = collections.Counter()

    def found(self, what):
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(what)

    # ---- private messages

    def say(self, origin, to, msg_id, msg):
        said = self.private[origin.account, msg_id] = Said(origin.account, origin, to, msg_id, msg)
        self.counts["private said"] += 1
        return said

    def renumbered(self, said, msg_id):
        """Every transmission of the old id was refused: a new one takes its place."""
        del self.private[said.author, said.id]
        said.id, said.sends, said.refused = msg_id, 0, 0
        self.private[said.author, msg_id] = said

    def heard(self, device, c, homes=()):
        """MSG. The message, whose ACK_MSG is due."""
        key = (c["from"], c["msg_id"])
        said = self.private.get(key)
        if said is None and c["from"] in homes and "to" not in c:
            said = self.from_homes.get(key)
            if said is None:
                said = self.from_homes[key] = Said(c["from"], None, device.account, key[1], c["msg"])
        name = f"a message of {key[0]}, {key[1].hex()},"
        if said is None:
            self.found(f"{name} was told to {device.account} and never said")
            return None
        if said.msg != c["msg"] or c["sent"] != ms_of(said.id):
            self.found(f"{name} reached {device.account} altered: {c}")
        if "to" in c:
            right = (device.account, c["to"]) == (said.author, said.to) and device is not said.origin
        else:
            note = said.to == said.author and len(self.devices[said.to]) > 1
            right = device.account == said.to and not (note and device is said.origin)
        if not right:
            self.found(f"{name} reached {device.account}, for whom it is not: {c}")
        if device in said.got:
            self.counts["private told again"] += 1
            # Of what a `moot` wrote nobody here knows how often it was sent.
            if said.origin is not None and said.settled.get(device) == said.sends:
                self.found(f"{name} came again to {device.account}, whose acknowledgement was on disk,"
                           f" and nobody had sent it again:{said.story()}")
        said.note(f"told to {device.number}")
        said.got[device] = said.got.get(device, 0) + 1
        return said

    def settle(self, device, said, sends):
        """A barrier behind the ACK_MSG was answered, which was written after so many sends."""
        said.settled[device] = sends
        said.note(f"acknowledgement of {device.number} safe, of {sends} sends")

    def acknowledged(self, device, c):
        """MSG_ACK."""
        said = self.private.get((device.account, c["msg_id"]))
        if said is None:
            self.found(f"{device.account} got a MSG_ACK for what was never said: {c}")
            return None
        if c["from"] != said.to:
            self.found(f"{device.account} got a MSG_ACK of {c['from']} for a message to {said.to}")
        elif said.to in self.devices and said.acks_sent == 0:
            self.found(f"a message of {said.author} to {said.to} was acknowledged, and no device of "
                       f"{said.to} had acknowledged it:{said.story()}")
        said.note(f"MSG_ACK to {device.number}")
        if not said.acked:
            said.acked = True
            self.counts["private acked"] += 1
        return said

    def private_findings(self):
        """In the end, when nothing is under way."""
        for said in self.private.values():
            if not (said.acked or said.safe):
                continue
            name = f"a message of {said.author} to {said.to}, {said.id.hex()}, acknowledged"
            others = [d for d in self.devices[said.author] if d is not said.origin]
            if said.to != said.author:
                wanted = [*self.devices.get(said.to, ()), *others]
            else:
                wanted = others or [said.origin]
            for device in wanted:
                if device not in said.got:
                    self.found(f"{name}, never reached device {device.number} of {device.account}:"
                               + said.story())
        return self.findings

    # ---- between the crowd and `moot`

    def home_findings(self, home, stored, number_of):
        """`stored` is what the home has, [(author, id)]; `number_of` names it in a message."""
        to_it = [s for s in self.private.values() if s.to == home]
        numbers = {(s.author, number_of(s)) for s in to_it}
        n = collections.Counter(stored)
        for key, times in n.items():
            if times > 1:
                self.found(f"{home} has the message {key} {times} times")
            if key not in numbers:
                self.found(f"{home} has {key}, which was never said to it")
        for said in to_it:
            if (said.acked or said.safe) and (said.author, number_of(said)) not in n:
                self.found(f"a message of {said.author} to {home}, {said.id.hex()}, was acknowledged "
                           f"and is not there:{said.story()}")

    def written_findings(self, home, to, confirmed, told, number_of):
        """Numbers that a `moot send` of `home` said are acked, against what came to `to`."""
        came = collections.defaultdict(list)
        for said in self.from_homes.values():
            if (said.author, said.to) == (home, to):
                came[number_of(said)].append(said)
        for number, all_of_it in came.items():
            if len(all_of_it) > 1:
                self.found(f"{home} {number} came to {to} under {len(all_of_it)} ids")
            if number >= told:
                self.found(f"{home} {number} came to {to} and was never said")
        for number in sorted(confirmed):
            for device in self.devices[to]:
                if number not in came or device not in came[number][0].got:
                    self.found(f"{home} {number} was acked and never reached device {device.number} "
                               f"of {to}")

    def numbers(self):
        books = self.books.values()
        return {**self.counts,
                "channel said": sum(len(b.said) for b in books),
                "channel committed": sum(len(b.committed) for b in books),
                "channel safe": sum(s.safe for b in books for s in b.said.values()),
                "private safe": sum(s.safe for s in self.private.values()),
                "private of moot": len(self.from_homes)}


class Book:
    """A channel that the server keeps."""

    def __init__(self, ledger, channel, name, members):
        self.ledger, self.id, self.name = ledger, channel, name
        self.members = members  # devices
        self.place = {device: i for i, device in enumerate(members)}
        self.said = {}  # id -> Said
        self.void = set()  # ids of which every transmission was refused
        self.committed = set()
        self.stamps = {}
        self.told = {}  # id -> to whom it was told as new, a bit for each place
        self.newest = bytes(16)
        ledger.books[channel] = self

    def say(self, origin, msg_id, msg):
        said = self.said[msg_id] = Said(origin.account, origin, self, msg_id, msg)
        return said

    def renumbered(self, said, msg_id):
        del self.said[said.id]
        self.void.add(said.id)
        said.id, said.sends, said.refused = msg_id, 0, 0
        self.said[msg_id] = said

    def found(self, what):
        self.ledger.found(f"#{self.name}: {what}")

    def heard(self, device, c):
        """CH_MSG."""
        if c.get("committed") is not True:
            self.found(f"a record was told before it was committed: {c}")
        said = self._is_right(c["msg_id"], c["from"], c["msg"], c["sent"], c["stamp"])
        if said is None:
            return None
        if not c.get("merged"):
            bit = 1 << self.place[device]
            before = self.told.get(c["msg_id"], 0)
            if before & bit:
                self.found(f"{c['msg_id'].hex()} was told to {device.account} as new, twice")
            self.told[c["msg_id"]] = before | bit
        return said

    def on_page(self, record):
        if record["acks"] != ["server"] or record.get("acks_n") != 1:
            self.found(f"a record with other acknowledgements: {record}")
        return self._is_right(record["id"], record["from"], record["msg"], record["timestamp"],
                              record.get("stamp"))

    def _is_right(self, msg_id, author, msg, sent, stamp):
        said = self.said.get(msg_id)
        if said is None:
            what = "was refused" if msg_id in self.void else "was never said"
            self.found(f"{msg_id.hex()} of {author} is in the channel and {what}")
            return None
        if (said.author, said.msg, ms_of(msg_id)) != (author, msg, sent):
            self.found(f"{msg_id.hex()} of {said.author} is altered: {author} {msg!r} {sent}")
        if self.stamps.setdefault(msg_id, stamp) != stamp:
            self.found(f"{msg_id.hex()} has two stamps")
        self.committed.add(msg_id)
        self.newest = max(self.newest, msg_id)
        said.acked = True
        return said

    def digests(self, history):
        return [digest_of(self.id, i, self.said[i].author, self.said[i].msg) for i in history
                if i in self.said]

    def proof(self, history):
        """(newest id, count, fp) as a pull tells it that has all of this."""
        return history[-1] if history else None, len(history), fingerprint(self.digests(history))

    def judge(self, history):
        """The ids of all pages from the first to the last, in the end."""
        keys = list(zip(history, self.digests(history)))
        if keys != sorted(keys):
            self.found("the history is not in its order")
        for msg_id, n in collections.Counter(history).items():
            if n > 1:
                self.found(f"{msg_id.hex()} stands in the history {n} times")
            if msg_id not in self.said:
                self.found(f"{msg_id.hex()} stands in the history and was never said")
        there = set(history)
        lost = [i for i in self.committed if i not in there]
        lost += [s.id for s in self.said.values() if s.safe and s.id not in there | set(lost)]
        if lost:
            self.found(f"{len(lost)} acknowledged and not in the history: "
                       f"{[(self.said[i].author, i.hex()) for i in lost[:3]]}")
