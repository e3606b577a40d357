"""A wall of the kernel's: a unix socket whose other end is known by its uid (security.md 3.4)."""

import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import tempfile
import unittest

from support import (MOOTD, PATIENCE, Home, Raw, Server, ServerCase, in_user_namespace, somebody,
                     wire)

NOBODY = 65534


class WallCase(ServerCase):
    """A server that listens at a unix socket besides, with the AUTH of the class."""

    AUTH = "wall"

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.path = cls.dir / "wall"
        cls.config = cls.dir / "mootd.toml"
        cls.config.write_text('[[listen]]\naddress = "127.0.0.1:0"\n\n[[listen]]\n'
                              f'address = "{cls.path}"\ntransport = "unix"\nauth = "{cls.AUTH}"\n')
        cls.server = Server(MOOTD, cls.dir / "data", ["--http-listen", "off", "-c", cls.config]).start()
        cls._users = 0

    def socket(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        self.addCleanup(s.close)
        s.connect(str(self.path))
        return s

    def closed_without_a_word(self):
        """Whether a connection ends before anything is said on it."""
        try:
            return self.socket().recv(1) == b""
        except ConnectionResetError:
            return True

    def walled(self, account, key=None):
        return Raw(key or somebody(account), connected=self.socket())

    def let_in(self, account, *args):
        """This user of the system is `account` for the rest of the test. The kid."""
        verb = ("key", "add") if f"@{account} " in self.server.admin("user", "list") else ("user", "add")
        out = json.loads(self.server.admin(*verb, account, "--unix-uid", os.getuid(), "--json", *args))
        self.addCleanup(subprocess.run, [MOOTD, "key", "revoke", out["kid"], "--data-dir",
                                         self.server.data_dir], capture_output=True, check=False)
        return out["kid"]


class Wall(WallCase):
    def test_whom_the_kernel_names_is_let_in_without_signatures(self):
        kid = self.let_in("ada")
        raw = self.walled("ada")
        self.assertEqual(raw.greeting["cmd"], "SINFO")
        raw.cnn()
        cmd, signature, _ = raw.frame()
        self.assertEqual((cmd, signature), ("SINFO", wire.SIGNATURE_OF_NOBODY))
        self.assertTrue(raw.alive())
        named = self.walled("ada").cnn(kid=bytes.fromhex(kid))
        self.assertEqual(named.frame()[0], "SINFO")

    def test_messages_pass_between_a_wall_and_a_key(self):
        self.let_in("eve")
        bob = self.new_key("bob")
        behind, outside = self.walled("eve").open(), self.raw(bob).open()
        message = wire.new_ulid()
        behind.command("PV_MSG", to="bob", msg_id=message, msg=b"hello")
        self.assertEqual(outside.wait_for("MSG")["from"], "eve")
        outside.command("ACK_MSG", **{"from": "eve"}, msg_id=message)
        self.assertEqual(behind.wait_for("MSG_ACK")["msg_id"], message)

    def test_WG_21_a_uid_without_a_record_hears_nothing(self):
        self.assertTrue(self.closed_without_a_word())
        self.let_in("ida")
        self.assertTrue(self.walled("ida").open().alive())

    @unittest.skipUnless(os.getuid() == 0, "another uid needs root")
    def test_WG_21_another_uid_than_the_one_with_a_record_hears_nothing(self):
        self.let_in("kai")
        ask = ("import os, socket, sys\n"
               "s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])\n"
               "sys.stdout.write(repr(s.recv(5)))")
        os.chmod(self.dir, 0o755)
        os.chmod(self.path, 0o666)
        self.addCleanup(os.chmod, self.path, 0o660)
        for uid, answer in ((0, "b'SINFO'"), (4711, "b''"), (NOBODY, "b''")):
            done = subprocess.run(["python3", "-c", ask, self.path], user=uid, group=uid,
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.stdout, answer, done.stderr)

    def test_cnn_in_another_name_is_refused_silently(self):
        self.let_in("liv")
        other = self.new_key("max")
        self.assert_silent(self.walled("liv").cnn(id="max"))
        self.assert_silent(self.walled("liv").cnn(id="max", kid=other.kid))
        self.assert_silent(self.walled("liv").cnn(kid=other.kid))
        self.assert_silent(self.walled("liv").cnn(id="invite"))

    def test_AU_11_a_signed_frame_is_refused_silently(self):
        self.let_in("ned")
        key = self.new_key("oda")
        raw = self.walled("ned")
        self.assert_silent(raw.send_frame("CNN", raw.payload("CNN", **raw.cnn_fields()), key=key.key))
        raw = self.walled("ned").open()
        raw.send_frame("INFO", raw.payload("INFO"), key=key.key)
        self.assertNotIn("DCNN", [cmd for cmd, _, _ in raw.rest()])

    def test_the_envelope_is_as_strict_as_with_keys(self):
        self.let_in("pia")
        for wrong in ({"nonce": 5}, {"direction": "s"}, {"seconds": 1}):
            raw = self.walled("pia").open()
            self.assert_said(raw.send_frame("INFO", raw.payload("INFO", **wrong)),
                             "stale" if "seconds" in wrong else "proto")
        self.assert_said(self.walled("pia").cnn(chal=os.urandom(16)), "chal")
        self.assert_said(self.walled("pia").cnn(srv="elsewhere"), "srv")

    def test_a_revoked_record_ends_its_connection_and_lets_nobody_in(self):
        kid = self.let_in("qim")
        greeted, live = self.walled("qim"), self.walled("qim").open()
        self.server.admin("key", "revoke", kid)
        self.assert_said(live, "revoked")
        self.assert_silent(greeted.cnn())
        self.assertTrue(self.closed_without_a_word())

    def test_a_disabled_account_is_out_until_it_is_enabled(self):
        self.let_in("ria")
        live = self.walled("ria").open()
        self.server.admin("user", "disable", "ria")
        self.assert_said(live, "revoked")
        self.assertTrue(self.closed_without_a_word())
        self.server.admin("user", "enable", "ria")
        self.assertTrue(self.walled("ria").open().alive())

    def test_records_are_listed_with_whom_they_name(self):
        kid = self.let_in("sol", "--label", "desk")
        (line,) = [json.loads(one) for one in
                   self.server.admin("key", "list", "sol", "--json").splitlines()]
        self.assertEqual((line["kid"], line["kind"], line["subject"], line["label"]),
                         (kid, "unix-uid", str(os.getuid()), "desk"))
        self.assertIn(f"desk ({os.getuid()})", self.server.admin("key", "list", "sol"))

    def test_what_cannot_be_a_record_is_refused_in_a_sentence(self):
        self.new_key("tom")
        for args, words in ((("--unix-uid", "65534"), "stands for users"),
                            (("--unix-uid", "tom"), "whole number")):
            done = subprocess.run([MOOTD, "key", "add", "tom", *args, "--data-dir",
                                   self.server.data_dir], capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)

    def test_moot_comes_in_with_the_file_that_key_add_writes(self):
        self.let_in("uma")
        self.server.admin("key", "revoke", "--all", "uma")
        out = self.dir / "uma.toml"
        self.server.admin("key", "add", "uma", "--unix-uid", os.getuid(), "--key-out", out)
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        text = out.read_text()
        self.assertIn("wall = true", text)
        self.assertIn(f'address = "unix:{self.path}"', text)
        self.assertNotIn("kid", text)
        bob = self.raw().open()
        home = Home(self, "uma").with_key(text)
        listed = home.run("users")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("uma", listed.stdout)
        sent = home.run("send", f"@{bob.key.account}", "from behind", "--wait", "sent")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertEqual(bob.wait_for("MSG")["from"], "uma")
        self.server.admin("key", "revoke", "--all", "uma")
        refused = home.run("users")
        self.assertEqual(refused.returncode, 1)
        # And a file with a key is no way in there: its client wants signatures.
        self.let_in("uma")
        signed = self.server.admin("key", "add", "uma")
        home.with_key(signed.replace(f"127.0.0.1:{self.server.port}", f"unix:{self.path}"))
        self.assertEqual(home.run("users").returncode, 78)  # the check no longer fits

    def test_the_socket_is_for_its_group_and_goes_with_the_server(self):
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode) & 0o117, 0)
        self.server.kill()
        self.assertTrue(self.path.exists())
        self.server.start()  # takes its place
        self.server.stop()
        self.assertFalse(self.path.exists())
        self.server.start()


class WallAndKey(WallCase):
    AUTH = "wall+key"

    def keyed(self, account):
        """A key of the account, for the unix socket."""
        text = self.server.admin("key", "add", account)
        return wire.Key.of_file(text)

    def test_both_are_asked_for_and_have_to_agree(self):
        self.let_in("ada")
        key, other = self.keyed("ada"), self.new_key("bob")
        raw = self.walled("ada", key).open()
        self.assertTrue(raw.alive())
        self.assert_silent(self.walled("bob", other).cnn())
        self.assert_silent(self.walled("ada").cnn())  # zeros

    def test_either_of_them_revoked_ends_the_connection(self):
        wall = self.let_in("cyd")
        key = self.keyed("cyd")
        live = self.walled("cyd", key).open()
        self.server.admin("key", "revoke", wall)
        self.assert_said(live, "revoked")
        self.assertTrue(self.closed_without_a_word())
        self.let_in("cyd")
        live, greeted = self.walled("cyd", key).open(), self.walled("cyd", key)
        self.server.admin("key", "revoke", key.kid.hex())
        self.assert_said(live, "revoked")
        self.assert_silent(greeted.cnn())

    def test_a_record_revoked_between_greeting_and_cnn_lets_nobody_in(self):
        wall = self.let_in("dan")
        greeted = self.walled("dan", self.keyed("dan"))
        self.server.admin("key", "revoke", wall)
        self.assert_said(greeted.cnn(), "revoked")

    def test_a_key_alone_is_not_enough(self):
        self.new_key("eva")
        self.assertTrue(self.closed_without_a_word())

    def test_there_is_no_file_for_the_wall_beside_a_key(self):
        self.server.admin("user", "add", "fay")
        out = self.server.admin("key", "add", "fay", "--unix-uid", os.getuid())
        self.assertRegex(out, r"\A[0-9a-f]{16}\n\Z")
        self.server.admin("key", "revoke", out.strip())


class Start(unittest.TestCase):
    def run_with(self, listen, wrap=()):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        config = directory / "mootd.toml"
        config.write_text("[[listen]]\n" + listen.replace("DIR", str(directory)))
        return subprocess.run([*wrap, MOOTD, "run", "-c", config, "--data-dir", directory / "data"],
                              capture_output=True, text=True, timeout=60, check=False)

    @in_user_namespace
    def test_WG_22_it_does_not_start_where_uids_are_hidden(self):
        done = self.run_with('address = "DIR/wall"\ntransport = "unix"\nauth = "wall"\n',
                             ["unshare", "--user", "--map-current-user"])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("remove PrivateUsers= from its unit", done.stderr)

    def test_it_does_not_take_the_place_of_something_else(self):
        done = self.run_with('address = "DIR"\ntransport = "unix"\nauth = "wall"\n')
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("[[listen]] 1: ", done.stderr)
        self.assertIn("is no socket", done.stderr)

    def test_plain_tcp_is_no_wall(self):
        done = self.run_with('address = "127.0.0.1:0"\nauth = "wall"\n')
        self.assertEqual(done.returncode, 78)
        self.assertIn("there is no wall on it", done.stderr)


if __name__ == "__main__":
    unittest.main()
