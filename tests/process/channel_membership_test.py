"""Who is in which channel: CH_CREATE to CH_MEMBERS, each with its effect and its refusals."""

import os
import unittest

from channel_support import ChannelCase, ulid, wire


class Creating(ChannelCase):
    FIELDS = {"keeper": "members", "visibility": "public", "history": "all"}

    def test_the_creator_owns_the_channel_and_hears_its_state(self):
        ada = self.member("ada", wire.new_ulid())
        ada.send("CH_CREATE", id=ada.channel, name="Ops", **self.FIELDS)
        ada.wait("CH_UJOIN", channel=ada.channel, user="ada")
        status = ada.status()
        told = {k: status[k] for k in ("name", "leader", "status", "keeper", "min", "online",
                                       "members", "roles", "topic", "acks")}
        self.assertEqual(told, {"name": "Ops", "leader": None, "status": "few",
                                "keeper": "members", "min": 3, "online": [], "members": ["ada"],
                                "roles": {"ada": "owner"}, "topic": "", "acks": True})
        self.assertEqual(status["election"] >> 20, 1)

    def test_a_channel_of_the_server_is_led_by_it(self):
        ada = self.member("ada", wire.new_ulid())
        ada.send("CH_CREATE", id=ada.channel, name="Log", **{**self.FIELDS, "keeper": "server"})
        status = ada.status()
        self.assertEqual((status["leader"], status["status"], status["min"]),
                         ("server", "server", 1))

    def test_again_it_is_answered_again_and_nothing_changes(self):
        ada = self.member("ada", wire.new_ulid())
        for _ in range(2):
            self.assert_done(ada, "CH_CREATE", id=ada.channel, name="Twice", **self.FIELDS)
            ada.wait("CH_UJOIN", channel=ada.channel, user="ada")
            self.assertEqual(ada.status()["members"], ["ada"])

    def test_other_content_under_a_known_id_is_conflict(self):
        ada, ben = self.member("ada", wire.new_ulid()), self.member("ben", wire.new_ulid())
        self.assert_done(ada, "CH_CREATE", id=ada.channel, name="Mine", **self.FIELDS)
        for change in ({"name": "Other"}, {"keeper": "server"}, {"visibility": "private"},
                       {"history": "since_join"}):
            fields = {"name": "Mine", **self.FIELDS, **change}
            err = self.assert_refused(ada, "conflict", "CH_CREATE", id=ada.channel, **fields)
            self.assertEqual(err["channel"], ada.channel)
        self.assert_refused(ben, "conflict", "CH_CREATE", id=ada.channel, name="Mine",
                            **self.FIELDS)

    def test_names_are_taken_after_folding(self):
        ada, ben = self.member("ada", wire.new_ulid()), self.member("ben", wire.new_ulid())
        self.assert_done(ada, "CH_CREATE", id=ada.channel, name="Straße", **self.FIELDS)
        for name in ("Straße", "STRASSE", "strasse", "lobby"):
            self.assert_refused(ben, "name_taken", "CH_CREATE", id=ben.channel, name=name,
                                **self.FIELDS)

    def test_a_name_outside_the_rules_is_bad_payload(self):
        ada = self.member("ada", wire.new_ulid())
        for name in ("e\u0301", "", "x" * 65, "a\tb", "\u0085"):
            self.assert_refused(ada, "bad_payload", "CH_CREATE", id=ada.channel, name=name,
                                **self.FIELDS)
        for field, value in (("keeper", "nobody"), ("visibility", 1), ("history", "some"),
                             ("id", b"short"), ("name", b"bin")):
            fields = {"id": ada.channel, "name": "Fine", **self.FIELDS, field: value}
            self.assert_refused(ada, "bad_payload", "CH_CREATE", **fields)
            del fields[field]
            self.assert_refused(ada, "bad_payload", "CH_CREATE", **fields)

    def test_the_creator_who_left_creates_no_second_time(self):
        world = self.new_channel(("ada", "ben"), attached=False, name="Handed over")
        ada, ben = world.ada, world.ben
        self.assert_done(ada, "CH_SET", id=world.channel, roles={"ben": "owner"})
        self.assert_done(ada, "CH_LEAVE", id=world.channel)
        self.assert_refused(ada, "conflict", "CH_CREATE", id=world.channel, name="Handed over",
                            **self.FIELDS)
        ben.wait("CH_ULEAVE", channel=world.channel, user="ada", reason="left")


class OnlyMembers(ChannelCase):
    ARGS = ("--set", 'channels.keepers=["members"]', "--set", 'channels.default_keeper="members"',
            "--set", "channels.lobby=false")

    def test_a_keeper_that_is_not_offered_is_unsupported(self):
        ada = self.member("ada", wire.new_ulid())
        self.assertIn("channels.members", ada.peer.info["features"])
        self.assertNotIn("channels.server", ada.peer.info["features"])
        self.assertIn("channels.default.members", ada.peer.info["features"])
        self.assert_refused(ada, "unsupported", "CH_CREATE", id=ada.channel, name="Kept",
                            keeper="server", visibility="public", history="all")
        self.assert_done(ada, "CH_CREATE", id=ada.channel, name="Kept", keeper="members",
                         visibility="public", history="all")


class Joining(ChannelCase):
    def test_all_members_hear_of_one_who_joins_also_when_not_attached(self):
        world = self.new_channel(("ada",), attached=False)
        ben = self.member("ben", world.channel)
        ben.send("CH_JOIN", id=world.channel)
        for member in (world.ada, ben):
            self.assertNotIn("reason", member.wait("CH_UJOIN", channel=world.channel, user="ben"))
        self.assertEqual(ben.status()["members"], ["ada", "ben"])

    def test_again_the_doer_alone_is_answered(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        world.ada.forget(), world.ben.forget()
        self.assert_done(world.ben, "CH_JOIN", id=world.channel)
        world.ben.wait("CH_UJOIN", channel=world.channel, user="ben")
        world.ben.status()
        self.assertEqual(world.ada.came("CH_UJOIN"), [])

    def test_refusals(self):
        world = self.new_channel(("ada",), attached=False, visibility="private")
        ben = self.member("ben", world.channel)
        self.assert_refused(ben, "not_found", "CH_JOIN", id=wire.new_ulid())
        self.assert_refused(ben, "not_allowed", "CH_JOIN", id=world.channel)
        self.assert_refused(ben, "bad_payload", "CH_JOIN", id="text")
        self.assert_refused(ben, "bad_payload", "CH_JOIN")

    def test_an_invitation_opens_a_private_channel_and_is_used_up(self):
        world = self.new_channel(("ada",), attached=False, visibility="private")
        ben = self.member("ben", world.channel)
        self.assert_done(world.ada, "CH_INVITE", id=world.channel, user="ben")
        told = ben.wait("LST_CH")
        self.assertFalse(told["more"])
        (entry,) = told["channels"]
        self.assertEqual((entry["id"], entry["invited"], entry["members"]),
                         (world.channel, True, 1))
        self.assert_done(ben, "CH_JOIN", id=world.channel)
        self.assert_done(ben, "CH_LEAVE", id=world.channel)
        self.assert_refused(ben, "not_allowed", "CH_JOIN", id=world.channel)

    def test_an_invitation_is_told_after_each_cnn_until_it_is_answered(self):
        world = self.new_channel(("ada",), attached=False, visibility="private")
        ben = self.member("ben", world.channel)
        self.assert_done(world.ada, "CH_INVITE", id=world.channel, user="ben")
        for _ in range(2):
            ben.again()
            self.assertTrue(ben.wait("LST_CH")["channels"][0]["invited"])
        self.assert_done(ben, "CH_LEAVE", id=world.channel)
        ben.wait("CH_ULEAVE", channel=world.channel, user="ben", reason="left")
        ben.again()
        self.assertEqual(ben.came("LST_CH"), [])
        self.assert_refused(ben, "not_allowed", "CH_JOIN", id=world.channel)


class Leaving(ChannelCase):
    def test_all_members_hear_of_one_who_leaves(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        self.assert_done(world.ben, "CH_LEAVE", id=world.channel)
        for member in world.values():
            member.wait("CH_ULEAVE", channel=world.channel, user="ben", reason="left")
        self.assert_refused(world.ben, "not_member", "CH_MEMBERS", id=world.channel)

    def test_refusals(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        carl = self.member("carl", world.channel)
        self.assert_refused(carl, "not_member", "CH_LEAVE", id=world.channel)
        self.assert_refused(carl, "not_found", "CH_LEAVE", id=wire.new_ulid())
        self.assert_refused(world.ada, "not_allowed", "CH_LEAVE", id=world.channel)
        self.assert_refused(carl, "bad_payload", "CH_LEAVE", id=7)

    def test_the_last_member_takes_the_channel_along(self):
        world = self.new_channel(("ada",), attached=False, name="Short lived")
        self.assert_done(world.ada, "CH_LEAVE", id=world.channel)
        world.ada.wait("CH_ULEAVE", channel=world.channel, user="ada", reason="left")
        self.assert_refused(world.ada, "not_found", "CH_JOIN", id=world.channel)
        self.assert_done(world.ada, "CH_CREATE", id=wire.new_ulid(), name="Short lived",
                         keeper="server", visibility="public", history="all")

    def test_another_owner_lets_the_first_one_go(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        self.assert_done(world.ada, "CH_SET", id=world.channel, roles={"ben": "owner"})
        self.assert_done(world.ada, "CH_LEAVE", id=world.channel)
        self.assertEqual(world.ben.again().status()["members"], ["ben"])


class Managing(ChannelCase):
    def test_inviting_is_for_owners_and_admins(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        carl = self.member("carl", world.channel)
        self.assert_refused(carl, "not_found", "CH_INVITE", id=wire.new_ulid(), user="ben")
        self.assert_refused(carl, "not_member", "CH_INVITE", id=world.channel, user="carl")
        self.assert_refused(world.ben, "not_allowed", "CH_INVITE", id=world.channel, user="carl")
        err = self.assert_refused(world.ada, "unknown_user", "CH_INVITE", id=world.channel,
                                  user="nobody")
        self.assertEqual(err["id"], "nobody")
        self.assert_refused(world.ada, "bad_payload", "CH_INVITE", id=world.channel, user="No One")
        self.assert_done(world.ada, "CH_SET", id=world.channel, roles={"ben": "admin"})
        self.assert_done(world.ben, "CH_INVITE", id=world.channel, user="carl")
        carl.wait("LST_CH")

    def test_inviting_a_member_changes_nothing(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        self.assert_done(world.ada, "CH_INVITE", id=world.channel, user="ben")
        self.assertEqual(world.ben.came("LST_CH"), [])

    def test_who_is_kicked_is_barred_until_invited(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        self.assert_done(world.ada, "CH_KICK", id=world.channel, user="ben")
        for member in world.values():
            member.wait("CH_ULEAVE", channel=world.channel, user="ben", reason="kicked")
        self.assert_refused(world.ben, "not_allowed", "CH_JOIN", id=world.channel)
        self.assert_done(world.ada, "CH_INVITE", id=world.channel, user="ben")
        self.assert_done(world.ben, "CH_JOIN", id=world.channel)

    def test_who_is_kicked_hears_no_more_of_the_channel(self):
        world = self.new_channel(("ada", "ben", "cyd"), keeper="server")
        self.assert_done(world.ada, "CH_KICK", id=world.channel, user="ben")
        said = world.ada.say("without ben")
        world.cyd.hear(said)
        self.assertEqual(world.ben.came("CH_MSG"), [])
        self.assert_refused(world.ben, "not_member", "CH_MSG", id=world.channel,
                            msg_id=ulid(), msg=b"x")

    def test_kicking_refusals(self):
        world = self.new_channel(("ada", "ben", "cyd"), attached=False)
        carl = self.member("carl", world.channel)
        self.assert_done(world.ada, "CH_SET", id=world.channel, roles={"ben": "admin"})
        kick = {"id": world.channel}
        self.assert_refused(carl, "not_found", "CH_KICK", id=wire.new_ulid(), user="ben")
        self.assert_refused(carl, "not_member", "CH_KICK", **kick, user="ben")
        self.assert_refused(world.cyd, "not_allowed", "CH_KICK", **kick, user="ben")
        self.assert_refused(world.ben, "not_allowed", "CH_KICK", **kick, user="ada")
        self.assert_refused(world.ada, "not_allowed", "CH_KICK", **kick, user="ada")
        self.assert_refused(world.ada, "not_member", "CH_KICK", **kick, user="carl")
        self.assert_refused(world.ada, "unknown_user", "CH_KICK", **kick, user="nobody")
        self.assert_refused(world.ada, "bad_payload", "CH_KICK", **kick)
        self.assert_done(world.ben, "CH_KICK", **kick, user="cyd")

    def test_setting_reaches_every_member(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        self.assert_done(world.ada, "CH_SET", id=world.channel, name="Renamed", topic="plans",
                         roles={"ben": "admin"})
        for member in world.values():
            member.status(name="Renamed", topic="plans", roles={"ada": "owner", "ben": "admin"})
        self.assert_done(world.ada, "CH_SET", id=world.channel, roles={"ben": "none"})
        world.ben.status(roles={"ada": "owner"})

    def test_setting_refusals_change_nothing(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        taken = self.new_channel(("cyd",), attached=False, name="Taken")
        self.assert_refused(taken.cyd, "not_member", "CH_SET", id=world.channel, topic="x")
        self.assert_refused(taken.cyd, "not_found", "CH_SET", id=wire.new_ulid(), topic="x")
        self.assert_refused(world.ben, "not_allowed", "CH_SET", id=world.channel, topic="x")
        for code, change in (("name_taken", {"name": "taken"}),
                             ("bad_payload", {"name": "e\u0301"}),
                             ("bad_payload", {"topic": "x" * 1_025}),
                             ("bad_payload", {"roles": {"ben": "king"}}),
                             ("not_member", {"roles": {"cyd": "admin"}}),
                             ("not_allowed", {"roles": {"ada": "none"}}),
                             ("not_allowed", {"roles": {"ada": "admin", "ben": "admin"}})):
            fields = {"topic": "never", **change}
            self.assert_refused(world.ada, code, "CH_SET", id=world.channel, **fields)
        status = world.ada.again().status()
        self.assertEqual((status["topic"], status["roles"]), ("", {"ada": "owner"}))


class Looking(ChannelCase):
    def test_lists_show_public_channels_and_ones_own(self):
        public = self.new_channel(("ada",), attached=False)
        private = self.new_channel(("ben",), attached=False, visibility="private")
        ada, ben = public.ada, private.ben
        for who, sees in ((ada, [public.channel]), (ben, [public.channel, private.channel])):
            who.send("CH_LST")
            page = who.wait("LST_CH")
            self.assertFalse(page["more"])
            ids = [c["id"] for c in page["channels"]]
            self.assertEqual(ids, sorted(ids))
            self.assertEqual([i for i in ids if i in (public.channel, private.channel)], sees)
        (lobby,) = [c for c in page["channels"] if c["name"] == "lobby"]
        self.assertEqual((lobby["keeper"], lobby["leader"], lobby["status"]),
                         ("server", "server", "server"))
        ada.send("CH_LST", after=max(ids))
        self.assertEqual(ada.wait("LST_CH")["channels"], [])
        self.assert_refused(ada, "bad_payload", "CH_LST", after=1)

    def test_a_list_tells_who_leads_and_how_many_are_there(self):
        world = self.new_led_channel()
        world.cyd.send("CH_LST")
        (entry,) = [c for c in world.cyd.wait("LST_CH")["channels"] if c["id"] == world.channel]
        self.assertEqual((entry["leader"], entry["status"], entry["members"], entry["online"]),
                         ("ada", "healthy", 3, 3))

    def test_members_are_paged_in_id_order(self):
        world = self.new_channel(("ada", "ben", "cyd"), attached=False)
        world.ben.attach().send("CH_MEMBERS", id=world.channel)
        page = world.ben.wait("CH_MEMBERS", id=world.channel)
        self.assertEqual(page["users"], [{"id": "ada", "online": False},
                                         {"id": "ben", "online": True},
                                         {"id": "cyd", "online": False}])
        world.ben.send("CH_MEMBERS", id=world.channel, after="ada")
        page = world.ben.wait("CH_MEMBERS")
        self.assertEqual(([u["id"] for u in page["users"]], page["more"]), (["ben", "cyd"], False))

    def test_members_refusals(self):
        world = self.new_channel(("ada",), attached=False)
        ben = self.member("ben", world.channel)
        self.assert_refused(ben, "not_member", "CH_MEMBERS", id=world.channel)
        self.assert_refused(ben, "not_found", "CH_MEMBERS", id=wire.new_ulid())
        self.assert_refused(world.ada, "bad_payload", "CH_MEMBERS", id=world.channel, after="A")

    def test_status_comes_after_cnn_for_every_channel_of_the_user(self):
        worlds = [self.new_channel(("dora",), attached=False) for _ in range(3)]
        told = worlds[-1].dora.again().came("CH_STATUS")
        own = {c["id"] for c in told if c["name"] != "lobby"}
        self.assertEqual((own, len(told)), ({w.channel for w in worlds}, 4))


class Attaching(ChannelCase):
    def test_only_attached_connections_are_online(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        world.ada.attach()
        self.assertEqual(world.ada.status(online=["ada"])["members"], ["ada", "ben"])
        world.ben.attach()
        world.ada.status(online=["ada", "ben"])
        world.ben.close()
        world.ada.status(online=["ada"])

    def test_repeated_it_repeats_its_answer_and_changes_nothing(self):
        world = self.new_led_channel()
        world.ben.forget(), world.cyd.forget()
        world.ben.attach()
        world.ben.status(leader="ada", election=world.election)
        world.ben.wait("CH_ELECTED", leader="ada", election=world.election)
        self.assertEqual(world.cyd.came("CH_STATUS"), [])

    def test_a_second_connection_with_a_replica_ends_the_first(self):
        world = self.new_channel(("ada", "ben"))
        key = wire.Key.of_file(self.server.admin("key", "add", "ben"))
        copy = wire.Peer(key)
        self.addCleanup(copy.close)
        copy.send("CH_ATTACH", id=world.channel, replica=world.ben.replica)
        copy.wait_for("CH_STATUS", online=["ada", "ben"])
        self.assertEqual(world.ben.wait("DCNN")["code"], "replaced")

    def test_refusals(self):
        world = self.new_channel(("ada", "ben"))
        carl = self.member("carl", world.channel)
        replica = os.urandom(16)
        self.assert_refused(carl, "not_found", "CH_ATTACH", id=wire.new_ulid(), replica=replica)
        self.assert_refused(carl, "not_member", "CH_ATTACH", id=world.channel, replica=replica)
        self.assert_refused(world.ben, "conflict", "CH_ATTACH", id=world.channel,
                            replica=world.ada.replica)
        self.assert_refused(world.ben, "bad_payload", "CH_ATTACH", id=world.channel,
                            replica=b"short")
        self.assert_refused(world.ben, "bad_payload", "CH_ATTACH", id=world.channel)

    def test_what_needs_a_replica_is_not_attached_without(self):
        world = self.new_channel(("ada",), attached=False)
        anything = {"id": ulid(), "channel": world.channel, "digest": bytes(32)}
        for cmd, fields in (
                ("ACK_CH_MSG", anything),
                ("CH_COMMIT", {**anything, "acks": [], "election": 1}),
                ("CH_ACK_REQ", {**anything, "users": []}),
                ("CH_LEAD", {"election": 0, "id": world.channel, "last": None, "count": 0}),
                ("CH_VOTE", {"election": 0, "user": "ada", "id": world.channel, "last": None,
                             "count": 0}),
                ("CH_APPEND", {"id": world.channel, "anchor": None, "messages": [], "req": 1,
                               "upto": None, "more": False, "sid": 1}),
                ("CH_MERGE", {"msg": [], "id": world.channel, "req": 1})):
            with self.subTest(cmd):
                self.assert_refused(world.ada, "not_attached", cmd, **fields)


class Bounds(ChannelCase):
    """At the real bounds; the store is filled while the server is away."""

    ARGS = ("--set", "limits.commands_per_s=0")

    def test_a_user_is_in_256_channels(self):
        dora = self.member("dora", wire.new_ulid())
        fields = {"keeper": "members", "visibility": "private", "history": "all"}
        for i in range(255):  # the lobby is one
            dora.send("CH_CREATE", id=ulid(), name=f"many {i}", **fields)
        self.assertEqual(dora.came("ERR"), [])
        self.assert_refused(dora, "limit", "CH_CREATE", id=ulid(), name="one more", **fields)
        other = self.new_channel(("ben",), attached=False)
        self.assert_refused(dora, "limit", "CH_JOIN", id=other.channel)
        self.assertEqual(len(dora.again().came("CH_STATUS")), 256)

    def fill(self, keeper, members):
        world = self.new_channel(("ada", "ben"), attached=False, keeper=keeper)
        self.edit_store("INSERT INTO member VALUES(?, ?, 'none', 0)",
                  [(world.channel, f"n{i:05}") for i in range(members - 2)])
        for member in world.values():
            member.again()
        carl = self.member("carl", world.channel)
        self.assert_refused(carl, "limit", "CH_JOIN", id=world.channel)
        self.assert_done(world.ben, "CH_LEAVE", id=world.channel)
        self.assert_done(carl, "CH_JOIN", id=world.channel)
        return world

    def test_members_keep_a_channel_of_1000(self):
        world = self.fill("members", 1_000)
        self.assertEqual(len(world.ada.again().status()["members"]), 1_000)

    def test_the_server_keeps_a_channel_of_10000_that_is_counted_and_paged(self):
        world = self.fill("server", 10_000)
        status = world.ada.again().status()
        self.assertEqual((status["members_n"], status["online_n"]), (10_000, 0))
        self.assertNotIn("members", status)
        self.assertNotIn("online", status)
        self.assertFalse(status["acks"])
        seen, after = [], {}
        while True:
            world.ada.send("CH_MEMBERS", id=world.channel, **after)
            page = world.ada.wait("CH_MEMBERS")
            self.assertLessEqual(len(page["users"]), 500)
            seen += [u["id"] for u in page["users"]]
            if not page["more"]:
                break
            after = {"after": seen[-1]}
        self.assertEqual((len(seen), seen), (10_000, sorted(set(seen))))

    def test_1000_invitations_wait_in_a_channel(self):
        world = self.new_channel(("ada",), attached=False, visibility="private")
        self.edit_store("INSERT INTO invited VALUES(?, ?, 1, 0)",
                  [(world.channel, f"n{i:05}") for i in range(1_000)])
        world.ada.again()
        self.member("ben", world.channel)
        self.assert_refused(world.ada, "limit", "CH_INVITE", id=world.channel, user="ben")

    def test_63_members_have_roles(self):
        world = self.new_channel(("ada", "ben", "cyd"), attached=False)
        self.edit_store("INSERT INTO member VALUES(?, ?, 'admin', 0)",
                  [(world.channel, f"n{i:05}") for i in range(61)])
        world.ada.again()
        self.assert_done(world.ada, "CH_SET", id=world.channel, roles={"ben": "admin"})
        self.assert_refused(world.ada, "limit", "CH_SET", id=world.channel, roles={"cyd": "admin"})
        self.assertEqual(len(world.ada.again().status()["roles"]), 63)

    def test_lists_of_channels_have_pages_of_200(self):
        eve = self.member("eve", wire.new_ulid())
        own = {ulid() for _ in range(210)}
        for i, channel in enumerate(own):
            eve.send("CH_CREATE", id=channel, name=f"page {i}", keeper="members",
                     visibility="private", history="all")
        eve.send("CH_LST")
        page = eve.wait("LST_CH")
        self.assertEqual((len(page["channels"]), page["more"]), (200, True))
        seen = [c["id"] for c in page["channels"]]
        eve.send("CH_LST", after=seen[-1])
        page = eve.wait("LST_CH")
        self.assertFalse(page["more"])
        seen += [c["id"] for c in page["channels"]]
        self.assertEqual(seen, sorted(set(seen)))
        self.assertLess(own, set(seen))


if __name__ == "__main__":
    unittest.main()
