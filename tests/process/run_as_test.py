"""As whom mootd runs when root starts it, and what it says to who starts it by hand."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import unittest

from support import MOOTD, PATIENCE, Server, wire

from terminal import Terminal

HINT = "nobody has an account yet"
as_root = unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")


class RunAs(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = self.dir / "data"

    def server(self, *args):
        return Server(MOOTD, self.data, ["--http-listen", "off", *args])

    @as_root
    def test_as_uid_0_it_warns_and_names_the_setting(self):
        with self.server() as server:
            self.assertIn("running as uid 0; set `user`", server.log())

    @as_root
    def test_it_becomes_the_user_of_its_configuration_with_his_groups_alone(self):
        nobody = pwd.getpwnam("nobody")
        self.dir.chmod(0o711)
        self.data.mkdir(mode=0o700)
        os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        with self.server("--set", 'user="nobody"') as server:
            self.assertNotIn("uid 0", server.log())
            status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
            ids = {name: set(map(int, value.split()))
                   for name, _, value in (line.partition(":") for line in status.splitlines())
                   if name in ("Uid", "Gid", "Groups")}
            self.assertEqual(ids["Uid"], {nobody.pw_uid})
            self.assertEqual(ids["Gid"], {nobody.pw_gid})
            self.assertLessEqual(ids["Groups"], set(os.getgrouplist("nobody", nobody.pw_gid)))
            wire.Peer(wire.Key.of_file(server.admin("user", "add", "ada")), PATIENCE).close()
        for path in self.data.iterdir():
            self.assertEqual(path.stat().st_uid, nobody.pw_uid, path)

    @as_root
    def test_a_user_that_is_not_there_is_told_and_nothing_runs(self):
        done = subprocess.run([MOOTD, "run", "--data-dir", self.data, "--listen", "127.0.0.1:0",
                               "--set", 'user="no-such-user"'],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no-such-user", done.stderr)
        self.assertNotIn("ready", done.stdout)

    def test_on_a_terminal_it_tells_what_comes_first_while_nobody_has_an_account(self):
        command = [MOOTD, "run", "--data-dir", self.data, "--listen", "127.0.0.1:0",
                   "--http-listen", "off"]
        with Terminal(command, columns=200) as terminal:
            terminal.wait_for(HINT, PATIENCE)
            self.assertIn("mootd invite", terminal.text())
            terminal.type("\x03")
            self.assertEqual(terminal.wait_end(PATIENCE), 0)
        with self.server() as server:
            server.admin("user", "add", "ada")
            self.assertNotIn(HINT, server.log(), "not where nobody looks")
        with Terminal(command, columns=200) as terminal:
            terminal.wait_for("ready", PATIENCE)
            terminal.type("\x03")
            self.assertEqual(terminal.wait_end(PATIENCE), 0)
            self.assertNotIn(HINT, terminal.text(), "not where somebody has one")


if __name__ == "__main__":
    unittest.main()
