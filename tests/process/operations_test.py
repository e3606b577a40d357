"""The playbooks of docs/operations.md, done as they are written there."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import sqlite3
import ssl
import stat
import subprocess
import tempfile
import unittest

from support import HERE, MOOTD, PATIENCE, Raw, Server, ServerCase, wire

FIXTURES = HERE.parent / "fixtures"


def mootd(data_dir, *args, env=None):
    return subprocess.run([MOOTD, *map(str, args), "--data-dir", str(data_dir)],
                          capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **(env or {})})


class Upgrade(unittest.TestCase):
    """From the data directory that a program of schema 1 left behind."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def place(self, name, version):
        data = self.dir / name
        data.mkdir(mode=0o700)
        for file in ("store.db", "master.key"):
            shutil.copyfile(FIXTURES / f"server_v{version}" / file, data / file)
            (data / file).chmod(0o600)
        return data

    def version(self, file):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
        db.close()
        return version

    def users(self, data):
        done = mootd(data, "user", "list", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return {u["user"] for u in map(json.loads, done.stdout.splitlines())}

    def test_a_store_of_schema_1_is_backed_up_and_served(self):
        data = self.place("one", 1)
        before = (data / "store.db").read_bytes()
        with Server(MOOTD, data, ["--http-listen", "off"]) as server:
            copy = data / "store.db.v1.bak"
            self.assertEqual(self.version(copy), 1)
            self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
            self.assertGreater(self.version(data / "store.db"), 1)
            self.assertIn("ada", self.users(data))
            key = wire.Key.of_file(server.admin("key", "add", "ada", "--label", "after"))
            wire.Peer(key, PATIENCE).barrier()
            self.assertIn("every seal opens", server.admin("doctor"))
            self.assertIn("whole", server.admin("audit", "verify"))
        self.assertEqual(before[:16], copy.read_bytes()[:16])

    def test_the_way_back_is_the_copy(self):
        data = self.place("back", 1)
        users = self.users(data)  # upgrades
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (data / name).unlink(missing_ok=True)
        (data / "store.db.v1.bak").rename(data / "store.db")
        self.assertEqual(self.version(data / "store.db"), 1)
        self.assertEqual(self.users(data), users)

    def test_the_copy_can_be_restored_elsewhere(self):
        data = self.place("two", 2)
        users = self.users(data)
        elsewhere = self.dir / "elsewhere"
        done = mootd(elsewhere, "restore", data / "store.db.v2.bak")
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.copyfile(data / "master.key", elsewhere / "master.key")
        (elsewhere / "master.key").chmod(0o600)
        self.assertEqual(self.users(elsewhere), users)
        self.assertIn("every seal opens", mootd(elsewhere, "doctor").stdout)

    def test_without_room_for_the_copy_nothing_is_changed(self):
        data = self.place("full", 1)
        before = (data / "store.db").read_bytes()

        def small_files():
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (48 * 1024, 48 * 1024))

        done = subprocess.run([MOOTD, "run", "--listen", "127.0.0.1:0", "--http-listen", "off",
                               "--data-dir", data], capture_output=True, text=True, timeout=60,
                              preexec_fn=small_files, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is of an older version and was not touched", done.stderr)
        self.assertIn("make room for a second one beside it, where this user may write, and start again",
                      done.stderr)
        self.assertIn(f"Copying {data}/store.db to", done.stderr)  # and what exactly did not work
        self.assertEqual((data / "store.db").read_bytes(), before)
        self.assertEqual(list(data.glob("*.bak")), [])


class Backups(ServerCase):
    def test_what_is_restored_is_what_was_backed_up(self):
        kept = self.new_key("kept")
        self.new_key("reader")
        peer = self.connect(kept)
        peer.send("PV_MSG", to="reader", msg_id=wire.new_ulid(), msg=wire.text_content("wait"))
        peer.barrier()
        revoked_later = wire.Key.of_file(self.server.admin("key", "add", "kept"))
        backup = self.dir / "moot.db"
        self.server.admin("backup", backup)
        self.assertEqual(stat.S_IMODE(backup.stat().st_mode), 0o600)
        self.assertEqual(mootd(self.server.data_dir, "backup", backup).returncode, 1,
                         "never over another")
        self.new_key("after-it")
        self.server.admin("key", "revoke", revoked_later.kid.hex())
        new = self.dir / "new"
        done = mootd(new, "restore", backup)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^restored \d+ accounts; the store needs master key [0-9a-f]{8}\n$")
        self.assertIn("is missing", mootd(new, "status").stderr)
        shutil.copyfile(self.server.data_dir / "master.key", new / "master.key")
        (new / "master.key").chmod(0o600)
        self.assertIn("every seal opens", mootd(new, "doctor").stdout)
        self.assertIn("whole", mootd(new, "audit", "verify").stdout)
        with Server(MOOTD, new, ["--http-listen", "off"]) as server:
            users = server.admin("user", "list")
            self.assertIn("@kept", users)
            self.assertNotIn("@after-it", users)
            revoked_later.port = server.port  # as the page says: it works again
            Raw(revoked_later).open().socket.close()
            self.assertGreaterEqual(json.loads(server.admin("status", "--json"))["offline_messages"], 1)
        peer.close()

    def test_a_damaged_backup_is_refused(self):
        self.new_key("whole")
        backup = self.dir / "changed.db"
        self.server.admin("backup", backup)
        octets = bytearray(backup.read_bytes())
        octets[4096:4104] = b"\xff" * 8  # where a page says what it is
        backup.write_bytes(octets)
        done = mootd(self.dir / "refused", "restore", backup)
        self.assertEqual(done.returncode, 1)
        self.assertFalse((self.dir / "refused" / "store.db").exists())

    def test_a_store_is_not_overwritten(self):
        self.new_key("stays")
        backup = self.dir / "stays.db"
        self.server.admin("backup", backup)
        self.server.stop()
        done = mootd(self.server.data_dir, "restore", backup)
        self.server.start()
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds a store already", done.stderr)


    def test_what_is_told_to_end_leaves_nothing(self):
        data = self.dir / "large"
        mootd(data, "user", "add", "ada")
        with sqlite3.connect(data / "store.db") as db:  # free pages are copied, too
            db.execute("CREATE TABLE large(octets)")
            db.executemany("INSERT INTO large VALUES(zeroblob(1048576))", [()] * 192)
            db.execute("DROP TABLE large")
        db.close()
        file, part = self.dir / "large.db", self.dir / "large.db.part"
        copying = subprocess.Popen([MOOTD, "backup", file, "--data-dir", data], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        while not part.exists() and copying.poll() is None:
            pass
        copying.send_signal(signal.SIGTERM)
        said = copying.communicate(timeout=PATIENCE)[1]
        # Where the copy was whole already, it stays.
        self.assertEqual(file.exists(), copying.returncode != 1, said)
        if copying.returncode == 1:
            self.assertIn("was told to end", said)
        self.assertEqual([p.name for p in self.dir.glob("large.db.*")], [])

    def test_what_a_killed_one_left_is_told(self):
        file = self.dir / "again.db"
        part = self.dir / "again.db.part"
        part.write_text("half of it")
        done = mootd(self.server.data_dir, "backup", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("remove it and try again", done.stderr)
        part.unlink()
        self.assertEqual(mootd(self.server.data_dir, "backup", file).returncode, 0)


@unittest.skipUnless(os.geteuid() == 0, "only root can let the server be another user")
class AsRoot(unittest.TestCase):
    """Root works on the store of a server that has fewer rights."""

    USER = pwd.getpwuid(65534)

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o711)
        self.data = self.dir / "data"
        self.own(self.data)
        self.vault = self.dir / "roots"
        self.vault.mkdir(mode=0o700)
        self.server = Server(MOOTD, self.data, ["--http-listen", "off", "--set", f"user={self.USER.pw_name}"])
        self.addCleanup(self.server.close)

    def own(self, path):
        path.mkdir(mode=0o700)
        os.chown(path, self.USER.pw_uid, self.USER.pw_gid)

    def assert_all_the_servers(self):
        owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in self.data.iterdir()}
        self.assertTrue(owners)
        self.assertEqual(set(owners.values()), {(self.USER.pw_uid, self.USER.pw_gid)}, owners)

    def test_a_store_is_backed_up_and_restored_for_the_server(self):
        server = self.server.start()
        ada = wire.Key.of_file(server.admin("user", "add", "ada"))
        backup = self.vault / "moot.db"
        self.assertIn(f"wrote {backup}", server.admin("backup", backup))
        facts = backup.stat()
        self.assertEqual((facts.st_uid, stat.S_IMODE(facts.st_mode)), (0, 0o600))
        self.assertIn("backup: good, the last was today", server.admin("doctor"))
        self.assertIn("whole", server.admin("audit", "verify"))
        self.assertEqual([p.name for p in self.vault.iterdir()], ["moot.db"])
        self.assert_all_the_servers()
        self.assertEqual(server.stop(), 0, server.log())
        old = self.dir / "data.old"
        self.data.rename(old)
        self.own(self.data)
        self.assertIn("restored 1 account;", server.admin("restore", backup))
        self.assert_all_the_servers()
        subprocess.run(["install", "-o", str(self.USER.pw_uid), "-g", str(self.USER.pw_gid), "-m", "600",
                        old / "master.key", self.data / "master.key"], check=True)
        self.assertIn("every seal opens", server.admin("doctor"))
        self.assert_all_the_servers()
        server.start()
        ada.port = server.port
        Raw(ada).open().socket.close()

    def test_what_is_done_before_the_first_start_is_the_servers(self):
        key = wire.Key.of_file(self.server.admin("user", "add", "ada"))
        self.server.admin("master", "rotate")
        self.server.admin("backup", self.vault / "stopped.db")
        self.assertIn("@ada", self.server.admin("user", "list"))
        self.assert_all_the_servers()
        with self.server as server:
            key.port = server.port
            Raw(key).open().socket.close()

    def test_no_directory_is_made_that_the_server_cannot_open(self):
        self.data.rmdir()
        done = mootd(self.data, "user", "add", "ada", "--set", f"user={self.USER.pw_name}")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"install -d -m 700 -o {self.USER.pw_name} {self.data}", done.stderr)
        self.assertFalse(self.data.exists())


class Losses(ServerCase):
    def keys(self, user):
        return [json.loads(line) for line in
                self.server.admin("key", "list", user, "--json").splitlines()]

    def test_one_device_is_lost(self):
        first = self.new_key("ada")
        second = wire.Key.of_file(self.server.admin("key", "add", "ada", "--label", "tablet"))
        lost, stays = Raw(second).open(), Raw(first).open()
        kid = next(k["kid"] for k in self.keys("ada") if k["label"] == "tablet")
        self.server.admin("key", "revoke", kid)
        self.assert_said(lost, "revoked")
        self.assertTrue(stays.alive())
        self.assert_silent(Raw(second).cnn())
        self.assertEqual([k["state"] for k in self.keys("ada") if k["kid"] == kid], ["revoked"])

    def test_all_devices_are_lost_and_what_waited_comes_to_the_new_key(self):
        self.new_key("eve")
        ann = self.connect(self.new_key("ann"))
        msg_id = wire.new_ulid()
        ann.send("PV_MSG", to="eve", msg_id=msg_id, msg=wire.text_content("still"))
        ann.barrier()
        self.server.admin("key", "revoke", "--all", "eve")
        self.assertTrue(all(k["state"] == "revoked" for k in self.keys("eve")))
        new = wire.Key.of_file(self.server.admin("key", "add", "eve", "--label", "laptop"))
        eve = self.connect(new)
        ann.send("PV_MSG", to="eve", msg_id=msg_id, msg=wire.text_content("still"))
        eve.wait_for("MSG", msg_id=msg_id)
        ann.close()
        eve.close()

    def test_the_master_key_leaked(self):
        old = self.new_key("fay")
        living = Raw(old).open()
        link = self.server.invite()
        data = str(self.server.data_dir)
        before = (self.server.data_dir / "master.key").read_bytes()
        self.server.admin("master", "rotate")
        self.assertNotEqual((self.server.data_dir / "master.key").read_bytes(), before)
        # The line of the page, word for word but for the directory.
        line = ("mootd key list --json | grep '\"kind\":\"invite\"' | grep -v '\"state\":\"revoked\"' | "
                "sed 's/.*\"kid\":\"\\([^\"]*\\)\".*/\\1/' |\n  xargs -r mootd key revoke")
        page = (HERE.parent.parent / "docs" / "operations.md").read_text()
        self.assertIn(line, page)
        line = line.replace("mootd key list", f"{MOOTD} key list --data-dir {data}")
        line = line.replace("mootd key revoke", f"{MOOTD} key revoke --data-dir {data}")
        done = subprocess.run(["sh", "-ec", line], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_silent(Raw(wire.Key.of_link(link)).cnn())
        out = self.dir / "new-keys"
        self.server.admin("key", "rotate", "--all", "--overlap", "0", "--key-out", out)
        self.assert_said(living, "revoked")
        self.assert_silent(Raw(old).cnn())
        file = out / f"fay-{old.kid.hex()}.toml"
        Raw(wire.Key.of_file(file.read_text())).open().socket.close()

    def test_somebody_must_go(self):
        bob, gus = self.new_key("bob"), self.new_key("gus")
        living = Raw(bob).open()
        self.server.admin("user", "disable", "bob")
        self.assert_said(living, "revoked")
        self.assert_silent(Raw(bob).cnn())
        self.server.admin("user", "enable", "bob")
        Raw(bob).open().socket.close()
        self.server.admin("user", "remove", "gus")
        self.assert_silent(Raw(gus).cnn())
        self.assertEqual(mootd(self.server.data_dir, "user", "add", "gus").returncode, 1)


class MasterFromCredential(unittest.TestCase):
    """The master key as systemd hands it over: a directory that CREDENTIALS_DIRECTORY names."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = self.dir / "data"
        self.given = self.dir / "credentials"
        self.given.mkdir(mode=0o700)
        self.env = {"CREDENTIALS_DIRECTORY": str(self.given)}

    def new_master(self):
        """As the page makes it."""
        return subprocess.run(["openssl", "rand", "-hex", "32"], check=True, capture_output=True).stdout

    def give(self, **keys):
        """What is there at the next start: these, and nothing else."""
        for file in self.given.iterdir():
            file.unlink()
        for name, text in keys.items():
            file = self.given / name.replace("_", "-")
            file.write_bytes(text)
            file.chmod(0o400)

    def server(self):
        return Server(MOOTD, self.data, ["--http-listen", "off"], self.env)

    def log_in(self, key, server):
        key.port = server.port
        Raw(key).open().socket.close()

    def refused_to_start(self):
        done = mootd(self.data, "run", "--listen", "127.0.0.1:0", "--http-listen", "off", env=self.env)
        self.assertNotIn("ready", done.stdout)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_it_is_rotated_as_the_page_says(self):
        first, second = self.new_master(), self.new_master()
        self.give(moot_master=first)
        with self.server() as server:
            key = wire.Key.of_file(server.admin("user", "add", "ada"))
            self.log_in(key, server)
            # It says so and does nothing.
            done = mootd(self.data, "master", "rotate")
            self.assertEqual(done.returncode, 1)
            self.assertIn("give the new one as moot-master and this one as moot-master-old", done.stderr)
            self.log_in(key, server)
            self.assertEqual(server.stop(), 0)
        self.assertFalse((self.data / "master.key").exists())
        # The new key as moot-master, the old one as moot-master-old, start again, rotate.
        self.give(moot_master=second, moot_master_old=first)
        with self.server() as server:
            self.log_in(key, server)
            server.admin("master", "rotate")
            self.log_in(key, server)
            self.assertEqual(server.stop(), 0)
        # Remove moot-master-old.
        self.give(moot_master=second)
        with self.server() as server:
            self.log_in(key, server)
            self.assertIn("every seal opens", server.admin("doctor"))
            self.assertIn("whole", server.admin("audit", "verify"))
            self.assertEqual(server.stop(), 0)
        self.assertFalse((self.data / "master.key").exists())
        # The old key opens nothing any more.
        self.give(moot_master=first)
        self.assertIn("master key", self.refused_to_start())

    def test_a_new_key_alone_is_refused_and_the_old_one_still_serves(self):
        first, second = self.new_master(), self.new_master()
        self.give(moot_master=first)
        self.assertEqual(mootd(self.data, "user", "add", "ada", env=self.env).returncode, 0)
        self.give(moot_master=second)
        self.assertIn("master key", self.refused_to_start())
        self.give(moot_master=first)
        with self.server() as server:
            self.assertIn("@ada", server.admin("user", "list"))

    def test_on_the_stopped_store_a_command_needs_the_directory(self):
        self.give(moot_master=self.new_master())
        self.assertEqual(mootd(self.data, "user", "add", "ada", env=self.env).returncode, 0)
        done = mootd(self.data, "user", "list")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is missing", done.stderr)
        self.assertIn("@ada", mootd(self.data, "user", "list", env=self.env).stdout)


class Certificates(unittest.TestCase):
    def test_a_new_certificate_of_the_same_key_keeps_the_pin(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        key, cert = folder / "key.pem", folder / "cert.pem"
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-nodes", "-days", "3650", "-keyout", key, "-out", cert, "-subj", "/CN=chat.example"]
        subprocess.run(new, check=True, capture_output=True)
        args = ["--http-listen", "off", "--tls-listen", "127.0.0.1:0", "--set", f"tls.cert={cert}",
                "--set", f"tls.key={key}"]
        with Server(MOOTD, folder / "data", args) as server:
            living = Raw(wire.Key.of_file(server.admin("user", "add", "ann"))).open()
            before = self.seen(server.tls_port)
            subprocess.run(["openssl", "req", "-x509", "-key", key, "-days", "3650", "-out", cert,
                            "-subj", "/CN=chat.example"], check=True, capture_output=True)
            server.process.send_signal(signal.SIGHUP)
            living.wait_for("SINFO")
            after = self.seen(server.tls_port)
            living.socket.close()
        self.assertNotEqual(before, after, "another certificate")
        self.assertEqual(self.pin(before), self.pin(after))

    def seen(self, port):
        return ssl.get_server_certificate(("127.0.0.1", port))

    def pin(self, pem):
        done = subprocess.run("openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | "
                              "sha256sum", shell=True, input=pem, text=True, capture_output=True,
                              check=True)
        return done.stdout.split()[0]


if __name__ == "__main__":
    unittest.main()
