"""What the command lines of mootd and moot refuse, tell and print about themselves (interface.md)."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from support import MOOTD, Home, ServerCase, key_text

MOOT = os.environ["MOOT"]
USAGE = 2


def called(program, *args):
    return subprocess.run([program, *map(str, args)], capture_output=True, text=True, timeout=60,
                          check=False)


class CommandLines(unittest.TestCase):
    """Nothing is opened, so nothing is made."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="moot-usage-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def test_what_is_known_to_be_wrong_is_exit_2_of_mootd(self):
        data = self.dir / "data"
        for line, words in (("key revoke", "Exactly 1 option from [KID,--all] is required"),
                            ("key revoke --all ada 995e494b5ab93fde", "from [KID,--all]"),
                            ("key revoke 995e", "16 hex digits"),
                            ("key rotate", "Exactly 1 option from [KID,--all] is required"),
                            ("key rotate --all --key-out x 995e494b5ab93fde", "from [KID,--all]"),
                            ("key rotate 995e494b5ab93fdX", "16 hex digits"),
                            ("key rotate 995e494b5ab93fde --overlap soon", "no duration"),
                            ("key rotate --all Ada! --key-out x", "no user id"),
                            ("key add ada --x509-spki abc", "64 lower-case hex digits"),
                            ("invite --uses 0", "from 1 on"),
                            ("invite --uses some", "from 1 on"),
                            ("invite --expires soon", "no duration"),
                            ("invite --expires 0", "over at once"),
                            ("user add Ada", "no user id"),
                            ("user remove ada!", "no user id"),
                            ("channel role ops ada king", "owner, admin or none"),
                            ("channel", "subcommand"),
                            ("usr list", "There is no command `usr`; did you mean `user`?"),
                            ("invite --bogus", "not expected: --bogus")):
            done = called(MOOTD, *line.split(), "--data-dir", data)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), line)
            self.assertRegex(done.stderr, "^mootd: ", line)
            self.assertIn(words, done.stderr, line)
        self.assertFalse(data.exists())

    def test_what_is_known_to_be_wrong_is_exit_2_of_moot(self):
        for args, words in ((("join", "notalink", "--as", "ada"), "This is no invitation"),
                            (("users", "--bogus"), "not expected"),
                            (("nick", "Ada", "--json"), "--json goes behind a command that prints"),
                            (("doctor",), "You have no key yet")):
            done = called(MOOT, "--home", self.dir / "home", *args)
            self.assertEqual(done.returncode, USAGE, args)
            self.assertIn(words, done.stdout + done.stderr, args)
        self.assertFalse((self.dir / "home").exists())

    def test_versions_are_told_to_programs_too(self):
        for program in (MOOT, MOOTD):
            name = pathlib.Path(program).name
            plain = called(program, "--version")
            self.assertRegex(plain.stdout, rf"^{name} \d+\.\d+\.\d+\n$")
            told = json.loads(called(program, "--version", "--json").stdout)
            self.assertEqual((told["program"], told["protocol"]), (name, 0))
            self.assertEqual(f"{name} {told['version']}\n", plain.stdout)

    def test_every_help_says_what_values_are_and_gives_an_example(self):
        def look(path):
            text = called(MOOTD, *path, "--help").stdout
            self.assertNotRegex(text, r"\b(TEXT|UINT|INT)\b", path)
            below = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
            if below is None:
                self.assertIn("Example", text, path)
            for line in (below[1].splitlines() if below else ()):
                look((*path, line.split()[0]))

        look(())
        self.assertIn("Exit codes: 0 done, 1 failed, 2 usage, 78", called(MOOTD, "--help").stdout)


class Asking(ServerCase):
    def test_a_name_may_be_the_word_of_a_command(self):
        self.server.admin("user", "add", "status", "--key-out", self.dir / "status.toml")
        self.assertIn("@status", self.server.admin("key", "list", "status"))
        self.assertIn("disabled @status", self.server.admin("user", "disable", "@status"))

    def test_one_is_no_plural(self):
        self.assertRegex(self.server.admin("status"), r"\b1 channel\n")
        self.assertIn("member", self.server.admin("channel", "show", "lobby"))

    def test_a_backup_that_cannot_be_made_is_named_as_it_was_said(self):
        done = called(MOOTD, "backup", self.dir / "no" / "x.db", "--data-dir", self.server.data_dir)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no/x.db cannot be made", done.stderr)

    def test_who_is_unknown_is_told_where_the_names_are(self):
        ada = Home(self, "asks").join(self.server.invite())
        done = ada.run("send", "@nobody", "hi", "--timeout", "60s")
        self.assertEqual(done.returncode, 1)
        self.assertIn("`moot users` lists them", done.stderr)

    def test_doctor_says_what_it_does_not_know(self):
        ada = Home(self, "checked").join(self.server.invite())

        def verdicts():
            done = ada.run("doctor", "--json")
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            return done.returncode, {line["topic"]: line["verdict"] for line in lines}, lines

        topics = ("key", "address", "store", "connection", "clock")
        self.assertEqual(verdicts()[:2], (0, dict.fromkeys(topics, "good")))
        self.server.stop()
        try:
            code, told, lines = verdicts()
            self.assertEqual((code, told["store"], told["connection"], told["clock"]),
                             (1, "good", "bad", "skipped"))
            self.assertIn("cannot be reached", next(x for x in lines if x["topic"] == "connection")["fix"])
            text = ada.run("doctor").stdout
            self.assertIn("BAD   not connected", text)
            self.assertIn("--    the server's clock is not known without a connection", text)
        finally:
            self.server.start()

    def test_doctor_tells_all_that_it_does_not_look_at(self):
        new = Home(self, "new")
        ada = Home(self, "plain").join(self.server.invite())
        ada.with_key(key_text(ada.key_file.read_text(), address="192.0.2.1:7667", tls="off"))
        damaged = Home(self, "storeless").join(self.server.invite())
        (damaged.dir / "store.db").write_bytes(b"x" * 4096)
        topics = ("key", "address", "store", "connection", "clock")
        for home, good in ((new, 0), (ada, 1), (damaged, 2)):
            done = home.run("doctor", "--json")
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            verdicts = ["good"] * good + ["bad"] + ["skipped"] * (4 - good)
            self.assertEqual([(x["topic"], x["verdict"]) for x in lines],
                             list(zip(topics, verdicts)), done.stdout)
            self.assertNotEqual(done.returncode, 0)
        self.assertIn("--    the clock of the server: not looked at without a store",
                      damaged.run("doctor").stdout)

    def test_a_damaged_store_of_a_client_is_no_matter_of_backups(self):
        ada = Home(self, "damaged").join(self.server.invite())
        self.assertEqual(ada.run("users").returncode, 0)
        (ada.dir / "store.db").write_bytes(b"x" * 4096)
        done = ada.run("users")
        self.assertEqual(done.returncode, 1)
        self.assertIn("start with a new one. The key is in a file of its own", done.stderr)
        self.assertNotIn("backup", done.stderr)
        (ada.dir / "store.db").rename(ada.dir / "away.db")
        for log in ada.dir.glob("store.db-*"):
            log.unlink()
        self.assertEqual(ada.run("users").returncode, 0)

    def test_a_key_that_is_too_short_comes_with_the_next_step(self):
        ada = Home(self, "short").join(self.server.invite())
        text = ada.key_file.read_text()
        cut = Home(self, "cut").with_key(re.sub(r'(?m)^key = "..', 'key = "', text))
        done = cut.run("users")
        self.assertEqual(done.returncode, 78)
        self.assertIn("`moot join`", done.stderr)


class MembersByDefault(ServerCase):
    ARGS = ("--set", 'channels.default_keeper="members"', "--set", "channels.lobby=false")

    def test_who_does_not_say_gets_what_the_server_is_configured_for(self):
        ada = Home(self, "makes").join(self.server.invite())
        self.assertIn("three of them have to be online", ada.run("create", "ops").stderr)
        self.assertIn("can read", ada.run("create", "notes", "--keeper", "server").stderr)
        kept = {c["channel"]: c["keeper"] for c in
                map(json.loads, self.server.admin("channel", "list", "--json").splitlines())}
        self.assertEqual(kept, {"ops": "members", "notes": "server"})


if __name__ == "__main__":
    unittest.main()
