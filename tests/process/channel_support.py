"""Members of channels on the real wire: each keeps its records in memory and does what the test
says, so that a test can be an honest replica or a liar. Standard library only."""

import itertools
import os
import sqlite3
import time

from support import PATIENCE, ServerCase, wire
from moot_records import digest_of, element, fingerprint, ms_of  # noqa: F401


_made = itertools.count(1)


def ulid(seconds=0.0):
    """A msg id whose time is so far from now; the later one made is the greater of a time."""
    ms = int((time.time() + seconds) * 1000)
    return ms.to_bytes(6, "big") + next(_made).to_bytes(4, "big") + os.urandom(6)


def on_page(record, **changes):
    """The record as CH_APPEND and CH_MERGE carry it."""
    acks = record.get("acks", [])
    entry = {"id": record["id"], "from": record["from"], "msg": record["msg"],
             "timestamp": ms_of(record["id"]), "acks": acks, "stamp": record.get("stamp"),
             "acks_n": record.get("acks_n", len(acks))}
    entry.update(changes)
    return {k: v for k, v in entry.items() if v is not None}


class Member:
    """One user's connection that carries a replica of one channel."""

    def __init__(self, case, key, channel, replica=None, batch=False):
        self.case, self.key, self.user = case, key, key.account
        self.channel = channel
        self.replica = replica or os.urandom(16)
        self.cnn = {"batch": True} if batch else {}
        self.log = {}  # committed: (id, digest) -> record
        self.peer = None
        self.connect()

    # ---- connection ----

    def connect(self):
        self.peer = wire.Peer(self.key, PATIENCE, **self.cnn)
        return self

    def close(self):
        self.peer.close()

    def again(self):
        """The same replica after its connection died."""
        self.close()
        return self.connect()

    def attach(self):
        self.peer.send("CH_ATTACH", id=self.channel, replica=self.replica)
        self.barrier()  # a CH_STATUS from before it may look the same
        return self

    def send(self, cmd, **fields):
        return self.peer.send(cmd, **fields)

    def wait(self, cmd, **fields):
        return self.peer.wait_for(cmd, **fields)

    def barrier(self):
        return self.peer.barrier()

    def refusal(self, cmd, **fields):
        """The ERR that the command gets, or None."""
        ref = self.send(cmd, **fields)
        self.barrier()
        for c in self.peer.commands:
            if c["cmd"] == "ERR" and c["ref"] == ref:
                self.peer.commands.remove(c)
                return c
        return None

    def status(self, **fields):
        """The next CH_STATUS that says so; those before it are looked at no more."""
        while True:
            c = self.wait("CH_STATUS", id=self.channel)
            if all(c.get(k) == v for k, v in fields.items()):
                return c

    def came(self, cmd, **fields):
        """What came of these so far; everything the server had said is looked at."""
        self.barrier()
        return [c for c in self.peer.commands
                if c["cmd"] == cmd and all(c.get(k) == v for k, v in fields.items())]

    def forget(self):
        """What came until now is of no interest."""
        self.barrier()
        self.peer.commands.clear()
        return self

    # ---- the log ----

    def last(self):
        return max(self.log)[0] if self.log else None

    def keep(self, record):
        self.log[record["id"], record["digest"]] = record
        return record

    def digests(self, upto=None):
        return [d for (i, d) in self.log if upto is None or i <= upto]

    # ---- messages ----

    def record(self, text, msg_id=None):
        """A new message of one's own, not said yet."""
        msg_id, msg = msg_id or ulid(), wire.text_content(text)
        return {"id": msg_id, "from": self.user, "msg": msg,
                "digest": digest_of(self.channel, msg_id, self.user, msg)}

    def say(self, what, **more):
        record = what if isinstance(what, dict) else self.record(what)
        self.send("CH_MSG", id=self.channel, msg_id=record["id"], msg=record["msg"], **more)
        return record

    def propose(self, record, **changes):
        """Somebody's stamped record through CH_MSG."""
        fields = {"from": record["from"], "stamp": record["stamp"], **changes}
        return self.say(record, **fields)

    def hear(self, record, **fields):
        """CH_MSG of the record, as it should be. With its stamp it is on this replica's disk."""
        c = self.wait("CH_MSG", id=self.channel, msg_id=record["id"], **fields)
        self.case.assertEqual((c["from"], c["msg"], c["sent"]),
                              (record["from"], record["msg"], ms_of(record["id"])))
        record["stamp"] = c["stamp"]
        return c

    def ack(self, record):
        return self.send("ACK_CH_MSG", id=record["id"], channel=self.channel,
                         digest=record["digest"])

    def commit(self, record, election, acks=()):
        return self.send("CH_COMMIT", id=record["id"], acks=list(acks), channel=self.channel,
                         election=election, digest=record["digest"])

    def committed(self, record, **fields):
        c = self.wait("CH_MSG_COMMIT", id=record["id"], channel=self.channel,
                      digest=record["digest"], **fields)
        self.keep({**record, "acks": c["acks"], "acks_n": c["acks_n"]})
        return c

    # ---- elections and synchronisation ----

    def stand(self, last=..., count=None):
        return self.send("CH_LEAD", election=0, id=self.channel,
                         last=self.last() if last is ... else last,
                         count=len(self.log) if count is None else count)

    def vote(self, asked, yes=True):
        return self.send("CH_VOTE", election=asked["election"],
                         user=asked["user"] if yes else self.user, id=self.channel,
                         last=self.last(), count=len(self.log))

    def pull(self, req=1, anchor=..., **fields):
        """With what the log holds up to the anchor, unless told otherwise."""
        anchor = self.last() if anchor is ... else anchor
        known = self.digests(anchor) if anchor else []
        fields = {"count": len(known), "fp": fingerprint(known), **fields}
        return self.send("CH_PULL", id=self.channel, anchor=anchor, req=req,
                         **{k: v for k, v in fields.items() if v is not ...})

    def append(self, asked, records, anchor=..., upto=None, more=False, **fields):
        """As a leader: a page for a routed CH_PULL."""
        return self.send("CH_APPEND", id=self.channel,
                         anchor=asked["anchor"] if anchor is ... else anchor,
                         messages=[on_page(r) if "digest" in r else r for r in records],
                         req=asked["req"], upto=upto, more=more, **fields, sid=asked["sid"])

    def merge(self, records, req=1):
        return self.send("CH_MERGE", msg=[on_page(r) if "digest" in r else r for r in records],
                         id=self.channel, req=req)


class World(dict):
    """A channel's members by their names."""

    def __init__(self, case, channel, people):
        super().__init__(people)
        self.case, self.channel = case, channel
        self.leader = self.election = None

    def __getattr__(self, name):
        return self[name]

    def elect(self, who, voters=None):
        """CH_LEAD, everybody's vote for `who`, CH_ELECTED."""
        voters = voters or list(self.values())
        who.stand()
        asked = [m.wait("CH_VOTE", user=who.user) for m in voters]
        for member, question in zip(voters, asked):
            if member is not who:
                member.vote(question)
        for member in voters:
            told = member.wait("CH_ELECTED", leader=who.user, election=asked[0]["election"])
            self.case.assertEqual(told.get("you"), True if member is who else None)
        for member in voters:
            member.status(leader=who.user, status="healthy")
        self.leader, self.election = who, asked[0]["election"]
        return self.election

    def commit(self, author, what, present=None):
        """A message through its whole life among those who are there."""
        present = present or list(self.values())
        record = author.say(what)
        for member in present:
            member.hear(record)
            if member is not author:
                member.ack(record)
        self.leader.wait("CH_MSG_ACK", id=record["id"], need=0)
        self.leader.commit(record, self.election)
        for member in present:
            told = member.committed(record)
            record.update(acks=told["acks"], acks_n=told["acks_n"])
        return record


class ChannelCase(ServerCase):
    """Servers with people and channels; each test has channels of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._keys, cls._numbers = {}, itertools.count(1)

    def key(self, name):
        if name not in self._keys:
            self._keys[name] = self.new_key(name)
        return self._keys[name]

    def member(self, name, channel, **more):
        member = Member(self, self.key(name), channel, **more)
        self.addCleanup(member.close)
        return member

    def new_channel(self, people=("ada", "ben", "cyd"), keeper="members", attached=True, **more):
        """The first owns it, the others have joined."""
        fields = {"id": wire.new_ulid(), "name": f"channel {next(self._numbers)}",
                  "keeper": keeper, "visibility": "public", "history": "all", **more}
        world = World(self, fields["id"], {p: self.member(p, fields["id"]) for p in people})
        owner = world[people[0]]
        for member in world.values():
            if member is owner:
                member.send("CH_CREATE", **fields)
            else:
                if fields["visibility"] == "private":
                    owner.send("CH_INVITE", id=fields["id"], user=member.user)
                    owner.barrier()
                member.send("CH_JOIN", id=fields["id"])
            member.wait("CH_UJOIN", channel=fields["id"], user=member.user)
            if attached:
                member.attach()
        if attached:
            for member in world.values():
                member.status(online=sorted(people))
        return world

    def new_led_channel(self, people=("ada", "ben", "cyd"), **more):
        """The first of them leads."""
        world = self.new_channel(people, **more)
        world.elect(world[people[0]])
        return world

    def edit_store(self, sql, rows):
        """While the server is away; everybody is disconnected."""
        self.server.stop()
        with sqlite3.connect(next(self.server.data_dir.glob("*.db"))) as db:
            db.executemany(sql, rows)
        db.close()
        self.server.start()

    def assert_refused(self, member, code, cmd, **fields):
        """ERR with this code and no harm done to the connection."""
        err = member.refusal(cmd, **fields)
        self.assertIsNotNone(err, f"{cmd} was not refused")
        self.assertEqual((err["code"], err["ref_cmd"]), (code, cmd))
        self.assertRegex(err["message"], r"^[A-Z`].*\.$")
        return err

    def assert_done(self, member, cmd, **fields):
        self.assertIsNone(member.refusal(cmd, **fields))


class FilledCase(ChannelCase):
    def filled(self, n, size=0, **more):
        """A channel with n records, all of them in ada's log."""
        world = self.new_channel(("ada", "ben"), keeper="server", **more)
        for i in range(n):
            world.ada.say(world.ada.record(str(i) + "." * size))
        while len(world.ada.log) < n:
            c = world.ada.wait("CH_MSG")
            record = {"id": c["msg_id"], "from": c["from"], "msg": c["msg"], "stamp": c["stamp"],
                      "acks": ["server"]}
            record["digest"] = digest_of(world.channel, *(record[k] for k in ("id", "from", "msg")))
            world.ada.keep(record)
        return world, [world.ada.log[k] for k in sorted(world.ada.log)]

    def page(self, member, req=1, **fields):
        member.pull(req=req, **fields)
        return member.wait("CH_APPEND", id=member.channel, req=req)
