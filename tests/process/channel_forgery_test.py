"""Forged, altered, reordered and stolen history is refused. The numbers are those of the table in
docs/testing.md: each names one way to cheat, or one to be confused."""

import time
import unittest

from channel_support import ChannelCase, ms_of, on_page, ulid, wire


class Liars(ChannelCase):
    def alterations(self, world, record):
        """The ways to change a genuine record, under the stamp it had."""
        other = world.commit(world.cyd, "of somebody else")
        sent = ms_of(record["id"])
        earlier = (sent - 1).to_bytes(6, "big") + record["id"][6:]
        flipped = bytes([*record["stamp"][:-1], record["stamp"][-1] ^ 1])
        return {
            "text": {"msg": wire.text_content("never said")},
            "author": {"from": "ada"},
            "moved in time": {"id": earlier, "timestamp": sent - 1},
            "another id": {"id": other["id"], "timestamp": ms_of(other["id"])},
            "another's stamp": {"stamp": other["stamp"]},
            "a bit of the stamp": {"stamp": flipped},
            "a short stamp": {"stamp": record["stamp"][:19]},
            "a long stamp": {"stamp": record["stamp"] + b"\0"},
            "the key's name": {"stamp": b"\xff" * 4 + record["stamp"][4:]},
            "no stamp": {"stamp": None},
        }

    def test_H08_an_altered_record_is_merged_by_nobody(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "genuine")
        for name, change in self.alterations(world, record).items():
            with self.subTest(name):
                forged = on_page(record, **change)
                err = self.assert_refused(world.cyd, "bad_stamp", "CH_MERGE", msg=[forged],
                                          id=world.channel, req=1)
                self.assertEqual(err["id"], forged["id"])
        self.assertEqual(world.ada.came("CH_MERGE"), [])

    def test_H08_a_record_of_another_channel_is_merged_by_nobody(self):
        world, elsewhere = self.new_led_channel(), self.new_led_channel(("dan", "eve", "fay"))
        record = elsewhere.commit(elsewhere.eve, "for others")
        self.assert_refused(world.cyd, "bad_stamp", "CH_MERGE", msg=[on_page(record)],
                            id=world.channel, req=1)
        self.assert_refused(world.cyd, "bad_stamp", "CH_MSG", id=world.channel,
                            msg_id=record["id"], msg=record["msg"], stamp=record["stamp"],
                            **{"from": "eve"})

    def test_H08_two_who_forge_together_confirm_nothing(self):
        world = self.new_led_channel()
        invented = world.ada.record("what ada never said")
        invented.update(stamp=bytes(20), acks=["ada", "ben", "cyd"])
        for forger in (world.ben, world.cyd):
            self.assert_refused(forger, "bad_stamp", "CH_MERGE", msg=[on_page(invented)],
                                id=world.channel, req=1)
        for forger in (world.ben, world.cyd):
            self.assert_refused(forger, "unknown_msg", "ACK_CH_MSG", id=invented["id"],
                                channel=world.channel, digest=invented["digest"])
        commit = {"id": invented["id"], "acks": ["ben", "cyd"], "channel": world.channel,
                  "election": world.election, "digest": invented["digest"]}
        self.assert_refused(world.ada, "unknown_msg", "CH_COMMIT", **commit)
        self.assert_refused(world.ada, "unknown_msg", "CH_ACK_REQ", id=invented["id"],
                            users=["ben"], channel=world.channel, digest=invented["digest"])

    def test_H08_a_page_loses_its_forged_record_and_no_other(self):
        world = self.new_led_channel()
        good = world.commit(world.ben, "genuine")
        more = world.commit(world.cyd, "genuine too")
        self.server.kill()
        self.server.start()
        for member in world.values():
            member.again().attach()
        world.ada.status(online=["ada", "ben", "cyd"])
        world.elect(world.ada)
        forged = on_page(good, msg=b"forged")
        err = self.assert_refused(world.cyd, "bad_stamp", "CH_MERGE", id=world.channel, req=9,
                                  msg=[on_page(good), forged, on_page(more)])
        self.assertEqual(err["id"], good["id"])
        self.assertEqual(world.ada.wait("CH_MERGE")["msg"], [on_page(good), on_page(more)])

    def test_H03_a_leader_invents_and_alters_nothing_in_a_page(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        record = world.commit(world.ben, "genuine")
        changes = self.alterations(world, record)
        world.dan.pull(anchor=None)
        asked = world.ada.wait("CH_PULL")
        world.ada.append(asked, [on_page(record)] + [on_page(record, **c) for c in changes.values()])
        page = world.dan.wait("CH_APPEND")
        self.assertEqual(page["messages"], [on_page(record)])

    def test_H03_a_record_moved_in_time_spoils_its_page(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "genuine")
        moved = on_page(record, timestamp=ms_of(record["id"]) - 1)
        self.assert_refused(world.cyd, "bad_payload", "CH_MERGE", msg=[moved], id=world.channel,
                            req=1)
        world.cyd.pull()
        asked = world.ada.wait("CH_PULL")
        self.assert_refused(world.ada, "bad_payload", "CH_APPEND", id=world.channel, anchor=None,
                            messages=[moved], req=asked["req"], upto=None, more=False,
                            sid=asked["sid"])

    def test_H03_there_is_one_commit_for_everybody_and_the_server_counts_for_it(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        record = world.ben.say("three of four")
        world.cyd.hear(record)
        world.cyd.ack(record)
        world.ada.wait("CH_MSG_ACK", user="cyd", need=1)
        for claimed in (["ada", "ben", "cyd", "dan"], ["nobody"] * 40):
            self.assert_refused(world.ada, "no_quorum", "CH_COMMIT", id=record["id"],
                                acks=claimed, channel=world.channel, election=world.election,
                                digest=record["digest"])
        world.dan.ack(record)
        world.ada.wait("CH_MSG_ACK", user="dan", need=0)
        world.ada.commit(record, world.election, ["ada"])
        told = [m.committed(record) for m in world.values()]
        self.assertEqual([t["acks"] for t in told], [["ben", "cyd", "dan"]] * 4)

    def test_H03_a_page_goes_to_who_asked_and_only_once(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        record = world.commit(world.ben, "wanted")
        world.cyd.pull(req=1), world.dan.pull(req=2)
        asked = {u: world.ada.wait("CH_PULL", user=u) for u in ("cyd", "dan")}
        crossed = {**asked["cyd"], "req": asked["dan"]["req"]}
        for wrong in (crossed, {**crossed, "sid": 2**64 - 1}, {**asked["cyd"], "req": 99}):
            world.ada.append(wrong, [record])
        world.ada.append(asked["cyd"], [record])
        world.ada.append(asked["cyd"], [record])
        self.assertEqual(world.ada.came("ERR"), [])
        self.assertEqual(len(world.cyd.came("CH_APPEND")), 1)
        self.assertEqual(world.dan.came("CH_APPEND"), [])

    def test_H26_answers_for_an_earlier_connection_or_of_an_earlier_leader_go_nowhere(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        record = world.commit(world.ben, "wanted")
        world.cyd.pull(req=1)
        asked = world.ada.wait("CH_PULL")
        world.cyd.again().attach()
        world.cyd.wait("CH_ELECTED")
        world.ada.append(asked, [record])
        self.assertEqual(world.ada.came("ERR") + world.cyd.came("CH_APPEND"), [])
        world.dan.pull(req=1)
        asked = world.ada.wait("CH_PULL")
        world.ada.again().attach()
        rest = list(world.values())
        for member in rest:
            member.status(leader=None, online=sorted(world))
        world.elect(world.ben)
        self.assert_refused(world.ada, "not_leader", "CH_APPEND", id=world.channel, anchor=None,
                            messages=[on_page(record)], req=1, upto=None, more=False,
                            sid=asked["sid"])
        world.ben.append(asked, [record])  # nobody asked ben
        self.assertEqual(world.ben.came("ERR") + world.dan.came("CH_APPEND"), [])

    def test_R15_nobody_speaks_for_another(self):
        world = self.new_led_channel()
        fields = {"id": world.channel, "msg_id": ulid(), "msg": b"in ada's name"}
        self.assert_refused(world.cyd, "bad_stamp", "CH_MSG", **fields, **{"from": "ada"})
        world.cyd.send("CH_MSG", **fields, **{"from": "cyd"})  # of oneself it may be said
        self.assertEqual(world.ben.wait("CH_MSG")["from"], "cyd")

    def test_R15_nobody_votes_for_another(self):
        world = self.new_channel(("ada", "ben", "cyd", "dan", "eve"))
        self._keys["ben again"] = wire.Key.of_file(self.server.admin("key", "add", "ben"))
        twin = self.member("ben again", world.channel).attach()
        twin.status(online=sorted(world))
        world.ada.stand()
        asked = twin.wait("CH_VOTE")
        for ballot in (world.ben, twin, world.ben):
            ballot.vote(asked)
            ballot.barrier()
        self.assertEqual(world.cyd.came("CH_ELECTED"), [], "two of five")
        world.cyd.vote(asked)
        world.eve.wait("CH_ELECTED", leader="ada")

    def test_only_members_of_a_channel_learn_of_it(self):
        world = self.new_led_channel(visibility="private")
        dan = self.member("dan", world.channel)
        world.commit(world.ben, "among us")
        dan.send("CH_LST")
        self.assertNotIn(world.channel, [c["id"] for c in dan.wait("LST_CH")["channels"]])
        self.assertEqual([c for c in dan.came("CH_MSG") + dan.came("CH_STATUS")
                          if c["id"] == world.channel], [])


class Confusions(ChannelCase):
    def test_H22_a_stamp_is_the_same_on_every_retry(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "said again and again")
        stamp = record["stamp"]
        world.ben.say(record, retry=True)
        self.assertEqual(world.cyd.wait("CH_MSG", merged=True)["stamp"], stamp)
        world.cyd.propose(record)
        world.cyd.hear(record, merged=True)
        self.assertEqual(record["stamp"], stamp)

    def two_contents(self, world):
        """The first is committed, the second stamped after a restart, under one id of ben's."""
        first = world.commit(world.ben, "first")
        self.server.kill()  # which forgets what it relayed
        self.server.start()
        for member in world.values():
            member.again().attach()
        world.ada.status(online=sorted(world))
        world.elect(world.ada)
        second = world.ben.record("second", first["id"])
        world.ben.say(second)
        world.cyd.hear(second)
        self.assertNotEqual(second["stamp"], first["stamp"])
        return first, second

    def test_H23_two_contents_under_one_id_are_two_records(self):
        world = self.new_led_channel()
        first, second = self.two_contents(world)
        wrong = {"id": first["id"], "channel": world.channel, "digest": first["digest"]}
        self.assert_refused(world.cyd, "unknown_msg", "ACK_CH_MSG", **wrong)
        world.cyd.ack(second)
        world.ada.wait("CH_MSG_ACK", need=0, digest=second["digest"])
        self.assert_refused(world.ada, "unknown_msg", "CH_COMMIT", **wrong, acks=[],
                            election=world.election)
        world.ada.commit(second, world.election)
        for member in world.values():
            member.committed(second)
        # The first still has its own life: merged, confirmed, committed beside the second.
        world.cyd.merge([first])
        world.ada.wait("CH_MERGE")
        world.ada.ack(first)
        world.ada.wait("CH_MSG_ACK", need=0, digest=first["digest"])
        world.ada.commit(first, world.election)
        for member in world.values():
            member.hear(first, merged=True)
            member.committed(first)
            self.assertLessEqual({(r["id"], r["digest"]) for r in (first, second)},
                                 set(member.log))

    def test_H23_both_contents_travel_in_pages_and_are_told_apart_by_their_stamps(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        first, second = self.two_contents(world)
        genuine = [on_page(r) for r in sorted((first, second), key=lambda r: r["digest"])]
        swapped = [on_page(first, stamp=second["stamp"]), on_page(second, stamp=first["stamp"])]
        mixed = [swapped[0], genuine[0], swapped[1], genuine[1]]
        world.dan.pull(anchor=None)
        world.ada.append(world.ada.wait("CH_PULL", user="dan"), mixed)
        self.assertEqual(world.dan.wait("CH_APPEND")["messages"], genuine)
        # The same page from a member: what the leader is given to look at.
        err = self.assert_refused(world.cyd, "bad_stamp", "CH_MERGE", msg=mixed, id=world.channel,
                                  req=1)
        self.assertEqual(err["id"], first["id"])
        self.assertEqual(world.ada.wait("CH_MERGE")["msg"], genuine)

    def test_H23_a_server_that_keeps_the_channel_takes_no_second_content(self):
        world = self.new_channel(keeper="server")
        first = world.ben.say("first")
        world.cyd.hear(first)
        clash = {"id": world.channel, "msg_id": first["id"], "msg": b"second"}
        self.assert_refused(world.ben, "conflict", "CH_MSG", **clash)
        self.assert_refused(world.ben, "conflict", "CH_MSG", **clash, retry=True)
        self.assert_refused(world.cyd, "conflict", "CH_MSG", **clash)

    def test_H31_without_its_key_old_stamps_prove_nothing(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "stamped by the old key")
        self.edit_store("DELETE FROM stamp_key WHERE id >= ?", [(0,)])
        for member in world.values():
            member.again().attach()
        world.ada.status(online=["ada", "ben", "cyd"])
        world.elect(world.ada)
        self.assert_refused(world.cyd, "bad_stamp", "CH_MERGE", msg=[on_page(record)],
                            id=world.channel, req=1)
        self.assert_refused(world.cyd, "bad_stamp", "CH_MSG", id=world.channel,
                            msg_id=record["id"], msg=record["msg"], stamp=record["stamp"],
                            **{"from": "ben"})
        world.cyd.pull(anchor=None)
        world.ada.append(world.ada.wait("CH_PULL"), [record])
        self.assertEqual(world.cyd.wait("CH_APPEND")["messages"], [])
        # Its author may say it again, and it is stamped anew.
        old = record["stamp"]
        world.ben.say(record, retry=True)
        world.cyd.hear(record)
        self.assertNotEqual(record["stamp"][:4], old[:4])

    def test_H32_backdating_ends_at_30_days_but_not_for_what_has_a_stamp(self):
        world = self.new_led_channel()
        day = 86_400
        old = world.ben.record("almost too old", ulid(-30 * day + 60))
        self.assert_refused(world.ben, "expired", "CH_MSG", id=world.channel, retry=True,
                            msg_id=ulid(-30 * day - 60), msg=b"too old")
        self.assert_refused(world.ben, "bad_time", "CH_MSG", id=world.channel, msg_id=old["id"],
                            msg=old["msg"])
        world.ben.say(old, retry=True)
        for member in world.values():
            member.hear(old)

    def test_H10_records_of_a_removed_user_live_on(self):
        world = self.new_led_channel(("ada", "gus", "cyd", "dan"))
        record = world.gus.say("gus's last words")
        world.cyd.hear(record)
        self.server.admin("user", "remove", "gus")
        world.ada.wait("CH_ULEAVE", user="gus", reason="removed")
        for member in (world.cyd, world.dan):
            member.ack(record)
            member.barrier()
        world.ada.wait("CH_MSG_ACK", user="dan", need=0)
        world.ada.commit(record, world.election)
        self.assertEqual(world.cyd.committed(record)["acks"], ["cyd", "dan"])
        world.dan.propose(record)
        world.dan.hear(record, merged=True)


class Clocks(ChannelCase):
    def test_H07_a_server_whose_clock_went_back_an_hour_does_not_go_with_it(self):
        world = self.new_channel(attached=False)
        mark = int(time.time() * 1000) + 3_600_000
        self.edit_store("UPDATE meta SET value = ? WHERE key = 'clock_mark'", [(mark,)])
        for member in world.values():
            member.again().attach()
        told = world.ada.status(online=["ada", "ben", "cyd"])
        self.assertGreaterEqual(told["now"], mark)
        world.elect(world.ada)
        err = self.assert_refused(world.ben, "bad_time", "CH_MSG", id=world.channel,
                                  msg_id=ulid(), msg=b"by the wall clock")
        self.assertGreaterEqual(err["now"], mark)
        record = world.ben.record("by the server's", ulid((err["now"] / 1000) - time.time()))
        world.ben.say(record)
        world.cyd.hear(record)


if __name__ == "__main__":
    unittest.main()
