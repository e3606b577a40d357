"""mootd's keys: all of them replaced at once, and the address that key files and invitations name."""

import json
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

from support import HERE, MOOTD, Raw, ServerCase, wire


class Rotation(ServerCase):
    def listed(self):
        return [json.loads(line) for line in self.server.admin("key", "list", "--json").splitlines()]

    def rotate(self, out, *args):
        return subprocess.run([MOOTD, "key", "rotate", "--all", *args, "--key-out", out, "--json",
                               "--data-dir", self.server.data_dir], capture_output=True, text=True,
                              timeout=60, check=False)

    def key_in(self, out, line):
        path = pathlib.Path(json.loads(line)["file"])
        self.assertEqual(path.parent, out)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        key = wire.Key.of_file(path.read_text())
        key.port = self.server.port
        return key

    def test_all_keys_are_replaced_and_no_old_one_works(self):
        ada, bob, bobs_second = (self.new_key("ada"), self.new_key("bob"),
                                 wire.Key.of_file(self.server.admin("key", "add", "bob", "--label", "tablet")))
        retiring = wire.Key.of_file(self.server.admin("key", "add", "ada"))
        self.server.admin("key", "rotate", retiring.kid.hex())  # goes on for 7 days
        self.server.admin("invite")
        live = Raw(ada).open()
        out = self.dir / "all"
        done = self.rotate(out, "--overlap", "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_said(live, "revoked")
        lines = done.stdout.splitlines()
        self.assertEqual(sorted(json.loads(line)["account"] for line in lines),
                         ["ada", "ada", "bob", "bob"])
        self.assertEqual({json.loads(line)["label"] for line in lines}, {"", "tablet"})
        self.assertIn(bobs_second.kid.hex(), {json.loads(line)["replaces"] for line in lines})
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o700)
        for line in lines:
            self.assertTrue(Raw(self.key_in(out, line)).open().alive())
        for old in (ada, bob, bobs_second, retiring):
            self.assert_silent(Raw(old).cnn())
        self.assertEqual([k["state"] for k in self.listed() if k["kind"] == "invite"], ["active"])

    def test_of_one_account_on_the_stopped_store_with_an_overlap(self):
        cyd, dan = self.new_key("cyd"), self.new_key("dan")
        self.server.stop()
        out = self.dir / "one"
        done = self.rotate(out, "cyd")
        self.server.start()
        self.assertEqual(done.returncode, 0, done.stderr)
        (line,) = done.stdout.splitlines()
        self.assertEqual(json.loads(line)["replaces"], cyd.kid.hex())
        for key in (cyd, dan, self.key_in(out, line)):
            key.port = self.server.port
            self.assertTrue(Raw(key).open().alive())

    def test_what_cannot_be_rotated_is_named_and_the_rest_goes_on(self):
        eva, fay = self.new_key("eva"), self.new_key("fay")
        self.server.admin("user", "disable", "eva")
        out = self.dir / "some"
        done = self.rotate(out, "--overlap", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn(eva.kid.hex(), done.stderr)
        self.assertIn("1 key was not rotated", done.stderr)
        self.assertIn(fay.kid.hex(), {json.loads(line)["replaces"] for line in done.stdout.splitlines()})
        self.server.admin("user", "remove", "eva")

    def test_nothing_is_rotated_without_a_place_for_the_keys(self):
        self.new_key("gus")
        before = self.listed()
        taken = self.dir / "taken"
        taken.mkdir()
        (taken / "something").touch()
        self.assertEqual(self.rotate(taken).returncode, 1)
        self.assertEqual(self.rotate("").returncode, 2)
        no_key = self.dir / "nobody"
        self.assertEqual(self.rotate(no_key, "nobody").returncode, 1)
        self.assertFalse(no_key.exists())
        self.assertEqual(self.listed(), before)


class Invitations(ServerCase):
    def listed(self, kid):
        lines = (json.loads(line) for line in self.server.admin("key", "list", "--json").splitlines())
        return next(line for line in lines if line["kid"] == kid)

    def invite(self, *args):
        made = json.loads(self.server.admin("invite", "--json", *args))
        return made["link"], made["kid"]

    def enrol(self, link, name):
        peer = wire.Peer(wire.Key.of_link(link))
        self.addCleanup(peer.close)
        peer.send("ENROL", id=name)
        peer.wait_for("ENROLLED")

    def facts(self, kid):
        line = self.listed(kid)
        return line["state"], line["uses_left"], line["last_used_day"] != "never"

    def test_what_is_left_of_one_is_told_and_why_it_is_over(self):
        link, kid = self.invite("--uses", "2")
        self.assertEqual(self.facts(kid), ("active", 2, False))
        self.enrol(link, "guest1")
        self.assertEqual(self.facts(kid), ("active", 1, True))
        self.assertRegex(self.server.admin("key", "list", "invite"),
                         f"{kid}  @invite .* active .* 1 use left, until 20")
        self.enrol(link, "guest2")
        self.assertEqual(self.facts(kid), ("used", 0, True))
        self.assertRegex(self.server.admin("key", "list"), f"{kid}  @invite .* used .* 0 uses left, ")
        _, short = self.invite("--expires", "1ms")
        self.assertEqual(self.facts(short), ("expired", 1, False))
        _, withdrawn = self.invite()
        self.server.admin("key", "revoke", withdrawn)
        self.assertEqual(self.facts(withdrawn), ("revoked", 1, False))
        self.server.stop()
        try:
            self.assertEqual([self.facts(k) for k in (kid, short, withdrawn)],
                             [("used", 0, True), ("expired", 1, False), ("revoked", 1, False)])
        finally:
            self.server.start()


class Addresses(unittest.TestCase):
    """Of a server that listens everywhere; it is not started."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        shutil.copy(HERE / "tls" / "cert.pem", self.dir)
        shutil.copy(HERE / "tls" / "key.pem", self.dir)

    def mootd(self, *args, listen="0.0.0.0:7697", more=()):
        config = self.dir / "mootd.toml"
        config.write_text(f'data_dir = "{self.dir}/data"\n[[listen]]\naddress = "{listen}"\n'
                          f'transport = "tls"\ncert = "{self.dir}/cert.pem"\nkey = "{self.dir}/key.pem"\n')
        return subprocess.run([MOOTD, *args, "-c", config, *more], capture_output=True, text=True,
                              timeout=60, check=False)

    def test_a_wildcard_is_in_no_invitation_and_no_key(self):
        self.assertEqual(self.mootd("invite", listen="127.0.0.1:7697").returncode, 0)
        for listen in ("0.0.0.0:7697", "[::]:7697"):
            for command in (("invite",), ("user", "add", "ada")):
                done = self.mootd(*command, listen=listen)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"The first listener is at {listen}", done.stderr)
                self.assertIn("set `public_address`", done.stderr)
        self.assertIn("set `public_address`", self.mootd("doctor").stdout)
        self.assertEqual(self.mootd("user", "list").stdout, "")

    def test_the_public_address_is_in_both(self):
        public = ("--set", "public_address=chat.example:443")
        link = self.mootd("invite", more=public).stdout
        self.assertTrue(re.search(r"moot://chat\.example:443/#", link), link)
        key = self.mootd("user", "add", "ada", more=public).stdout
        self.assertIn('address = "chat.example:443"', key)
        self.assertIn('tls = "pin:', key)
        self.assertNotIn("public_address`", self.mootd("doctor", more=public).stdout)
        done = self.mootd("invite", more=("--set", "public_address=chat.example"))
        self.assertEqual(done.returncode, 78)
        self.assertIn("must be a host and a port", done.stderr)


if __name__ == "__main__":
    unittest.main()
