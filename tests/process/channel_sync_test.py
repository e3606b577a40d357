"""Pulls, pages and merges that the server routes between members and their leader."""

import unittest

from channel_support import ChannelCase, element, fingerprint, on_page, ulid, wire


class Pulling(ChannelCase):
    def away_and_back(self, world):
        """cyd misses two records."""
        seen = [world.commit(world.ada, f"seen {i}") for i in range(2)]
        world.cyd.close()
        rest = [world.ada, world.ben, world.dan]
        world.ada.status(online=["ada", "ben", "dan"])
        missed = [world.commit(world.ben, f"missed {i}", rest) for i in range(2)]
        world.cyd.connect().attach()
        world.cyd.wait("CH_ELECTED", leader="ada")
        return seen, missed

    def test_a_member_who_was_away_pulls_what_he_missed(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        seen, missed = self.away_and_back(world)
        world.cyd.pull(req=77)
        asked = world.ada.wait("CH_PULL", id=world.channel)
        known = sorted(world.ada.digests(seen[-1]["id"]))
        self.assertEqual((asked["anchor"], asked["req"], asked["count"], asked["fp"], asked["user"]),
                         (seen[-1]["id"], 77, 2, fingerprint(known), "cyd"))
        world.ada.append(asked, missed)
        page = world.cyd.wait("CH_APPEND", id=world.channel)
        self.assertEqual((page["anchor"], page["req"], page["upto"], page["more"]),
                         (seen[-1]["id"], 77, None, False))
        self.assertEqual(page["messages"], [on_page(r) for r in missed])
        self.assertNotIn("sid", page)

    def test_any_connection_of_a_member_pulls(self):
        world = self.new_led_channel()
        dan = self.member("dan", world.channel)
        dan.send("CH_JOIN", id=world.channel)
        dan.pull(req=2**64 - 1)
        asked = world.ada.wait("CH_PULL", user="dan")
        world.ada.append(asked, [])
        self.assertEqual(dan.wait("CH_APPEND")["req"], 2**64 - 1)

    def test_ranges_and_wants_pass_both_ways(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        seen, missed = self.away_and_back(world)
        everything = [element(r) for r in seen + missed]
        world.cyd.send("CH_PULL", id=world.channel, anchor=None, req=1,
                       ranges=[[everything[1], 1, [fingerprint([seen[0]["digest"]]), 1]],
                               [None, 2, [everything[1]]]])
        asked = world.ada.wait("CH_PULL")
        self.assertEqual(asked["ranges"][1], [None, 2, [everything[1]]])
        theirs = [[everything[1], 0, None], [None, 2, everything[1:]]]
        world.ada.append(asked, [], ranges=theirs)
        page = world.cyd.wait("CH_APPEND")
        self.assertEqual((page["ranges"], page["messages"]), (theirs, []))
        world.cyd.send("CH_PULL", id=world.channel, anchor=None, req=2, want=everything[2:])
        asked = world.ada.wait("CH_PULL")
        self.assertEqual(asked["want"], everything[2:])
        world.ada.append(asked, missed)
        self.assertEqual(len(world.cyd.wait("CH_APPEND")["messages"]), 2)

    def test_refusals(self):
        world = self.new_channel()
        dan = self.member("dan", world.channel)
        pull = {"id": world.channel, "anchor": None, "req": 1}
        self.assert_refused(dan, "not_found", "CH_PULL", **{**pull, "id": wire.new_ulid()})
        self.assert_refused(dan, "not_member", "CH_PULL", **pull)
        busy = self.assert_refused(world.ben, "busy", "CH_PULL", **pull)
        self.assertGreater(busy["retry_ms"], 0)
        world.elect(world.ada)
        for change in ({"req": "1"}, {"anchor": b"x"}, {"fp": bytes(15)}, {"want": [bytes(23)]},
                       {"want": [bytes(24)] * 257}, {"ranges": [[None, 3, None]]},
                       {"ranges": [[bytes(25), 0, None]]}, {"since": 1}):
            self.assert_refused(world.ben, "bad_payload", "CH_PULL", **{**pull, **change})
        self.assert_done(world.ada, "CH_PULL", **pull)  # a leader has nobody to ask
        self.assertEqual(world.ada.came("CH_PULL") + world.ada.came("CH_APPEND"), [])

    def test_so_many_pulls_of_a_connection_wait(self):
        world = self.new_led_channel()
        dan = self.member("dan", world.channel)
        dan.send("CH_JOIN", id=world.channel)
        for req in range(12):
            self.assert_done(dan, "CH_PULL", id=world.channel, anchor=None, req=req)
        self.assert_done(dan, "CH_PULL", id=world.channel, anchor=None, req=3)  # the same again
        self.assert_refused(dan, "busy", "CH_PULL", id=world.channel, anchor=None, req=12)
        world.ada.append(world.ada.wait("CH_PULL", req=3), [])
        dan.wait("CH_APPEND", req=3)
        self.assert_done(dan, "CH_PULL", id=world.channel, anchor=None, req=12)


class Appending(ChannelCase):
    def test_refusals(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "on a page")
        page = {"id": world.channel, "anchor": None, "messages": [], "req": 1, "upto": None,
                "more": False, "sid": 1}
        dan = self.member("dan", world.channel)
        self.assert_refused(dan, "not_found", "CH_APPEND", **{**page, "id": wire.new_ulid()})
        self.assert_refused(dan, "not_member", "CH_APPEND", **page)
        self.assert_refused(world.cyd, "not_leader", "CH_APPEND", **page)
        no_sid = {k: v for k, v in page.items() if k != "sid"}
        self.assert_refused(world.ada, "bad_payload", "CH_APPEND", **no_sid)
        world.cyd.pull()
        asked = world.ada.wait("CH_PULL")
        malformed = ({"timestamp": 1}, {"msg": b""}, {"msg": bytes(16_385)}, {"from": "No One"},
                     {"acks": ["ben"] * 33, "acks_n": 33}, {"acks": ["ben"], "acks_n": 0},
                     {"stamp": bytes(65)}, {"cert": bytes(8_193)}, {"id": b"short"})
        for change in malformed:
            with self.subTest(change):
                fields = {**page, "sid": asked["sid"],
                          "messages": [on_page(record), on_page(record, **change)]}
                self.assert_refused(world.ada, "bad_payload", "CH_APPEND", **fields)
        world.ada.append(asked, [record])
        self.assertEqual(len(world.cyd.wait("CH_APPEND")["messages"]), 1)

    def test_a_page_has_256_records(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "again and again")
        world.cyd.pull()
        asked = world.ada.wait("CH_PULL")
        page = {"id": world.channel, "anchor": None, "req": asked["req"], "upto": record["id"],
                "more": True, "sid": asked["sid"]}
        self.assert_refused(world.ada, "bad_payload", "CH_APPEND", messages=[on_page(record)] * 257,
                            **page)
        self.assert_done(world.ada, "CH_APPEND", messages=[on_page(record)] * 256, **page)
        self.assertEqual(len(world.cyd.wait("CH_APPEND")["messages"]), 256)


class Merging(ChannelCase):
    """cyd keeps a record that the leader lacks and the server does not remember."""

    def diverged(self, people=("ada", "ben", "cyd", "dan")):
        world = self.new_led_channel(people)
        world.dan.close()
        world.ada.status(online=[p for p in sorted(people) if p != "dan"])
        rest = [m for m in world.values() if m is not world.dan]
        record = world.commit(world.ben, "dan never saw it", rest)
        self.server.kill()
        self.server.start()
        for member in rest:
            member.again().attach()
        world.dan.connect().attach()
        for member in world.values():
            member.status(online=sorted(people))
        world.elect(world.dan)
        return world, record

    def test_a_record_is_merged_when_another_member_confirms_it(self):
        world, record = self.diverged()
        world.cyd.merge([record], req=5)
        asked = world.dan.wait("CH_MERGE", id=world.channel)
        self.assertEqual((asked["req"], asked["user"], asked["msg"]),
                         (5, "cyd", [on_page(record)]))
        commit = {"id": record["id"], "acks": [], "channel": world.channel,
                  "election": world.election, "digest": record["digest"]}
        self.assert_refused(world.dan, "no_quorum", "CH_COMMIT", **commit)
        world.dan.send("CH_ACK_REQ", id=record["id"], users=["ada", "cyd"], channel=world.channel,
                       digest=record["digest"])
        told = world.ada.wait("CH_MSG_CONFIRM")
        self.assertEqual((told["id"], told["message"], told["digest"]),
                         (world.channel, record["id"], record["digest"]))
        self.assertEqual(world.cyd.came("CH_MSG_CONFIRM"), [], "nobody confirms his own claim")
        self.assertEqual(world.ben.came("CH_MSG_CONFIRM"), [], "he was not asked")
        self.assert_done(world.cyd, "ACK_CH_MSG", id=record["id"], channel=world.channel,
                         digest=record["digest"])
        self.assert_refused(world.dan, "no_quorum", "CH_COMMIT", **commit)
        world.ada.ack(record)
        world.dan.wait("CH_MSG_ACK", id=record["id"], user="ada", need=0)
        self.assert_done(world.dan, "CH_COMMIT", **commit)
        for member in world.values():
            member.hear(record, merged=True)
            self.assertLessEqual({"ada", "ben"}, set(member.committed(record)["acks"]))

    def test_a_record_that_nobody_confirms_goes_through_a_normal_round(self):
        world, record = self.diverged()
        world.cyd.merge([record])
        world.dan.wait("CH_MERGE")
        world.dan.propose(record)
        for member in world.values():
            self.assertNotIn("merged", member.hear(record))
        for member in (world.ada, world.ben):
            member.ack(record)
            world.dan.wait("CH_MSG_ACK", user=member.user)
        world.dan.commit(record, world.election)
        for member in world.values():
            member.committed(record)

    def test_a_leader_confirms_by_his_own_acknowledgement(self):
        world, record = self.diverged()
        world.cyd.merge([record])
        world.dan.wait("CH_MERGE")
        world.dan.ack(record)
        world.dan.wait("CH_MSG_ACK", user="dan", need=0)
        world.dan.commit(record, world.election)
        world.ben.committed(record)

    def test_what_was_committed_meanwhile_is_told_to_who_merges(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "a moment ago")
        world.cyd.merge([record])
        world.cyd.wait("CH_MSG_COMMIT", id=record["id"])
        self.assertEqual(world.ada.came("CH_MERGE") + world.ben.came("CH_MSG_COMMIT"), [])

    def test_a_leader_who_came_after_the_commit_learns_it_with_everybody(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        world.dan.close()
        world.ada.status(online=["ada", "ben", "cyd"])
        record = world.commit(world.ben, "dan was away", [world.ada, world.ben, world.cyd])
        world.dan.connect().attach()
        world.dan.wait("CH_ELECTED", leader="ada")
        world.ada.close()
        rest = [world.ben, world.cyd, world.dan]
        world.dan.status(leader=None)
        world.elect(world.dan, rest)
        world.cyd.merge([record])
        for member in rest:
            member.hear(record, merged=True)
            member.committed(record)

    def test_refusals(self):
        world = self.new_channel()
        record = world.ada.record("never relayed")
        entry = {**on_page(record), "stamp": bytes(20)}
        merge = {"msg": [entry], "id": world.channel, "req": 1}
        dan = self.member("dan", world.channel)
        self.assert_refused(dan, "not_found", "CH_MERGE", **{**merge, "id": wire.new_ulid()})
        self.assert_refused(dan, "not_member", "CH_MERGE", **merge)
        busy = self.assert_refused(world.cyd, "busy", "CH_MERGE", **merge)
        self.assertGreater(busy["retry_ms"], 0)
        world.elect(world.ada)
        for change in ({"timestamp": 1}, {"msg": bytes(16_385)}, {"acks": ["a"] * 33, "acks_n": 33},
                       {"acks": ["ada", "ben"], "acks_n": 1}, {"from": ""}, {"msg": b""}):
            self.assert_refused(world.cyd, "bad_payload", "CH_MERGE",
                                **{**merge, "msg": [entry, {**entry, **change}]})
        self.assert_refused(world.cyd, "bad_payload", "CH_MERGE", **{**merge, "msg": [entry] * 257})
        err = self.assert_refused(world.cyd, "bad_stamp", "CH_MERGE", **merge)
        self.assertEqual(err["id"], record["id"])
        self.assertEqual(world.ada.came("CH_MERGE"), [])

    def test_asking_for_confirmation_refusals(self):
        world, record = self.diverged()
        world.cyd.merge([record])
        world.dan.wait("CH_MERGE")
        ask = {"id": record["id"], "users": ["ada"], "channel": world.channel,
               "digest": record["digest"]}
        eve = self.member("eve", world.channel)
        self.assert_refused(eve, "not_found", "CH_ACK_REQ", **{**ask, "channel": wire.new_ulid()})
        self.assert_refused(eve, "not_member", "CH_ACK_REQ", **ask)
        self.assert_refused(world.ben, "not_leader", "CH_ACK_REQ", **ask)
        self.assert_refused(world.dan, "unknown_msg", "CH_ACK_REQ", **{**ask, "id": ulid()})
        self.assert_refused(world.dan, "unknown_msg", "CH_ACK_REQ", **{**ask, "digest": bytes(32)})
        self.assert_refused(world.dan, "bad_payload", "CH_ACK_REQ", **{**ask, "users": "ada"})
        self.assertEqual(world.ada.came("CH_MSG_CONFIRM"), [])


class SinceJoin(ChannelCase):
    def test_a_member_pulls_and_hears_nothing_from_before_his_time(self):
        world = self.new_channel(history="since_join", attached=False)
        self.edit_store("UPDATE member SET joined = 0 WHERE channel = ?", [(world.channel,)])
        for member in world.values():
            member.again().attach()
        for member in world.values():
            member.status(online=["ada", "ben", "cyd"])
        world.elect(world.ada)
        old = world.ben.record("before dan", ulid(-1_000))
        world.ben.say(old, retry=True)
        world.cyd.hear(old)
        dan = self.member("dan", world.channel)
        dan.send("CH_JOIN", id=world.channel)
        dan.attach()
        dan.wait("CH_ELECTED")
        self.assertEqual(dan.came("CH_MSG"), [], "nor what is in flight")
        world.cyd.ack(old)
        world.ada.wait("CH_MSG_ACK", need=0)
        world.ada.commit(old, world.election)
        world.cyd.committed(old)
        self.assertEqual(dan.came("CH_MSG_COMMIT"), [])
        new = world.commit(world.ben, "with dan", [world.ada, world.ben, world.cyd, dan])
        for asked_since in (None, old["id"]):
            dan.pull(anchor=None, since=asked_since, count=..., fp=...)
            asked = world.ada.wait("CH_PULL", user="dan")
            self.assertGreater(asked["since"], old["id"])
            self.assertLess(asked["since"], new["id"])
            world.ada.append(asked, [old, new])  # a leader who does not care
            page = dan.wait("CH_APPEND")
            self.assertEqual([r["id"] for r in page["messages"]], [new["id"]])


if __name__ == "__main__":
    unittest.main()
