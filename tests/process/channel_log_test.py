"""Messages of channels that their members keep: relayed, acknowledged, committed, refused."""

import unittest

from channel_support import ChannelCase, digest_of, ms_of, ulid, wire

MINUTE, DAY = 60, 86_400


class Committing(ChannelCase):
    def test_a_message_is_relayed_acknowledged_and_committed(self):
        world = self.new_led_channel()
        record = world.ben.say("hello")
        for member in world.values():
            told = member.hear(record)
            self.assertEqual(set(told) & {"merged", "committed", "cert"}, set())
            self.assertEqual(len(told["stamp"]), 20)
        own = [m.wait("CH_MSG_ACK", id=record["id"]) for m in (world.ada, world.ben)]
        for ack in own:
            self.assertEqual((ack["user"], ack["channel"], ack["digest"], ack["need"]),
                             ("ben", world.channel, record["digest"], 1))
        world.cyd.ack(record)
        for member in (world.ada, world.ben):
            member.wait("CH_MSG_ACK", id=record["id"], user="cyd", need=0)
        world.ada.commit(record, world.election, ["nobody", "else"])
        for member in world.values():
            told = member.committed(record)
            self.assertEqual((told["election"], told["acks"], told["acks_n"]),
                             (world.election, ["ben", "cyd"], 2))
        self.assertEqual(world.cyd.came("CH_MSG_ACK"), [], "for leader and author alone")

    def test_an_acknowledgement_carries_its_proof_and_a_commit_its_certificate(self):
        world = self.new_led_channel()
        record = world.ben.say("signed one day")
        world.cyd.hear(record)
        world.cyd.send("ACK_CH_MSG", id=record["id"], channel=world.channel,
                       digest=record["digest"], proof=b"proof")
        for member in (world.ada, world.ben):
            self.assertEqual(member.wait("CH_MSG_ACK", user="cyd")["proof"], b"proof")
        world.ada.send("CH_COMMIT", id=record["id"], acks=[], channel=world.channel,
                       election=world.election, digest=record["digest"], cert=b"cert")
        for member in world.values():
            self.assertEqual(member.committed(record)["cert"], b"cert")

    def test_acknowledgements_of_one_user_count_once_whatever_the_devices(self):
        people = ("ada", "ben", "cyd", "dan", "eve")
        world = self.new_led_channel(people)
        second = self.server.admin("key", "add", "ben")
        self._keys["ben on the phone"] = wire.Key.of_file(second)
        phone = self.member("ben on the phone", world.channel).attach()
        phone.status(online=sorted(people))
        record = world.ada.say("to two devices")
        for device in (world.ben, phone):
            device.hear(record)
            device.ack(record)
            device.ack(record)
        world.ada.wait("CH_MSG_ACK", user="ben", need=1)
        phone.barrier(), world.ben.barrier()
        self.assertEqual(world.ada.came("CH_MSG_ACK", user="ben"), [])
        err = world.ada.refusal("CH_COMMIT", id=record["id"], acks=list(people),
                                channel=world.channel, election=world.election,
                                digest=record["digest"])
        self.assertEqual(err["code"], "no_quorum")

    def test_acks_list_the_leader_and_the_author_first(self):
        world = self.new_led_channel(("cyd", "ada", "dan", "ben"))
        record = world.dan.say("an order")
        for member in (world.ada, world.ben, world.cyd):
            member.hear(record)
            member.ack(record)
            member.barrier()
        world.cyd.commit(record, world.election)
        told = world.ben.committed(record)
        self.assertEqual((told["acks"], told["acks_n"]), (["cyd", "dan", "ada", "ben"], 4))

    def test_one_who_attaches_meanwhile_hears_it_and_does_not_count(self):
        world = self.new_led_channel()
        record = world.ben.say("in flight")
        world.ada.hear(record)
        dan = self.member("dan", world.channel)
        dan.send("CH_JOIN", id=world.channel)
        dan.attach()
        dan.wait("CH_ELECTED", leader="ada")
        dan.hear(record)
        dan.ack(record)
        world.ada.wait("CH_MSG_ACK", user="dan", need=1)
        self.assert_refused(world.ada, "no_quorum", "CH_COMMIT", id=record["id"], acks=["dan"],
                            channel=world.channel, election=world.election,
                            digest=record["digest"])

    def test_one_who_leaves_is_neither_asked_nor_counted(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan", "eve"))
        record = world.ben.say("three of five")
        for who in (world.dan, world.ada):
            who.hear(record)
            who.ack(record)
            world.ada.wait("CH_MSG_ACK", user=who.user)
        self.assert_done(world.dan, "CH_LEAVE", id=world.channel)  # two of four: one is missing
        world.ada.wait("CH_ULEAVE", user="dan")
        self.assert_refused(world.ada, "no_quorum", "CH_COMMIT", id=record["id"], acks=[],
                            channel=world.channel, election=world.election,
                            digest=record["digest"])
        self.assert_done(world.eve, "CH_LEAVE", id=world.channel)  # two of three
        world.ada.wait("CH_MSG_ACK", id=record["id"], need=0)
        world.ada.commit(record, world.election)
        self.assertEqual(world.cyd.committed(record)["acks"], ["ada", "ben"])

    def test_one_who_disconnects_keeps_his_acknowledgement(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan"))
        record = world.ben.say("on his disk")
        world.dan.hear(record)
        world.dan.ack(record)
        world.ada.wait("CH_MSG_ACK", user="dan", need=1)
        world.dan.close()
        world.ada.status(online=["ada", "ben", "cyd"])
        world.ada.hear(record)
        world.ada.ack(record)
        world.ada.wait("CH_MSG_ACK", user="ada", need=0)
        world.ada.commit(record, world.election)
        self.assertEqual(world.cyd.committed(record)["acks"], ["ada", "ben", "dan"])

    def test_what_has_its_quorum_commits_in_a_channel_that_is_not_healthy(self):
        world = self.new_led_channel()
        record = world.ben.say("before")
        world.ada.hear(record)
        world.ada.ack(record)
        world.ada.wait("CH_MSG_ACK", user="ada", need=0)
        world.cyd.close()
        world.ada.status(online=["ada", "ben"], status="few", leader="ada")
        self.assert_refused(world.ben, "not_healthy", "CH_MSG", id=world.channel, msg_id=ulid(),
                            msg=b"after")
        world.ada.commit(record, world.election)
        world.ben.committed(record)

    def test_when_no_quorum_can_come_the_rest_is_asked_again(self):
        world = self.new_led_channel(("ada", "ben", "cyd", "dan", "eve"))
        record = world.ada.say("five were asked, three stay")
        world.ben.hear(record)
        world.dan.close(), world.eve.close()
        world.ada.status(online=["ada", "ben", "cyd"])
        fay = self.member("fay", world.channel)
        fay.send("CH_JOIN", id=world.channel)
        fay.attach()
        fay.hear(record)
        self.assert_done(world.cyd, "CH_LEAVE", id=world.channel)
        # Of those asked only two are left, fay is here: she is asked now, and counts.
        for member in (world.ben, fay):
            member.hear(record)
        fay.ack(record)
        world.ada.wait("CH_MSG_ACK", user="fay", need=0)
        world.ada.commit(record, world.election)
        self.assertEqual(fay.committed(record)["acks"], ["ada", "fay"])


class Repeating(ChannelCase):
    def test_a_repeated_message_in_flight_is_acknowledged_not_relayed(self):
        world = self.new_led_channel()
        record = world.ben.say("once")
        world.cyd.hear(record)
        self.assert_done(world.ben, "CH_MSG", id=world.channel, msg_id=record["id"],
                         msg=record["msg"], retry=True)
        for member in (world.ada, world.ben):
            for _ in range(2):
                member.wait("CH_MSG_ACK", id=record["id"], user="ben", need=1)
        self.assertEqual(world.cyd.came("CH_MSG"), [])

    def test_a_holders_proposal_of_a_message_in_flight_is_his_acknowledgement(self):
        world = self.new_led_channel()
        record = world.ben.say("proposed by another")
        world.cyd.hear(record)
        world.cyd.propose(record)
        world.ada.wait("CH_MSG_ACK", id=record["id"], user="cyd", need=0)

    def test_a_retry_of_a_commit_is_told_to_everybody_then_to_the_proposer_alone(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "committed already")
        for _ in range(2):
            world.ben.say(record, retry=True)
            world.ben.hear(record, merged=True)
            world.ben.committed(record, acks=record["acks"])
        told = world.cyd.came("CH_MSG", merged=True)
        self.assertEqual(len(told), 1)
        self.assertEqual(len(world.cyd.came("CH_MSG_COMMIT", id=record["id"])), 1)

    def test_repeated_acknowledgements_and_commits_change_nothing(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "settled")
        for member in world.values():
            member.forget()
        ack = {"id": record["id"], "channel": world.channel, "digest": record["digest"]}
        self.assert_done(world.cyd, "ACK_CH_MSG", **ack)
        self.assert_done(world.ada, "CH_COMMIT", **ack, acks=[], election=world.election)
        for member in world.values():
            self.assertEqual(member.came("CH_MSG_COMMIT") + member.came("CH_MSG_ACK"), [])


class Refusing(ChannelCase):
    """protocol.md 6.3: the first refusal that holds."""

    def fields(self, world, **changes):
        return {"id": world.channel, "msg_id": ulid(), "msg": b"hello", **changes}

    def test_not_found_comes_before_everything(self):
        world = self.new_channel(attached=False)
        self.assert_refused(world.ada, "not_found", "CH_MSG",
                            **self.fields(world, id=wire.new_ulid(), msg=b"x" * 16_385))

    def test_not_member_comes_before_too_large(self):
        world = self.new_channel(attached=False)
        dan = self.member("dan", world.channel)
        self.assert_refused(dan, "not_member", "CH_MSG", **self.fields(world, msg=b"x" * 16_385))

    def test_too_large_comes_before_not_healthy(self):
        world = self.new_channel(attached=False)
        err = self.assert_refused(world.ada, "too_large", "CH_MSG",
                                  **self.fields(world, msg=b"x" * 16_385))
        self.assertEqual(err["channel"], world.channel)
        self.assert_refused(world.ada, "not_healthy", "CH_MSG",
                            **self.fields(world, msg=b"x" * 16_384))

    def test_not_healthy_comes_before_not_attached(self):
        world = self.new_channel(attached=False)
        fields = self.fields(world, stamp=bytes(20))
        self.assert_refused(world.ada, "not_healthy", "CH_MSG", **fields)
        for member in world.values():
            member.attach()
        world.ada.status(status="electing")
        self.assert_refused(world.ada, "not_healthy", "CH_MSG", **fields)

    def test_not_attached_comes_before_bad_stamp(self):
        world = self.new_led_channel()
        dan = self.member("dan", world.channel)
        dan.send("CH_JOIN", id=world.channel)
        self.assert_refused(dan, "not_attached", "CH_MSG", **self.fields(world, stamp=bytes(20)))

    def test_bad_stamp_and_bad_time_come_before_conflict(self):
        world = self.new_led_channel()
        flying = world.ben.say("in flight")
        world.cyd.hear(flying)
        fields = self.fields(world, msg_id=flying["id"])
        self.assert_refused(world.cyd, "bad_stamp", "CH_MSG", **fields, stamp=flying["stamp"])
        old = ulid(-121)
        self.assert_refused(world.cyd, "bad_time", "CH_MSG", **self.fields(world, msg_id=old))
        self.assert_refused(world.cyd, "conflict", "CH_MSG", **fields)

    def test_bad_stamp(self):
        world = self.new_led_channel()
        record = world.commit(world.ben, "genuine")
        good = {"id": world.channel, "msg_id": record["id"], "msg": record["msg"],
                "from": "ben", "stamp": record["stamp"]}
        other = world.commit(world.cyd, "another")
        flipped = bytes([*record["stamp"][:-1], record["stamp"][-1] ^ 1])
        for change in ({"stamp": other["stamp"]}, {"stamp": flipped}, {"stamp": b"x"},
                       {"from": "ada"}, {"msg": b"altered"}, {"msg_id": other["id"]},
                       {"stamp": b"\0\0\0\0" + record["stamp"][4:]}):
            self.assert_refused(world.ada, "bad_stamp", "CH_MSG", **{**good, **change})
        del good["stamp"]
        self.assert_refused(world.ada, "bad_stamp", "CH_MSG", **good)
        self.assertEqual(world.cyd.came("CH_MSG"), [])

    def test_bad_time_tells_the_servers(self):
        world = self.new_led_channel()
        ahead = self.fields(world, msg_id=ulid(MINUTE))
        err = self.assert_refused(world.ben, "bad_time", "CH_MSG", **ahead)
        self.assertLess(err["now"], ms_of(ahead["msg_id"]))
        self.assertEqual(err["id"], ahead["msg_id"])
        self.assert_refused(world.ben, "bad_time", "CH_MSG", **ahead, retry=True)
        self.assert_refused(world.ben, "bad_time", "CH_MSG",
                            **self.fields(world, msg_id=ulid(-3 * MINUTE)))

    def test_a_retry_may_be_old_up_to_30_days(self):
        world = self.new_led_channel()
        self.assert_refused(world.ben, "expired", "CH_MSG", retry=True,
                            **self.fields(world, msg_id=ulid(-31 * DAY)))
        old = world.ben.record("a retry", ulid(-29 * DAY))
        world.ben.say(old, retry=True)
        world.cyd.hear(old)

    def test_conflict_while_it_flies_and_after_it_was_committed(self):
        world = self.new_led_channel()
        record = world.ben.say("first")
        world.cyd.hear(record)
        clash = self.fields(world, msg_id=record["id"])
        for member in (world.ben, world.cyd):
            self.assert_refused(member, "conflict", "CH_MSG", **clash)
        world.cyd.ack(record)
        world.ada.wait("CH_MSG_ACK", need=0)
        world.ada.commit(record, world.election)
        world.ben.committed(record)
        self.assert_refused(world.ben, "conflict", "CH_MSG", **clash, retry=True)
        self.assertEqual(len(world.cyd.came("CH_MSG")), 0)

    def test_malformed_fields_are_bad_payload(self):
        world = self.new_led_channel()
        for change in ({"msg": b""}, {"msg": "text"}, {"msg_id": b"x"}, {"retry": 1},
                       {"stamp": b""}, {"stamp": bytes(65)}, {"from": "No"}):
            self.assert_refused(world.ben, "bad_payload", "CH_MSG", **self.fields(world, **change))

    def test_acknowledging_refusals(self):
        world = self.new_led_channel()
        record = world.ben.say("to acknowledge")
        world.cyd.hear(record)
        right = {"id": record["id"], "channel": world.channel, "digest": record["digest"]}
        dan = self.member("dan", world.channel)
        for member, code, change in (
                (dan, "not_found", {"channel": wire.new_ulid()}), (dan, "not_member", {}),
                (world.cyd, "unknown_msg", {"id": ulid()}),
                (world.cyd, "unknown_msg", {"digest": bytes(32)}),
                (world.cyd, "bad_payload", {"digest": bytes(31)}),
                (world.cyd, "bad_payload", {"proof": bytes(257)})):
            self.assert_refused(member, code, "ACK_CH_MSG", **{**right, **change})
        self.assertEqual([a["user"] for a in world.ada.came("CH_MSG_ACK")], ["ben"])

    def test_committing_refusals(self):
        world = self.new_led_channel()
        record = world.ben.say("to commit")
        world.cyd.hear(record)
        right = {"id": record["id"], "acks": ["ada", "ben", "cyd"], "channel": world.channel,
                 "election": world.election, "digest": record["digest"]}
        dan = self.member("dan", world.channel)
        self.assert_refused(world.ada, "no_quorum", "CH_COMMIT", **right)
        world.cyd.ack(record)
        world.ada.wait("CH_MSG_ACK", need=0)
        for member, code, change in (
                (dan, "not_found", {"channel": wire.new_ulid()}), (dan, "not_member", {}),
                (world.cyd, "not_leader", {}), (world.cyd, "not_leader", {"election": 1}),
                (world.ada, "stale_election", {"election": world.election - 1}),
                (world.ada, "stale_election", {"election": world.election + 1}),
                (world.ada, "unknown_msg", {"id": ulid()}),
                (world.ada, "unknown_msg", {"digest": digest_of(*[bytes(16)] * 2, "x", b"y")}),
                (world.ada, "bad_payload", {"cert": bytes(8_193)}),
                (world.ada, "bad_payload", {"acks": "ada"})):
            self.assert_refused(member, code, "CH_COMMIT", **{**right, **change})
        self.assertEqual(world.ben.came("CH_MSG_COMMIT"), [])
        self.assert_done(world.ada, "CH_COMMIT", **right)
        world.ben.committed(record)


if __name__ == "__main__":
    unittest.main()
