"""What operators see of channels and do to them: `mootd channel`, on a running server and on the
store of a stopped one."""

import json
import subprocess
import unittest

from channel_support import ChannelCase
from support import MOOTD, Home, Raw, wire

ESCAPES = "\x1b]0;pwned\a\x1b[31mRED\nFAKE @mallory owner online\x9b2J\u202e"


class Showing(ChannelCase):
    def mootd(self, *args, code=0):
        done = subprocess.run([MOOTD, *args, "--data-dir", self.server.data_dir], text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_what_an_older_server_kept_with_control_characters_is_shown_as_escapes(self):
        world = self.new_channel(("ada", "ben"), attached=False, name="older")
        self.edit_store("UPDATE channel SET topic = ?, name = ? WHERE id = ?",
                        [(ESCAPES, "older" + ESCAPES, world.channel)])
        self.edit_store("UPDATE account SET name = ? WHERE id = 'ben'", [(ESCAPES,)])
        self.edit_store("UPDATE credential SET label = ? WHERE account = 'ben'", [(ESCAPES,)])
        for running in (True, False):
            if not running:
                self.server.stop()
                self.addCleanup(self.server.start)
            with self.subTest(running=running):
                for args, lines in ((("channel", "list"), None), (("channel", "show", "older"), 4),
                                    (("user", "list"), None), (("key", "list"), None)):
                    out = self.mootd(*args).stdout
                    self.assertIn(r"\x1b]0;pwned\x07\x1b[31mRED\x0aFAKE @mallory", out, args)
                    self.assertIn(r"\x9b2J\u202e", out, args)
                    self.assertNotRegex(out, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", args)
                    if lines:
                        self.assertEqual(len(out.splitlines()), lines, out)
                told = self.mootd("channel", "show", "older", "--json").stdout
                self.assertNotRegex(told, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
                self.assertEqual(json.loads(told)["topic"], ESCAPES)

    def test_topics_and_labels_with_control_characters_are_refused(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        for bad in ("a\x1b[31m", "two\nlines", "\x7f", "c1 \x9b"):
            self.assert_refused(world.ada, "bad_payload", "CH_SET", id=world.channel, topic=bad)
        self.assert_done(world.ada, "CH_SET", id=world.channel, topic="Grüße \u202f\u00a0 €🌳")
        self.assertEqual(world.ada.again().status()["topic"], "Grüße \u202f\u00a0 €🌳")
        newcomer = Raw(wire.Key.of_link(self.server.invite())).open()
        self.addCleanup(newcomer.socket.close)
        newcomer.command("ENROL", id="zoe", label="tab\x1b[2J")
        cmd, _, payload = newcomer.frame()
        self.assertEqual((cmd, wire.unpack(payload)["code"]), ("ERR", "bad_payload"))
        newcomer.command("ENROL", id="zoe", label="Tablet äöü")
        self.assertEqual(newcomer.frame()[0], "ENROLLED")
        done = self.mootd("key", "add", "ada", "--label", "x\x1b", code=1)
        self.assertIn("control characters", done.stderr)
        # An octet of the command line that is no UTF-8 would be in a key file that nothing reads.
        done = self.mootd("key", "add", "ada", "--label", "caf\udce9", code=1)
        self.assertIn("UTF-8", done.stderr)
        device = Home(self, "yan")
        done = device.run("join", self.server.invite(), "--as", "yan", "--label", "caf\udce9")
        self.assertEqual(done.returncode, 2)
        self.assertIn("UTF-8", done.stderr)
        self.assertFalse(device.dir.exists())

    def test_list_show_and_remove(self):
        world = self.new_channel(("ada", "ben"), name="Night shift")
        kept = self.new_channel(("cyd",), attached=False, keeper="server", name="kept",
                                visibility="private", history="since_join")
        self.assert_done(world.ada, "CH_SET", id=world.channel, topic="who is awake")
        kept.cyd.say("one")
        kept.cyd.barrier()
        for running in (True, False):
            if not running:
                self.server.stop()
                self.addCleanup(self.server.start)
            with self.subTest(running=running):
                online = 2 if running else 0
                listed = {c["channel"]: c for c in map(json.loads, self.mootd(
                    "channel", "list", "--json").stdout.splitlines())}
                self.assertEqual(listed["Night shift"] | {"election": None}, {
                    "channel": "Night shift", "id": listed["Night shift"]["id"],
                    "keeper": "members", "status": "few", "leader": None, "members": 2,
                    "online": online, "election": None, "records": None, "in_flight": 0})
                self.assertEqual({k: listed["kept"][k] for k in ("keeper", "leader", "records")},
                                 {"keeper": "server", "leader": "server", "records": 1})
                lines = self.mootd("channel", "list").stdout.splitlines()
                self.assertIn(f"#Night shift          members   few        leader -              "
                              f"2 members, {online} online, - records", lines)
                shown = json.loads(self.mootd("channel", "show", "#night shift", "--json").stdout)
                self.assertEqual((shown["topic"], shown["visibility"], shown["history"]),
                                 ("who is awake", "public", "all"))
                self.assertEqual(shown["member_list"], [
                    {"user": "ada", "role": "owner", "online": running},
                    {"user": "ben", "role": None, "online": running}])
                shown = json.loads(self.mootd("channel", "show", "kept", "--json").stdout)
                self.assertEqual((shown["topic"], shown["visibility"], shown["history"]),
                                 ("", "private", "since_join"))
                text = self.mootd("channel", "show", "night shift").stdout
                self.assertIn("topic  who is awake\n", text)
                self.assertRegex(text, r"@ben +member +o(n|ff)line\n")
        self.server.start()
        world.ada.again()
        self.assertEqual(self.mootd("channel", "remove", "#Night Shift").stdout,
                         "removed #Night Shift\n")
        world.ada.wait("CH_ULEAVE", channel=world.channel, user="ada", reason="removed")
        self.assert_refused(world.ada, "not_found", "CH_MEMBERS", id=world.channel)
        for args in (("show", "Night shift"), ("remove", "Night shift"),
                     ("role", "Night shift", "ada", "owner")):
            with self.subTest(args=args):
                self.assertIn("There is no channel", self.mootd("channel", *args, code=1).stderr)
        self.server.stop()
        self.assertEqual(self.mootd("channel", "remove", "kept").stdout, "removed #kept\n")
        left = self.mootd("channel", "list", "--json").stdout
        self.assertFalse({"kept", "Night shift"} & {json.loads(c)["channel"] for c in left.splitlines()})

    def test_without_a_word_behind_it_the_next_step_is_said(self):
        done = subprocess.run([MOOTD, "channel"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^mootd: .*subcommand.*\nRun mootd channel --help\.\n$")


class AtRest(ChannelCase):
    CANARY = "kanarienvogel im schacht"

    def holding(self, *, but=()):
        """The files of the data directory that hold the words, as they are or in another spelling."""
        words = self.CANARY.encode()
        spellings = (words, words.hex().encode(), words.decode().encode("utf-16-le"))
        files = [p for p in self.server.data_dir.rglob("*") if p.is_file() and p not in but]
        self.assertIn("store.db", {p.name for p in files})
        return [p.name for p in files if any(s in p.read_bytes() for s in spellings)]

    def test_what_was_said_stands_in_no_file_of_the_server(self):
        world = self.new_channel(("ada", "ben"), keeper="server")
        zoe = self.new_key("zoe")
        for i in range(20):
            said = world.ada.say(f"{i} {self.CANARY}")
            world.ben.hear(said, committed=True)
            world.ada.send("PV_MSG", to="zoe", msg_id=wire.new_ulid(),
                           msg=wire.text_content(f"{i} {self.CANARY}"))
        world.ada.barrier()
        self.assertEqual(self.holding(), [])
        # A good end empties the log into the store; a start reads it all again.
        self.server.stop()
        wal = self.server.data_dir / "store.db-wal"
        self.assertFalse(wal.exists() and wal.stat().st_size)
        self.assertEqual(self.holding(), [])
        self.server.start()
        peer = self.connect(zoe)
        self.addCleanup(peer.close)
        first = peer.wait_for("MSG")
        self.assertIn(self.CANARY.encode(), first["msg"])
        self.assertEqual(self.holding(), [])
        backup = self.dir / "backup"
        self.server.admin("backup", backup)
        self.assertNotIn(self.CANARY.encode(), backup.read_bytes())

    def test_words_that_do_lie_there_are_found(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        self.assert_done(world.ada, "CH_SET", id=world.channel, topic=self.CANARY)
        self.assertTrue(self.holding(), "topics are not sealed, so this one is there")
        self.assert_done(world.ada, "CH_SET", id=world.channel, topic="")


class ServerOnly(ChannelCase):
    def test_commands_that_only_a_server_says_are_unknown(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        record = world.ada.record("said by nobody")
        election = (1 << 20) + 1
        status = {"name": "x", "leader": None, "status": "few", "election": election,
                  "keeper": "members", "min": 3, "roles": {}, "topic": "", "acks": False, "now": 1}
        for cmd, fields in (
                ("CH_UJOIN", {"channel": world.channel, "user": "zoe"}),
                ("CH_ULEAVE", {"channel": world.channel, "user": "ben", "reason": "kicked"}),
                ("CH_STATUS", {"id": world.channel, **status}),
                ("LST_CH", {"channels": [], "more": False}),
                ("CH_MSG_ACK", {"id": record["id"], "user": "ben", "channel": world.channel,
                                "digest": record["digest"], "need": 0}),
                ("CH_MSG_COMMIT", {"id": record["id"], "acks": ["ada", "ben"],
                                   "channel": world.channel, "election": election,
                                   "digest": record["digest"], "acks_n": 2}),
                ("CH_ELECTED", {"election": election, "leader": "ada", "id": world.channel,
                                "you": True}),
                ("CH_MSG_CONFIRM", {"id": world.channel, "message": record["id"],
                                    "digest": record["digest"]})):
            with self.subTest(cmd):
                self.assert_refused(world.ada, "unknown_command", cmd, **fields)
        self.assertEqual(world.ben.forget().came("CH_ULEAVE"), [])
        self.assertEqual(world.ada.again().status()["leader"], None)


if __name__ == "__main__":
    unittest.main()
