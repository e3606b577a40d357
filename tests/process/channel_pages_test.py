"""Pages of records and lists: how many entries, how many octets, and what cannot be passed on."""

import unittest

from channel_support import ChannelCase, FilledCase, on_page, ulid, wire


class Pages(FilledCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def test_pages_have_256_records_and_the_rest_follows(self):
        world, records = self.filled(300)
        page = self.page(world.ben, anchor=None)
        self.assertEqual((len(page["messages"]), page["more"], page["upto"]),
                         (256, True, page["messages"][-1]["id"]))
        self.assertEqual([m["id"] for m in page["messages"]], [r["id"] for r in records[:256]])
        for record in records[:256]:
            world.ben.keep(record)
        page = self.page(world.ben, req=2)
        self.assertEqual((len(page["messages"]), page["more"], page["upto"]), (44, False, None))

    def test_what_the_server_could_not_pass_on_in_one_frame_is_refused(self):
        world = self.new_led_channel()
        pull = {"id": world.channel, "anchor": None, "req": 1}
        bounds = [i.to_bytes(2, "big") for i in range(1, 3_101)]
        max_frame = world.ben.peer.info["max_frame"]
        too_many_nodes = [[bound, 0, None] for bound in bounds]
        too_large = [[bound, 2, [bytes(24)] * 99] for bound in bounds[:100]]
        too_large.append([None, 2, [bytes(24)] * 120])
        for ranges in (too_many_nodes, too_large):
            self.assertLess(len(wire.pack({**pull, "ranges": ranges})), max_frame - 100)
            self.assert_refused(world.ben, "bad_payload", "CH_PULL", **pull, ranges=ranges)
        self.assertEqual(world.ada.came("CH_PULL"), [])
        merge = {"msg": [on_page(world.ada.record("x" * 1_000), cert=bytes(8_192), stamp=bytes(20))]
                        * 27, "id": world.channel, "req": 1}
        self.assertGreater(len(wire.pack(merge)), max_frame - 16_384)
        self.assert_refused(world.ben, "bad_stamp", "CH_MERGE", **merge)
        left = max_frame - 700 - len(wire.pack(merge))
        merge["msg"].append(on_page(world.ada.record("y" * left), stamp=bytes(20)))
        self.assertLess(len(wire.pack(merge)), max_frame - 100)
        self.assertGreater(len(wire.pack(merge)), max_frame - 1_024)
        self.assert_refused(world.ben, "bad_payload", "CH_MERGE", **merge)


class Waiting(ChannelCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def member(self, name, channel, **more):
        return super().member(name, channel, batch=True, **more)

    def test_4096_messages_of_a_channel_are_in_flight(self):
        world = self.new_led_channel()
        records = [world.ben.record(str(i)) for i in range(4_097)]
        cmds = [{"cmd": "CH_MSG", "id": world.channel, "msg_id": r["id"], "msg": r["msg"]}
                for r in records]
        for i in range(0, 4_096, 512):
            world.ben.send("BATCH", cmds=cmds[i:i + 512])
            for member in world.values():
                member.barrier()
        err = self.assert_refused(world.ben, "busy", **cmds[4_096])
        self.assertGreater(err["retry_ms"], 0)
        first = records[0]
        world.cyd.hear(first)
        world.cyd.ack(first)
        world.ada.wait("CH_MSG_ACK", id=first["id"], need=0)
        world.ada.commit(first, world.election)
        world.ben.committed(first)
        self.assert_done(world.ben, **cmds[4_096])

    def test_8_mib_of_a_channel_wait_to_be_merged(self):
        world = self.new_led_channel()
        records = [world.ben.record("x" * 16_000) for _ in range(530)]
        for record in records:
            world.ben.say(record)
            for member in world.values():
                member.hear(record)
        self.server.kill()  # which makes them all strangers with a stamp
        self.server.start()
        for member in world.values():
            member.again().attach()
        world.ada.status(online=["ada", "ben", "cyd"])
        world.elect(world.ada)
        refused = None
        for i in range(0, 530, 10):
            refused = world.cyd.refusal("CH_MERGE", id=world.channel, req=i,
                                        msg=[on_page(r) for r in records[i:i + 10]])
            world.ada.barrier()
            if refused:
                break
        self.assertEqual(refused["code"], "busy")
        self.assertGreater(refused["retry_ms"], 0)
        routed = sum(len(r["msg"]) for c in world.ada.came("CH_MERGE") for r in c["msg"])
        self.assertLessEqual(routed, 8 * 2**20)
        self.assertGreater(routed, 8 * 2**20 - 17_000)

    def test_16384_records_of_a_channel_wait_to_be_merged(self):
        world = self.new_led_channel()
        records = []
        for most in (4_096, 4_096, 4_096, 4_096, 1):  # as many as are in flight at a time
            said = [world.ben.record("x") for _ in range(most)]
            cmds = [{"cmd": "CH_MSG", "id": world.channel, "msg_id": r["id"], "msg": r["msg"]}
                    for r in said]
            for i in range(0, most, 512):
                world.ben.send("BATCH", cmds=cmds[i:i + 512])
                for member in world.values():
                    member.barrier()
            stamps = {c["msg_id"]: c["stamp"] for c in world.ben.came("CH_MSG")}
            records += [on_page(r, stamp=stamps[r["id"]]) for r in said]
            self.server.kill()  # which makes them all strangers with a stamp
            self.server.start()
            for member in world.values():
                member.again().attach()
            world.ada.status(online=["ada", "ben", "cyd"])
            world.elect(world.ada)
        for i in range(0, 16_384, 256):
            self.assert_done(world.cyd, "CH_MERGE", id=world.channel, req=i,
                             msg=records[i:i + 256])
            world.ada.barrier()
        over = self.assert_refused(world.cyd, "busy", "CH_MERGE", id=world.channel, req=16_384,
                                   msg=[records[0], records[16_384]])
        self.assertEqual(over["id"], records[16_384]["id"])
        self.assertGreater(over["retry_ms"], 0)
        # One that waits already takes no room, and goes to the leader again.
        self.assertEqual(world.ada.wait("CH_MERGE", req=16_384)["msg"], [records[0]])

    def test_DO_06_one_who_does_not_read_is_let_go_and_the_others_are_served(self):
        world = self.new_channel(keeper="server")
        world.ben.forget()
        said = []
        while not world.ben.came("CH_STATUS", online=["ada", "ben"]):
            self.assertLess(len(said), 4_000, "64 MB unread and still connected")
            for _ in range(20):
                said.append(world.ben.say("x" * 16_000))
            for member in (world.ada, world.ben):
                for record in said[-20:]:
                    member.hear(record)
        self.assertEqual(world.cyd.wait("DCNN")["code"], "sendq")
        world.cyd.again().attach()
        world.cyd.pull(anchor=said[-2]["id"], count=..., fp=...)
        page = world.cyd.wait("CH_APPEND")["messages"]
        self.assertEqual([m["id"] for m in page], [said[-1]["id"]])


class SmallFrames(FilledCase):
    ARGS = ("--set", "limits.commands_per_s=0", "--set", "limits.max_frame=8192", "--set",
            "limits.max_msg=4096")

    def test_a_page_is_closed_before_it_would_be_too_large(self):
        world, records = self.filled(40, size=900)
        seen, anchor = [], None
        for req in range(1, 41):
            page = self.page(world.ben, req=req, anchor=anchor, count=..., fp=...)
            size = len(wire.pack(page))
            self.assertLessEqual(size, 8192 - 1024 + 64)
            if page["more"]:
                self.assertGreater(size + 1_100, 8192 - 1024, "and not much sooner")
            seen += [m["id"] for m in page["messages"]]
            if not page["more"]:
                break
            anchor = page["upto"]
        self.assertEqual(seen, [r["id"] for r in records])

    def test_lists_fit_into_a_frame_whatever_their_number(self):
        world = self.new_channel(("ada",), attached=False)
        self.edit_store("INSERT INTO member VALUES(?, ?, 'none', 0)",
                        [(world.channel, f"n{i:05}" + "x" * 20) for i in range(400)])
        status = world.ada.again().status()
        self.assertEqual((status["members_n"], status["online_n"], status["acks"]), (401, 0, True))
        for i in range(60):
            world.ada.send("CH_CREATE", id=ulid(), name=f"{i} " + "€" * 60, keeper="members",
                           visibility="public", history="all")
        for cmd, answer, entries, fields in (
                ("CH_MEMBERS", "CH_MEMBERS", "users", {"id": world.channel}),
                ("CH_LST", "LST_CH", "channels", {})):
            seen, after, pages = [], {}, 0
            while True:
                world.ada.send(cmd, **fields, **after)
                page = world.ada.wait(answer)
                self.assertLess(len(wire.pack(page)), 8192)
                seen += [e["id"] for e in page[entries]]
                pages += 1
                if not page["more"]:
                    break
                after = {"after": seen[-1]}
            self.assertEqual(seen, sorted(set(seen)))
            self.assertGreaterEqual(len(seen), 62)
            self.assertGreater(pages, 1)


if __name__ == "__main__":
    unittest.main()
