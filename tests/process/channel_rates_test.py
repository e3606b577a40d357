"""Rates of what a member starts, and what is not counted because the server asked for it
(docs/protocol.md 10). Each bound is passed by so much that waiting it off would take longer than
the tests' patience."""

import signal
import unittest

from channel_support import ChannelCase, fingerprint, ulid, wire
from support import MOOTD, Server


class RatesCase(ChannelCase):
    def member(self, name, channel, **more):
        return super().member(name, channel, batch=True, **more)

    def at_once(self, member, cmd, times, **fields):
        """So many commands in one frame, which is handled whole."""
        cmds = [{"cmd": cmd, **fields}] * times
        member.wait("SINFO", ref=member.send("BATCH", cmds=[*cmds, {"cmd": "INFO"}]))

    def refuse(self, world, count):
        """ada stands, with a history she did not have before, and nobody wants her."""
        world.ada.stand(last=ulid(), count=count)
        for voter in (world.ben, world.cyd):
            voter.vote(voter.wait("CH_VOTE", user="ada"), yes=False)
            voter.barrier()

    def assert_not_read(self, member, other):
        """The server reads nothing of the member now, while it serves somebody else."""
        nonce = member.send("INFO")
        for _ in range(30):
            other.barrier()
        member.peer.take_waiting()
        self.assertEqual([c for c in member.peer.commands if c.get("ref") == nonce], [])

    def authors(self, world, count=4):
        """More members, who only write."""
        people = [self.member(f"author{i}", world.channel) for i in range(count)]
        for member in people:
            member.send("CH_JOIN", id=world.channel)
            member.attach()
            member.barrier()
        return people


class Tight(RatesCase):
    ARGS = ("--set", "limits.commands_per_s=1", "--set", "limits.commands_burst=40")

    def test_acknowledgements_and_commits_that_were_asked_for_are_not_counted(self):
        world = self.new_led_channel()
        records = []
        for author in self.authors(world):
            records += [author.say(f"{author.user} {i}") for i in range(25)]
        for record in records:
            for member in (world.ben, world.cyd):
                member.hear(record)
                member.ack(record)
        world.ben.barrier(), world.cyd.barrier()
        for record in records:
            world.ada.hear(record)
            world.ada.ack(record)
        for record in records:
            world.ada.wait("CH_MSG_ACK", id=record["id"], need=0)
            world.ada.commit(record, world.election)
            world.ben.committed(record)
        self.assertEqual(len(records), 100)
        world.ada.barrier()

    def test_acknowledgements_nobody_asked_for_count_double(self):
        world = self.new_led_channel()
        unknown = {"id": ulid(), "channel": world.channel, "digest": bytes(32)}
        self.at_once(world.ben, "ACK_CH_MSG", 40, **unknown)
        self.assert_not_read(world.ben, world.cyd)

    def test_votes_nobody_asked_for_count_double(self):
        world = self.new_led_channel()
        self.at_once(world.ben, "CH_VOTE", 40, election=1, user="ada", id=world.channel, last=None,
                     count=0)
        self.assert_not_read(world.ben, world.cyd)

    def test_commands_one_starts_are_counted(self):
        world = self.new_led_channel()
        self.at_once(world.ben, "CH_MEMBERS", 70, id=world.channel)
        self.assert_not_read(world.ben, world.cyd)

    def test_pages_of_a_running_synchronisation_are_not_counted(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "the only one, told again and again")
        world.cyd.pull(req=0, anchor=None)
        for req in range(1, 90):
            world.ada.append(world.ada.wait("CH_PULL", req=req - 1), [record],
                             upto=record["id"], more=True)
            world.cyd.wait("CH_APPEND", req=req - 1)
            world.cyd.pull(req=req, anchor=record["id"], fp=..., count=...)
        world.cyd.barrier()
        world.ada.barrier()

    def test_pages_of_a_running_merge_are_not_counted(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "known already")
        for req in range(90):
            world.cyd.merge([record], req=req)
            world.cyd.wait("CH_MSG_COMMIT", id=record["id"])
        world.cyd.barrier()


class Lists(RatesCase):
    """The rates that come with the default configuration."""

    def test_ten_first_pulls_and_then_one_a_second(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        self.at_once(world.ben, "CH_PULL", 60, id=world.channel, anchor=None, req=1)
        self.assert_not_read(world.ben, world.ada)

    def test_comparing_that_goes_nowhere_is_not_free(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        world.ada.hear(world.ada.say("a record"))
        self.at_once(world.ben, "CH_PULL", 60, id=world.channel, anchor=ulid(), req=1, count=7,
                     fp=fingerprint([]))
        self.assert_not_read(world.ben, world.ada)

    def test_lists_too(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        self.at_once(world.ben, "CH_LST", 30)
        self.assert_not_read(world.ben, world.ada)

    def test_a_candidate_refused_by_vote_stands_once_in_five_seconds(self):
        world = self.new_channel()
        for count in range(2):
            self.refuse(world, count)
        world.ada.barrier()
        self.assert_not_read(world.ada, world.ben)


class SwitchedOff(RatesCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def test_nothing_is_counted(self):
        world = self.new_channel()
        for count in range(10):
            self.refuse(world, count)
        self.at_once(world.ada, "CH_LST", 300)
        self.at_once(world.ada, "CH_PULL", 300, id=world.channel, anchor=None, req=1)
        self.at_once(world.ada, "ACK_CH_MSG", 300, id=ulid(), channel=world.channel,
                     digest=bytes(32))
        world.ada.barrier()


class Reloaded(ChannelCase):
    def test_a_new_max_msg_holds_for_channels_when_sinfo_has_told_it(self):
        config = self.dir / "live.toml"
        config.write_text("[limits]\nmax_msg = 1000\n")
        with Server(MOOTD, self.dir / "live", ["-c", config]) as server:
            peer = wire.Peer(wire.Key.of_file(server.admin("user", "add", "ada")))
            lobby = peer.wait_for("CH_STATUS", name="lobby")["id"]
            said = {"id": lobby, "msg": bytes(1_001)}
            ref = peer.send("CH_MSG", msg_id=ulid(), **said)
            self.assertEqual(peer.wait_for("ERR", ref=ref)["code"], "too_large")
            config.write_text("[limits]\nmax_msg = 2000\n")
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(peer.wait_for("SINFO")["max_msg"], 2_000)
            peer.send("CH_MSG", msg_id=ulid(), **said)
            peer.wait_for("CH_MSG", msg=bytes(1_001))
            peer.close()


if __name__ == "__main__":
    unittest.main()
