"""DO-06 to DO-08: storms of fan-out, of pulls and of elections, and everybody else goes on."""

import os
import pathlib
import re
import socket
import time
import unittest

from channel_support import ChannelCase, ulid, wire


class FanOut(ChannelCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def test_DO_06_who_does_not_read_is_let_go_and_everybody_else_hears_all(self):
        people = ("ada", "ben", "cyd", "dan", "eve", "fay")
        world = self.new_channel(people, keeper="server")
        other = self.new_channel(("gus", "hal"), keeper="server")
        asleep = {world[name].user for name in ("dan", "eve", "fay")}
        for name in asleep:
            world[name].peer._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        readers = [world.ada, world.ben, world.cyd]
        gone = set()
        for i in range(3_000):
            record = world.ada.say("x" * 16_000)
            for member in readers:
                member.hear(record, committed=True)
            gone |= {c["id"] for c in world.ada.peer.commands if c["cmd"] == "UDCNN"}
            world.ada.peer.commands.clear()
            if i % 50 == 0:  # another channel is as it was
                other.hal.hear(other.gus.say("still here"), committed=True)
            if gone == asleep:
                break
        self.assertEqual(gone, asleep, "48 MB unread and still connected")
        last = world.ben.say("afterwards")
        for member in readers:
            member.hear(last, committed=True)


class Pulls(ChannelCase):
    """Without the rates, which read such a member more and more slowly (channel_rates_test.py)."""

    ARGS = ("--set", "limits.commands_per_s=0")

    def peak_kib(self):
        """What mootd ever had resident."""
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    def test_DO_07_who_pulls_without_end_is_let_go_and_others_synchronise(self):
        world = self.new_channel(("ada", "ben", "eve"), keeper="server")
        records = [world.ada.say("y" * 8_000) for _ in range(150)]
        for record in records:
            world.ben.hear(record, committed=True)
        # Who comes and goes within one burst of presence is not told of at all.
        world.ada.wait("UCNN", id="eve")
        before = self.peak_kib()
        # All at once, so that the server reads many of them in one go: each asks for a page of
        # 256 KiB, together 75 MiB.
        eve = world.eve.peer
        storm = b""
        for req in range(300):
            payload = wire.payload_of("CH_PULL", "c", eve._nonce, int(time.time()),
                                      {"id": world.channel, "anchor": None, "req": req})
            storm += wire.frame("CH_PULL", payload, eve.key.key)
            eve._nonce = (eve._nonce + 1) % 2**64
        eve._socket.sendall(storm)
        got, anchor, req = [], None, 0
        while True:  # meanwhile somebody who has nothing gets everything
            req += 1
            world.ben.pull(req=req, anchor=anchor, count=..., fp=...)
            page = world.ben.wait("CH_APPEND", id=world.channel, req=req)
            got += [m["id"] for m in page["messages"]]
            if not page["more"]:
                break
            anchor = page["upto"]
        self.assertEqual(got, [r["id"] for r in records])
        world.ben.hear(world.ada.say("and messages pass"), committed=True)
        self.assertEqual(eve.wait_for("DCNN")["code"], "sendq")
        world.ada.wait("UDCNN", id="eve")
        if not os.environ.get("MOOT_SANITIZE"):  # which keep what was freed
            self.assertLess(self.peak_kib() - before, 40 * 1024)


class Elections(ChannelCase):
    def test_DO_08_a_storm_of_candidacies_asks_nobody_while_there_is_a_leader(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "eve"))
        for _ in range(60):
            world.eve.stand(last=ulid(), count=1_000_000)
            world.eve.send("CH_VOTE", election=world.election + 1, user="eve", id=world.channel,
                           last=None, count=0)
        refused = world.eve.came("ERR", code="busy", ref_cmd="CH_LEAD")
        self.assertEqual(len(refused), 60)
        honest = [world.ada, world.ben, world.cyd]
        world.commit(world.ben, "the leader leads", present=honest)
        for member in honest:
            self.assertEqual(member.came("CH_VOTE") + member.came("CH_ELECTED"), [])

    def test_DO_08_a_candidate_who_was_refused_keeps_nobody_from_standing(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "eve"))
        honest = [world.ben, world.cyd]
        world.ada.close()
        world.ben.status(online=["ben", "cyd", "eve"], leader=None)
        world.eve.stand(last=None, count=0)
        for voter in honest:
            voter.vote(voter.wait("CH_VOTE", user="eve"), yes=False)
            voter.barrier()
        for _ in range(60):
            world.eve.stand(last=None, count=0)
        self.assertEqual(len(world.eve.came("ERR", code="busy", ref_cmd="CH_LEAD")), 60)
        for voter in honest:
            self.assertEqual(voter.came("CH_VOTE"), [])
        world.elect(world.ben, honest)
        world.commit(world.cyd, "goes on", present=honest)


if __name__ == "__main__":
    unittest.main()
