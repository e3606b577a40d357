"""What operators see of channels and do to them: `mootd channel`, on a running server and on the
store of a stopped one."""

import json
import subprocess

from channel_support import ChannelCase
from support import MOOTD, Raw, wire

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
        name = "older" + ESCAPES
        for running in (True, False):
            if not running:
                self.server.stop()
                self.addCleanup(self.server.start)
            with self.subTest(running=running):
                for args, lines in ((("channel", "list"), None), (("channel", "show", "older"), 4),
                                    (("user", "list"), None), (("key", "list"), None)):
                    if args[1] == "show":
                        args = ("channel", "show", name)
                    out = self.mootd(*args).stdout
                    self.assertIn(r"\x1b]0;pwned\x07\x1b[31mRED\x0aFAKE @mallory", out, args)
                    self.assertIn(r"\x9b2J\u202e", out, args)
                    self.assertNotRegex(out, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", args)
                    if lines:
                        self.assertEqual(len(out.splitlines()), lines, out)
                told = self.mootd("channel", "show", name, "--json").stdout
                self.assertNotRegex(told, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
                self.assertEqual(json.loads(told)["topic"], ESCAPES)

    def test_topics_and_labels_with_control_characters_are_refused(self):
        world = self.new_channel(("ada", "ben"), attached=False)
        for bad in ("a\x1b[31m", "two\nlines", "\x7f", "c1 \x9b"):
            self.assert_refused(world.ada, "bad_payload", "CH_SET", id=world.channel, topic=bad)
        self.assert_done(world.ada, "CH_SET", id=world.channel, topic="Grüße \u202f\u00a0 €🌳")
        self.assertEqual(world.ada.again().status()["topic"], "Grüße \u202f\u00a0 €🌳")
        newcomer = Raw(wire.Key.of_link(self.server.invite())).open()
        newcomer.command("ENROL", id="zoe", label="tab\x1b[2J")
        cmd, _, payload = newcomer.frame()
        self.assertEqual((cmd, wire.unpack(payload)["code"]), ("ERR", "bad_payload"))
        newcomer.command("ENROL", id="zoe", label="Tablet äöü")
        self.assertEqual(newcomer.frame()[0], "ENROLLED")
        done = self.mootd("key", "add", "ada", "--label", "x\x1b", code=1)
        self.assertIn("control characters", done.stderr)
