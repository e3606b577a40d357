"""Channels that the server keeps: on its disk before anybody hears of it, led by it for ever."""

import unittest

from channel_support import ChannelCase, FilledCase, element, fingerprint, on_page, ulid, wire


class Keeping(ChannelCase):
    def test_a_message_is_committed_when_it_arrives(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        record = world.ben.say("kept")
        for member in world.values():
            self.assertNotIn("merged", member.hear(record, committed=True))
        self.assertEqual(world.ada.came("CH_MSG_COMMIT"), [], "the second frame is saved")

    def test_one_member_is_enough_and_needs_no_replica(self):
        world = self.new_channel(("ada",), keeper="server", attached=False)
        record = world.ada.say("alone")
        world.ada.hear(record, committed=True)
        self.assertEqual(len(record["stamp"]), 20)

    def test_the_server_leads_by_a_number_of_its_epoch(self):
        world = self.new_channel(("ada",), keeper="server")
        told = world.ada.wait("CH_ELECTED", leader="server")
        self.assertEqual((told["election"], told.get("you")), (1 << 20 | 1, None))
        self.server.kill()
        self.server.start()
        world.ada.again().attach()
        self.assertEqual(world.ada.wait("CH_ELECTED")["election"], 2 << 20 | 1)

    def test_a_record_survives_sigkill_as_soon_as_it_was_heard(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        records = [world.ben.say(f"number {i}") for i in range(20)]
        world.ada.hear(records[0])
        heard = [records[0]]
        self.server.kill()
        try:
            while True:
                world.ada.peer.commands.append(world.ada.peer.receive())
        except ConnectionError:
            ids = {c["msg_id"] for c in world.ada.peer.commands if c["cmd"] == "CH_MSG"}
            heard += [r for r in records if r["id"] in ids]
        self.server.start()
        world.ada.again()
        world.ada.pull(anchor=None, count=..., fp=...)
        kept = {m["id"] for m in world.ada.wait("CH_APPEND")["messages"]}
        self.assertLessEqual({r["id"] for r in heard}, kept)

    def test_a_barrier_after_a_message_says_that_it_is_on_disk(self):
        world = self.new_channel(("ada",), keeper="server", attached=False)
        record = world.ada.say("safe")
        world.ada.barrier()
        self.server.kill()
        self.server.start()
        world.ada.again().pull(anchor=None, count=..., fp=...)
        self.assertEqual([m["id"] for m in world.ada.wait("CH_APPEND")["messages"]],
                         [record["id"]])

    def test_a_retry_is_told_to_everybody_then_to_the_sender_alone_and_kept_once(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        record = world.ben.say("once")
        world.ada.hear(record)
        stamp = record["stamp"]
        for _ in range(2):
            world.ben.say(record, retry=True)
            self.assertEqual(world.ben.hear(record, merged=True, committed=True)["stamp"], stamp)
        self.assertEqual(len(world.ada.came("CH_MSG", merged=True)), 1)
        world.ada.pull(anchor=None)
        self.assertEqual(len(world.ada.wait("CH_APPEND")["messages"]), 1)

    def test_a_retry_without_replica_is_told_to_who_sends_it(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        record = world.ben.say("retried")
        world.ben.hear(record)
        self._keys["ben's phone"] = wire.Key.of_file(self.server.admin("key", "add", "ben"))
        phone = self.member("ben's phone", world.channel)
        for _ in range(2):
            phone.say(record, retry=True)
            phone.hear(record, merged=True, committed=True)

    def test_messages_of_a_batch_are_kept_in_order_and_refused_by_their_place(self):
        world = self.new_channel(("ada",), keeper="server", attached=False)
        world.ada.close()
        world.ada.peer = wire.Peer(world.ada.key, batch=True)
        said = [world.ada.record(str(i)) for i in range(10)]
        cmds = [{"cmd": "CH_MSG", "id": world.channel, "msg_id": r["id"], "msg": r["msg"]}
                for r in said]
        cmds[4]["msg"] = bytes(16_385)
        ref = world.ada.send("BATCH", cmds=cmds)
        err = world.ada.wait("ERR", ref=ref)
        self.assertEqual((err["code"], err["ref_cmd"], err["ref_index"]),
                         ("too_large", "CH_MSG", 4))
        heard = [world.ada.wait("CH_MSG")["msg_id"] for _ in range(9)]
        self.assertEqual(heard, [r["id"] for r in said[:4] + said[5:]])


class KeeperRefusing(ChannelCase):
    def test_messages(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        carl = self.member("carl", world.channel)
        record = world.ben.say("there")
        world.ben.hear(record)
        new = {"id": world.channel, "msg_id": ulid(), "msg": b"new"}
        again = {"id": world.channel, "msg_id": record["id"], "msg": record["msg"]}
        day = 86_400
        for member, code, fields in (
                (carl, "not_found", {**new, "id": wire.new_ulid(), "msg": bytes(16_385)}),
                (carl, "not_member", {**new, "msg": bytes(16_385)}),
                (world.ben, "too_large", {**new, "msg": bytes(16_385), "stamp": b"x"}),
                (world.ben, "bad_stamp", {**again, "msg": b"other", "stamp": record["stamp"]}),
                (world.ben, "bad_stamp", {**new, "from": "ada"}),
                (world.ben, "bad_time", {**new, "msg_id": ulid(60)}),
                (world.ben, "bad_time", {**new, "msg_id": ulid(-180)}),
                (world.ben, "expired", {**new, "msg_id": ulid(-31 * day), "retry": True}),
                (world.ben, "conflict", {**again, "msg": b"other"}),
                (world.ada, "conflict", {**again})):
            with self.subTest(code):
                self.assert_refused(member, code, "CH_MSG", **fields)
        self.assertEqual(world.ada.came("CH_MSG", msg_id=new["msg_id"]), [])

    def test_conflict_is_judged_against_the_log_also_after_a_restart(self):
        world = self.new_channel(("ada",), keeper="server")
        record = world.ada.say("written down")
        world.ada.hear(record)
        self.server.kill()
        self.server.start()
        world.ada.again()
        self.assert_refused(world.ada, "conflict", "CH_MSG", id=world.channel, retry=True,
                            msg_id=record["id"], msg=b"something else")

    def test_nobody_else_leads(self):
        world = self.new_channel(("ada", "ben", "cyd"), keeper="server")
        record = world.ben.say("the server's")
        world.ada.hear(record)
        about = {"id": record["id"], "channel": world.channel, "digest": record["digest"]}
        self.assert_refused(world.ada, "busy", "CH_LEAD", election=0, id=world.channel, last=None,
                            count=0)
        self.assert_refused(world.ada, "not_leader", "CH_COMMIT", **about, acks=[], election=1)
        self.assert_refused(world.ada, "not_leader", "CH_ACK_REQ", **about, users=["ben"])
        self.assert_refused(world.ada, "not_leader", "CH_APPEND", id=world.channel, anchor=None,
                            messages=[], req=1, upto=None, more=False, sid=1)
        self.assert_done(world.ada, "CH_VOTE", election=1, user="ada", id=world.channel, last=None,
                         count=0)


class Receipts(ChannelCase):
    def test_they_go_to_the_author_alone(self):
        world = self.new_channel(("ada", "ben", "cyd"), keeper="server")
        record = world.ben.say("got it?")
        world.ada.hear(record)
        world.ada.ack(record)
        told = world.ben.wait("CH_MSG_ACK", id=record["id"], digest=record["digest"])
        self.assertEqual((told["user"], told["channel"], told["need"]), ("ada", world.channel, 0))
        self.assertEqual(world.cyd.came("CH_MSG_ACK") + world.ada.came("CH_MSG_ACK"), [])
        unknown = {"id": record["id"], "channel": world.channel}
        self.assert_refused(world.ada, "unknown_msg", "ACK_CH_MSG", **unknown, digest=bytes(32))

    def test_of_a_record_from_before_a_restart_too(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        record = world.ben.say("an old one")
        world.ada.hear(record)
        self.server.kill()
        self.server.start()
        for member in world.values():
            member.again().attach()
        world.ada.ack(record)
        world.ben.wait("CH_MSG_ACK", user="ada", id=record["id"])

    def test_50_members_give_receipts_and_51_do_not(self):
        world = self.new_channel(("ada", "ben"), keeper="server", attached=False)
        self.edit_store("INSERT INTO member VALUES(?, ?, 'none', 0)",
                        [(world.channel, f"n{i:05}") for i in range(48)])
        for member in world.values():
            member.again().attach()
        self.assertTrue(world.ada.status()["acks"])
        record = world.ben.say("to fifty")
        world.ada.hear(record)
        world.ada.ack(record)
        world.ben.wait("CH_MSG_ACK", user="ada")
        carl = self.member("carl", world.channel)
        carl.send("CH_JOIN", id=world.channel)
        world.ada.status(acks=False)
        record = world.ben.say("to fifty-one")
        world.ada.hear(record)
        self.assert_done(world.ada, "ACK_CH_MSG", id=record["id"], channel=world.channel,
                         digest=record["digest"])
        self.assertEqual(world.ben.came("CH_MSG_ACK"), [])


class KeeperSync(FilledCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def test_a_pull_brings_what_is_behind_the_anchor(self):
        world, records = self.filled(5)
        page = self.page(world.ben, anchor=None)
        self.assertEqual((page["messages"], page["anchor"], page["upto"], page["more"]),
                         ([on_page(r) for r in records], None, None, False))
        for record in records[:3]:
            world.ben.keep(record)
        page = self.page(world.ben)
        self.assertEqual([m["id"] for m in page["messages"]], [r["id"] for r in records[3:]])
        self.assertEqual(self.page(world.ada)["messages"], [])

    def test_H16_an_anchor_the_keeper_lacks_has_a_place_all_the_same(self):
        world, records = self.filled(3)
        between = records[1]["id"][:-1] + bytes([records[1]["id"][-1] ^ 1])
        before = max((r["id"] for r in records if r["id"] < between), default=None)
        page = self.page(world.ben, anchor=between, count=..., fp=...)
        self.assertEqual(page["anchor"], before)
        self.assertEqual([m["id"] for m in page["messages"]],
                         [r["id"] for r in records if before is None or r["id"] > before])

    def test_H17_an_empty_answer_still_names_its_range(self):
        world, records = self.filled(2)
        page = self.page(world.ada)
        self.assertEqual((page["messages"], page["anchor"], page["upto"], page["more"]),
                         ([], records[-1]["id"], None, False))
        empty = self.new_channel(("ada",), keeper="server")
        page = self.page(empty.ada, anchor=None)
        self.assertEqual((page["messages"], page["anchor"], page["upto"]), ([], None, None))
        # Before the first message and with more than the keeper has.
        extra = ulid()
        page = self.page(empty.ada, anchor=extra, count=..., fp=...)
        self.assertEqual((page["messages"], page["anchor"], page["upto"]), ([], None, None))

    def test_where_fingerprints_differ_ranges_find_the_difference(self):
        world, records = self.filled(100)
        for record in records[:40] + records[41:]:
            world.ben.keep(record)
        page = self.page(world.ben)
        self.assertEqual((page["messages"], page["anchor"], page["upto"]), ([], None, None))
        self.assertGreaterEqual(len(page["ranges"]), 2)
        asked, found = page["ranges"], None
        for req in range(2, 18):
            asked, found = self.compare(world.ben, asked)
            if found:
                break
            asked = self.page(world.ben, req=req, anchor=None, count=..., fp=...,
                              ranges=asked)["ranges"]
        self.assertEqual(found, [element(records[40])])
        page = self.page(world.ben, req=99, anchor=None, count=..., fp=..., want=found)
        self.assertEqual(page["messages"], [on_page(records[40])])
        self.assertEqual((page["anchor"], page["upto"], page["more"]), (None, None, False))

    def compare(self, member, ranges):
        """One round of a puller: (ranges to ask, elements that are missing here)."""
        mine = sorted(element(r) for r in member.log.values())
        answer, missing, low = [], [], b""
        for upper, mode, what in ranges:
            inside = [e for e in mine if e >= low and (upper is None or e < upper)]
            own = [r["digest"] for r in member.log.values() if element(r) in inside]
            if mode == 2:
                missing += [e for e in what if e not in inside]
            if mode == 1 and what == [fingerprint(own), len(own)] or mode != 1:
                answer.append([upper, 0, None])
            else:
                answer.append([upper, 2, inside])
            low = upper
        return answer, missing

    def test_since_join_is_respected_whatever_the_puller_says(self):
        world, records = self.filled(3, history="since_join")
        self.edit_store("UPDATE member SET joined = joined + ? WHERE user = ? AND channel = ?",
                        [(1_000_000, "ben", world.channel)])
        for member in world.values():
            member.again().attach()
        for fields in ({}, {"since": None}, {"since": records[0]["id"]},
                       {"want": [element(records[1])]},
                       {"ranges": [[None, 2, []]]}):
            page = self.page(world.ben, anchor=None, count=..., fp=..., **fields)
            self.assertEqual(page["messages"], [])
            self.assertEqual([e for r in page.get("ranges", []) for e in r[2] or []], [])
        self.assertEqual(len(self.page(world.ada, anchor=None)["messages"]), 3)
        own = world.ben.say("one's own is seen at once")
        world.ben.hear(own)

    def test_refusals(self):
        world = self.new_channel(("ada",), keeper="server")
        carl = self.member("carl", world.channel)
        pull = {"id": world.channel, "anchor": None, "req": 1}
        self.assert_refused(carl, "not_found", "CH_PULL", **{**pull, "id": wire.new_ulid()})
        self.assert_refused(carl, "not_member", "CH_PULL", **pull)
        self.assert_refused(world.ada, "bad_payload", "CH_PULL", **pull, fp=b"short")


class KeeperMerging(ChannelCase):
    def lost(self, first=2):
        """A channel whose keeper lost the last records of three, as an old backup would."""
        world = self.new_channel(("ada", "ben"), keeper="server")
        records = [world.ben.say(f"{i}") for i in range(3)]
        for record in records:
            for member in world.values():
                member.hear(record)
        self.edit_store("DELETE FROM record WHERE channel = ? AND id = ?",
                        [(world.channel, r["id"]) for r in records[first:]])
        for member in world.values():
            member.again().attach()
        return world, records

    def test_a_stamp_is_enough(self):
        world, records = self.lost()
        world.ben.merge([records[2]])
        for member in world.values():
            member.hear(records[2], merged=True, committed=True)
        world.ada.pull(anchor=None, count=..., fp=...)
        page = world.ada.wait("CH_APPEND")["messages"]
        self.assertEqual([m["id"] for m in page], [r["id"] for r in records])
        self.assertEqual(page[2]["acks"], ["server"])

    def test_H15_merged_in_any_order_the_log_has_its_own(self):
        world, records = self.lost(first=0)
        world.ben.merge([records[2], records[0]])
        world.ben.merge([records[1], records[2]])
        for record in (records[2], records[0], records[1]):
            world.ada.hear(record, merged=True)
        world.ada.pull(anchor=None, count=..., fp=...)
        page = world.ada.wait("CH_APPEND")["messages"]
        self.assertEqual([m["id"] for m in page], [r["id"] for r in records])

    def test_a_stamped_proposal_is_enough_too(self):
        world, records = self.lost()
        world.ada.propose(records[2])
        for member in world.values():
            self.assertEqual(member.hear(records[2], committed=True)["from"], "ben")

    def test_what_the_server_has_is_told_to_who_merges_it_alone(self):
        world, records = self.lost()
        world.ben.merge(records[:2])
        for record in records[:2]:
            told = world.ben.wait("CH_MSG_COMMIT", id=record["id"], digest=record["digest"])
            self.assertEqual(told["acks"], ["server"])
        self.assertEqual(world.ada.came("CH_MSG") + world.ada.came("CH_MSG_COMMIT"), [])

    def test_refusals(self):
        world, records = self.lost()
        forged = on_page(records[2], msg=b"forged")
        err = self.assert_refused(world.ben, "bad_stamp", "CH_MERGE", id=world.channel, req=1,
                                  msg=[forged, on_page(records[2])])
        self.assertEqual(err["id"], records[2]["id"])
        self.assertEqual([c["msg"] for c in world.ada.came("CH_MSG")], [records[2]["msg"]])
        for change in ({"timestamp": 1}, {"msg": bytes(16_385)}, {"acks_n": 0}):
            self.assert_refused(world.ben, "bad_payload", "CH_MERGE", id=world.channel, req=1,
                                msg=[on_page(records[0], acks=["server"], **{"acks_n": 1, **change})])
        carl = self.member("carl", world.channel)
        merge = {"msg": [], "id": world.channel, "req": 1}
        self.assert_refused(carl, "not_found", "CH_MERGE", **{**merge, "id": wire.new_ulid()})
        self.assert_refused(carl, "not_member", "CH_MERGE", **merge)


class Lobby(ChannelCase):
    def lobby(self, name):
        member = self.member(name, bytes(16))
        member.channel = member.wait("CH_STATUS", name="lobby")["id"]
        return member

    def test_every_account_is_a_member(self):
        ada, ben = self.lobby("ada"), self.lobby("ben")
        self.assertEqual(ada.channel, ben.channel)
        ada.wait("CH_UJOIN", channel=ada.channel, user="ben")
        invited = wire.Peer(wire.Key.of_link(self.server.invite()))
        self.addCleanup(invited.close)
        invited.send("ENROL", id="newcomer")
        told = invited.wait_for("ENROLLED")
        self._keys["newcomer"] = wire.Key("newcomer", told["kid"], told["key"], invited.key.srv,
                                          "127.0.0.1", self.server.port)
        ada.wait("CH_UJOIN", channel=ada.channel, user="newcomer")
        newcomer = self.lobby("newcomer")
        record = newcomer.say("hello everybody")
        newcomer.hear(record)
        self.assert_refused(newcomer, "not_allowed", "CH_LEAVE", id=newcomer.channel)

    def test_an_operator_moderates_it(self):
        ada, gil = self.lobby("ada"), self.lobby("gil")
        self.assert_refused(ada, "not_allowed", "CH_KICK", id=ada.channel, user="gil")
        self.assert_refused(ada, "not_allowed", "CH_SET", id=ada.channel, topic="mine")
        self.server.admin("channel", "role", "#lobby", "ada", "admin")
        self.assert_done(ada, "CH_KICK", id=ada.channel, user="gil")
        gil.wait("CH_ULEAVE", reason="kicked")
        self.server.kill()
        self.server.start()
        gil.again()
        self.assertEqual(gil.came("CH_STATUS"), [])
        self.assert_refused(gil, "not_allowed", "CH_JOIN", id=gil.channel)

    def test_a_removed_user_is_gone_from_it(self):
        ada = self.lobby("ada")
        self.lobby("gone")
        ada.wait("CH_UJOIN", user="gone")
        self.server.admin("user", "remove", "gone")
        ada.wait("CH_ULEAVE", channel=ada.channel, user="gone", reason="removed")


if __name__ == "__main__":
    unittest.main()
