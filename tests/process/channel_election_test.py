"""Leaders of channels: elected, lost, deposed; and what a restart of the server leaves."""

import unittest

from channel_support import ChannelCase, ulid, wire


class Electing(ChannelCase):
    def test_a_majority_elects_and_everybody_hears_who_leads(self):
        world = self.new_channel(("ada", "ben", "cyd", "dan", "eve"))
        world.ada.stand(last=None, count=0)
        asked = {}
        for member in world.values():
            asked = member.wait("CH_VOTE")
            self.assertEqual((asked["user"], asked["id"], asked["last"], asked["count"]),
                             ("ada", world.channel, None, 0))
        self.assertEqual(asked["election"], 1 << 20 | 1)
        world.ben.vote(asked)
        world.ben.vote(asked)  # the first of a user counts
        world.cyd.vote(asked, yes=False)
        world.cyd.vote(asked)
        world.ben.barrier(), world.cyd.barrier()
        self.assertEqual(world.dan.came("CH_ELECTED"), [])
        world.dan.vote(asked)
        for member in world.values():
            told = member.wait("CH_ELECTED", leader="ada", election=asked["election"])
            self.assertEqual(told.get("you"), True if member is world.ada else None)
            member.status(leader="ada", status="healthy", election=asked["election"])

    def test_another_device_of_the_leader_does_not_lead(self):
        world = self.new_channel()
        self._keys["ada's phone"] = wire.Key.of_file(self.server.admin("key", "add", "ada"))
        phone = self.member("ada's phone", world.channel).attach()
        world.elect(world.ada)
        self.assertIs(phone.wait("CH_ELECTED", leader="ada")["you"], False)
        record = world.ben.say("for one of them")
        phone.hear(record)
        phone.ack(record)
        world.ada.wait("CH_MSG_ACK", need=0)
        self.assert_refused(phone, "not_leader", "CH_COMMIT", id=record["id"], acks=[],
                            channel=world.channel, election=world.election,
                            digest=record["digest"])

    def test_who_may_not_stand_now_is_told_busy_and_when(self):
        world = self.new_channel(("ada", "ben"))
        lead = {"election": 0, "id": world.channel, "last": None, "count": 0}
        dan = self.member("dan", world.channel)
        self.assert_refused(dan, "not_found", "CH_LEAD", **{**lead, "id": wire.new_ulid()})
        self.assert_refused(dan, "not_member", "CH_LEAD", **lead)
        self.assert_refused(world.ada, "bad_payload", "CH_LEAD", id=world.channel)
        few = self.assert_refused(world.ada, "busy", "CH_LEAD", **lead)
        self.assertGreater(few["retry_ms"], 0)
        dan.send("CH_JOIN", id=world.channel)
        dan.attach()
        dan.status(online=["ada", "ben", "dan"])
        self.assert_done(world.ada, "CH_LEAD", **lead)
        another = self.assert_refused(world.ben, "busy", "CH_LEAD", **lead)
        self.assertGreater(another["retry_ms"], 0)
        dan.vote(dan.wait("CH_VOTE"))
        dan.wait("CH_ELECTED", leader="ada")
        self.assert_refused(world.ben, "busy", "CH_LEAD", **lead)

    def test_a_refused_candidate_waits_until_his_history_or_the_roster_changes(self):
        world = self.new_channel()
        lead = {"election": 0, "id": world.channel, "last": None, "count": 0}
        self.assert_done(world.ada, "CH_LEAD", **lead)
        for voter in (world.ben, world.cyd):
            voter.vote(voter.wait("CH_VOTE", user="ada"), yes=False)
            voter.barrier()
        world.ben.status(status="electing", leader=None)
        told = self.assert_refused(world.ada, "busy", "CH_LEAD", **lead)
        self.assertLessEqual(told["retry_ms"], 5_000)
        self.assert_done(world.ada, "CH_LEAD", **{**lead, "last": ulid(), "count": 1})
        second = world.ben.wait("CH_VOTE", user="ada", count=1)
        for voter in (world.ben, world.cyd):
            voter.vote(second, yes=False)
            voter.barrier()
        dan = self.member("dan", world.channel)
        dan.send("CH_JOIN", id=world.channel)
        dan.attach()
        dan.status(status="electing")
        self.assert_done(world.ada, "CH_LEAD", **{**lead, "last": ulid(), "count": 1})

    def test_a_vote_for_what_is_over_or_from_outside_changes_nothing(self):
        world = self.new_channel()
        dan = self.member("dan", world.channel)
        vote = {"election": 1, "user": "ada", "id": world.channel, "last": None, "count": 0}
        self.assert_refused(dan, "not_found", "CH_VOTE", **{**vote, "id": wire.new_ulid()})
        self.assert_refused(dan, "not_member", "CH_VOTE", **vote)
        self.assert_refused(world.ben, "bad_payload", "CH_VOTE", **{**vote, "count": "none"})
        self.assert_done(world.ben, "CH_VOTE", **vote)  # nobody stands
        world.ada.stand()
        asked = world.ben.wait("CH_VOTE")
        dan.send("CH_JOIN", id=world.channel)
        dan.attach()
        for stranger, election in ((dan, asked["election"]), (world.ben, asked["election"] - 1)):
            self.assert_done(stranger, "CH_VOTE", **{**vote, "election": election})
        self.assertEqual(world.cyd.came("CH_ELECTED"), [])
        world.cyd.vote(asked)
        world.cyd.wait("CH_ELECTED", leader="ada")

    def test_a_candidate_who_goes_leaves_the_place_to_another(self):
        world = self.new_channel(("ada", "ben", "cyd", "dan"))
        world.ada.stand()
        world.ben.wait("CH_VOTE", user="ada")
        world.ada.close()
        world.ben.status(online=["ben", "cyd", "dan"], status="electing")
        rest = [world.ben, world.cyd, world.dan]
        self.assertEqual(world.elect(world.ben, rest), 1 << 20 | 2)

    def test_votes_that_cannot_come_any_more_end_an_election(self):
        world = self.new_channel(("ada", "ben", "cyd", "dan", "eve"))
        world.ada.stand()
        asked = world.ben.wait("CH_VOTE")
        world.ben.vote(asked, yes=False)
        for gone in (world.dan, world.eve):
            gone.close()
        world.cyd.status(online=["ada", "ben", "cyd"])
        rest = [world.ada, world.ben, world.cyd]
        for member in rest:
            member.forget()
        world.elect(world.cyd, rest)


class LosingTheLeader(ChannelCase):
    def test_the_next_leader_commits_what_was_acknowledged_under_the_last(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        first = world.election
        record = world.ben.say("acknowledged by two")
        for member in (world.cyd, world.dan):
            member.hear(record)
        world.cyd.ack(record)
        world.dan.barrier()
        world.ben.wait("CH_MSG_ACK", user="cyd")
        world.ada.close()
        rest = [world.ben, world.cyd, world.dan]
        for member in rest:
            member.status(leader=None, status="electing")
        world.elect(world.cyd, rest)
        self.assertGreater(world.election, first)
        for user in ("ben", "cyd"):
            world.cyd.wait("CH_MSG_ACK", id=record["id"], user=user, need=1)
        world.dan.ack(record)
        world.cyd.wait("CH_MSG_ACK", user="dan", need=0)
        self.assert_refused(world.cyd, "stale_election", "CH_COMMIT", id=record["id"], acks=[],
                            channel=world.channel, election=first, digest=record["digest"])
        world.cyd.commit(record, world.election)
        for member in rest:
            self.assertEqual(member.committed(record)["acks"], ["cyd", "ben", "dan"])

    def test_a_leader_who_leaves_or_is_kicked_leads_no_more(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan", "eve"))
        self.assert_done(world.ada, "CH_SET", id=world.channel, roles={"ben": "owner"})
        self.assert_done(world.ada, "CH_LEAVE", id=world.channel)
        rest = [world.ben, world.cyd, world.dan, world.eve]
        world.ben.status(leader=None, status="electing")
        world.elect(world.cyd, rest)
        self.assert_done(world.ben, "CH_KICK", id=world.channel, user="cyd")
        world.ben.status(leader=None, status="electing")
        self.assert_refused(world.ben, "not_healthy", "CH_MSG", id=world.channel, msg_id=ulid(),
                            msg=b"nobody leads")

    def test_a_leader_who_does_not_commit_is_deposed_and_barred(self):
        world = self.new_led_channel()
        record = world.ben.say("whom the leader forgets")
        for member in (world.cyd, world.ada):
            member.hear(record)
        world.cyd.ack(record)
        world.ben.status(leader=None, status="electing")  # two strikes
        self.assert_refused(world.ada, "not_leader", "CH_COMMIT", id=record["id"], acks=[],
                            channel=world.channel, election=world.election,
                            digest=record["digest"])
        barred = self.assert_refused(world.ada, "busy", "CH_LEAD", election=0, id=world.channel,
                                     last=None, count=0)
        self.assertLessEqual(barred["retry_ms"], 500)
        world.elect(world.cyd)
        world.cyd.wait("CH_MSG_ACK", id=record["id"], need=0)
        world.cyd.commit(record, world.election)
        for member in world.values():
            member.committed(record)

    def test_where_nobody_else_stands_the_deposed_one_may_again(self):
        world = self.new_led_channel()
        record = world.ben.say("whom the leader forgets")
        world.cyd.hear(record)
        world.cyd.ack(record)
        world.ada.status(leader=None, status="electing")
        while err := world.ada.refusal("CH_LEAD", election=0, id=world.channel, last=None, count=0):
            self.assertEqual(err["code"], "busy")
        world.cyd.vote(world.cyd.wait("CH_VOTE", user="ada"))
        world.ada.wait("CH_ELECTED", you=True)
        world.ada.wait("CH_MSG_ACK", id=record["id"], need=0)


class Restarting(ChannelCase):
    def restart(self, world):
        self.server.kill()
        self.server.start()
        for member in world.values():
            member.again()
            member.attach()
        for member in world.values():
            member.status(online=sorted(world))

    def test_members_stay_numbers_grow_and_what_was_in_flight_is_gone(self):
        world = self.new_led_channel()
        settled = world.commit(world.ben, "before the cut")
        flying = world.ben.say("in flight")
        world.cyd.hear(flying)
        before = world.election
        self.restart(world)
        self.assertEqual(world.ada.again().status()["roles"], {"ada": "owner"})
        world.ada.attach()
        world.ada.status(online=["ada", "ben", "cyd"])
        self.assertGreater(world.elect(world.cyd) >> 20, before >> 20)
        self.assertEqual(world.cyd.came("CH_MSG_ACK"), [])
        ack = {"channel": world.channel}
        for record in (flying, settled):
            self.assert_refused(world.cyd, "unknown_msg", "ACK_CH_MSG", id=record["id"],
                                digest=record["digest"], **ack)

    def test_what_was_in_doubt_is_proposed_again_by_its_stamp(self):
        world = self.new_led_channel()
        flying = world.ben.say("in flight")
        for member in (world.ben, world.cyd):
            member.hear(flying)
        self.restart(world)
        world.elect(world.ada)
        stamp = flying["stamp"]
        world.cyd.propose(flying)
        for member in world.values():
            self.assertEqual(member.hear(flying)["from"], "ben")
            self.assertEqual(flying["stamp"], stamp)
        world.ben.ack(flying)
        world.ada.wait("CH_MSG_ACK", need=0)
        world.ada.commit(flying, world.election)
        for member in world.values():
            self.assertEqual(member.committed(flying)["acks"], ["ben", "cyd"])

    def test_a_retry_after_a_restart_has_the_same_stamp_and_commits_again(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "committed twice")
        stamp = record["stamp"]
        self.restart(world)
        world.elect(world.ada)
        world.ben.say(record, retry=True)
        for member in (world.ada, world.cyd):
            self.assertEqual(member.hear(record)["stamp"], stamp)
            member.ack(record)
            member.barrier()
        world.ada.commit(record, world.election)
        world.ben.committed(record)

    def test_kicked_and_invited_stay_so(self):
        world = self.new_channel(("ada", "ben"), attached=False, visibility="private")
        self.assert_done(world.ada, "CH_KICK", id=world.channel, user="ben")
        self.member("cyd", world.channel)
        self.assert_done(world.ada, "CH_INVITE", id=world.channel, user="cyd")
        self.server.kill()
        self.server.start()
        ben, cyd = self.member("ben", world.channel), self.member("cyd", world.channel)
        self.assert_refused(ben, "not_allowed", "CH_JOIN", id=world.channel)
        self.assertTrue(cyd.wait("LST_CH")["channels"][0]["invited"])
        self.assert_done(cyd, "CH_JOIN", id=world.channel)


if __name__ == "__main__":
    unittest.main()
