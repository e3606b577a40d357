"""Who reads slowly: bulk waits until the send queue is below its soft bound, the rest passes, and
nothing is lost (docs/protocol.md 10)."""

import socket
import unittest

from channel_support import ChannelCase, FilledCase, Member, ulid
from support import PATIENCE, wire


class SlowReaders(FilledCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def slow(self, key, channel):
        """A member whose kernel takes next to nothing for it: what it does not read waits at the
        server."""
        connect = socket.create_connection

        def narrow(*args, **more):
            s = connect(*args, **more)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            return s

        socket.create_connection = narrow
        try:
            member = Member(self, key, channel, batch=True)
        finally:
            socket.create_connection = connect
        self.addCleanup(member.close)
        return member

    def test_a_long_history_is_pulled_whole_by_one_who_does_not_read(self):
        """Forty pages are asked for before the first is read: 10 MB, ten times the hard bound of
        one who has no replica."""
        world, records = self.filled(300, size=8_000)
        dan = self.slow(self.key("dan"), world.channel)
        dan.send("CH_JOIN", id=world.channel)
        dan.barrier()
        for req in range(40):
            dan.pull(req=req, anchor=None, count=..., fp=...)
        behind = dan.send("INFO")
        world.ben.barrier()  # whom it does not hold up
        hello = world.ben.say("said meanwhile")
        world.ben.hear(hello, committed=True)
        for req in range(40):
            page = dan.wait("CH_APPEND", req=req)["messages"]
            self.assertEqual([m["id"] for m in page], [r["id"] for r in records[:len(page)]])
            self.assertGreater(len(page), 20)
        self.assertEqual(dan.wait("SINFO", ref=behind)["ref"], behind)
        self.assertEqual(dan.came("DCNN"), [])
        got, anchor, req = [], None, 100
        while True:
            req += 1
            dan.pull(req=req, anchor=anchor, count=..., fp=...)
            page = dan.wait("CH_APPEND", req=req)
            got += [m["id"] for m in page["messages"]]
            if not page["more"]:
                break
            anchor = page["upto"]
        self.assertEqual(got, [r["id"] for r in records] + [hello["id"]])

    def test_a_backlog_waits_for_its_reader(self):
        ann, bob = self.key("ann"), self.key("bob")
        author = wire.Peer(ann, PATIENCE)
        self.addCleanup(author.close)
        ids = [wire.new_ulid() for _ in range(400)]
        for i in ids:
            author.send("PV_MSG", to="bob", msg_id=i, msg=b"x" * 16_000)
        author.barrier()
        reader = self.slow(bob, ulid())
        for i in ids:
            self.assertEqual(reader.wait("MSG")["msg_id"], i)
            reader.send("ACK_MSG", **{"from": "ann", "msg_id": i})
        reader.barrier()
        self.assertEqual(reader.came("DCNN"), [])


class RoutedPulls(ChannelCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def test_a_pull_that_waits_is_routed_when_the_queue_is_drained(self):
        world = self.new_led_channel()
        world.commit(world.ben, "x" * 16_000)
        record = next(iter(world.ada.log.values()))
        big = [record] * 1
        dan = SlowReaders.slow(self, self.key("dan"), world.channel)
        dan.send("CH_JOIN", id=world.channel)
        dan.barrier()
        # What is live passes the soft bound: 25 private messages of 16,000 octets.
        for _ in range(60):
            world.ada.send("PV_MSG", to="dan", msg_id=wire.new_ulid(), msg=b"x" * 16_000)
        world.ada.barrier()
        dan.send("CH_PULL", id=world.channel, anchor=None, req=7)
        for _ in range(60):
            dan.wait("MSG")
        asked = world.ada.wait("CH_PULL", req=7)
        world.ada.append(asked, big)
        self.assertEqual(len(dan.wait("CH_APPEND", req=7)["messages"]), 1)
        self.assertEqual(dan.came("DCNN"), [])


if __name__ == "__main__":
    unittest.main()
