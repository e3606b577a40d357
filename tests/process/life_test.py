"""mootd as a program: what it prints, how it ends, what it refuses (interface.md, ST and DO rows)."""

import hashlib
import json
import os
import re
import resource
import select
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import time
import unittest

from support import MOOTD, PATIENCE, Raw, Server, ServerCase, wire


def run(*args, **kw):
    return subprocess.run([MOOTD, *map(str, args)], capture_output=True, text=True, timeout=60,
                          check=False, **kw)


class Program(ServerCase):
    def test_it_prints_its_listeners_then_ready_and_writes_to_the_ready_descriptor(self):
        read, write = os.pipe()
        process = subprocess.Popen(
            [MOOTD, "run", "--data-dir", self.dir / "ready", "--listen", "127.0.0.1:0",
             "--http-listen", "off", "--ready-fd", str(write)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as ready:
            self.assertEqual(ready.read(), "ready\n")
        self.assertRegex(process.stdout.readline(), r"^listening plain 127\.0\.0\.1:\d+\n$")
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.stdout.read(), "")
        self.assertEqual(process.wait(PATIENCE), 0)
        process.stdout.close()

    def test_it_tells_the_service_manager(self):
        path = str(self.dir / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(PATIENCE)
            server = Server(MOOTD, self.dir / "notified", env={"NOTIFY_SOCKET": path})
            with server:
                self.assertEqual(manager.recv(100), b"READY=1")
                server.stop()
                self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_a_port_in_use_is_exit_1_naming_the_option(self):
        done = run("run", "--data-dir", self.dir / "other", "--listen",
                   f"127.0.0.1:{self.server.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--listen", done.stderr)
        self.assertNotIn("ready", done.stdout)

    def test_an_unknown_key_is_exit_78_with_a_suggestion(self):
        config = self.dir / "typo.toml"
        config.write_text("[limits]\nmax_frmae = 5000\n")
        for command in (("run",), ("config", "check"), ("user", "list")):
            done = run(*command, "-c", config)
            self.assertEqual(done.returncode, 78)
            self.assertIn("did you mean `limits.max_frame`?", done.stderr)

    def test_plain_off_loopback_is_exit_78(self):
        done = run("run", "--listen", "0.0.0.0:0")
        self.assertEqual(done.returncode, 78)
        self.assertIn("TLS", done.stderr)

    def test_wrong_usage_is_exit_2(self):
        for args in ((), ("fly",), ("user", "add"), ("run", "--no-such-option")):
            self.assertEqual(run(*args).returncode, 2, args)

    def test_it_tells_its_version(self):
        self.assertRegex(run("--version").stdout, r"^mootd \d+\.\d+\.\d+\n$")
        self.assertEqual(json.loads(run("--version", "--json").stdout)["protocol"], 0)

    def test_the_configuration_that_is_shown_is_taken_back(self):
        shown = run("config", "show", "--set", "timeout_s=77").stdout
        config = self.dir / "shown.toml"
        config.write_text(shown)
        self.assertEqual(run("config", "show", "-c", config).stdout, shown)
        self.assertIn("timeout_s = 77", shown)

    def test_one_data_directory_has_one_server(self):
        done = run("run", "--data-dir", self.server.data_dir, "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("ready", done.stdout)

    def test_the_admin_socket_is_for_its_user_alone(self):
        mode = (self.server.data_dir / "admin.sock").stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)


class Operators(ServerCase):
    def test_commands_work_on_the_running_server_and_on_the_store(self):
        running = json.loads(self.server.admin("status", "--json"))
        self.assertTrue(running["running"])
        self.assertEqual(running["address"], f"127.0.0.1:{self.server.port}")
        self.server.admin("user", "add", "while-running")
        self.server.stop()
        self.assertFalse(json.loads(self.server.admin("status", "--json"))["running"])
        self.server.admin("user", "add", "while-stopped")
        self.server.start()
        users = [json.loads(line)["user"]
                 for line in self.server.admin("user", "list", "--json").splitlines()]
        self.assertIn("while-running", users)
        self.assertIn("while-stopped", users)

    def test_a_key_made_on_the_stopped_store_connects(self):
        self.server.stop()
        text = self.server.admin("user", "add", "early", "--label", "laptop")
        self.server.start()
        key = wire.Key.of_file(text)
        key.port = self.server.port
        self.connect(key).close()
        self.assertIn('label = "laptop"', text)

    def test_a_key_file_is_0600_and_never_overwritten(self):
        out = self.dir / "ada.key"
        printed = self.server.admin("user", "add", "ada", "--key-out", out, "--json")
        told = json.loads(printed)
        self.assertEqual(sorted(told), ["account", "kid", "label"])
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        key = wire.Key.of_file(out.read_text())
        self.assertEqual(key.kid.hex(), told["kid"])
        self.connect(key).close()
        before = out.read_bytes()
        again = run("key", "add", "ada", "--key-out", out, "--data-dir", self.server.data_dir)
        self.assertEqual(again.returncode, 1)
        self.assertIn("exists", again.stderr)
        self.assertEqual(out.read_bytes(), before)
        keys = self.server.admin("key", "list", "ada", "--json").splitlines()
        self.assertEqual(len(keys), 1, "no key was made for a file that could not be written")

    def test_a_refused_command_leaves_no_key_file(self):
        out = self.dir / "server.key"
        done = run("user", "add", "server", "--key-out", out, "--data-dir", self.server.data_dir)
        self.assertEqual(done.returncode, 1)
        self.assertFalse(out.exists())

    def test_an_invitation_enrols_once(self):
        link = self.server.invite()
        peer = wire.Peer(wire.Key.of_link(link), PATIENCE)
        peer.send("ENROL", id="newcomer", name="New Comer")
        told = peer.wait_for("ENROLLED")
        peer.close()
        key = wire.Key("newcomer", told["kid"], told["key"], peer.key.srv, "127.0.0.1",
                       self.server.port)
        self.connect(key).close()
        self.assert_silent(Raw(wire.Key.of_link(link)).cnn())

    def test_audit_verify_finds_a_whole_log(self):
        self.server.admin("user", "add", "audited")
        self.assertIn("whole", self.server.admin("audit", "verify"))

    def test_a_backup_restores_elsewhere_with_its_master_key(self):
        key = self.new_key("saved")
        backup = self.dir / "copy.db"
        self.server.admin("backup", backup)
        elsewhere = self.dir / "elsewhere"
        self.assertEqual(run("restore", backup, "--data-dir", elsewhere).returncode, 0)
        (elsewhere / "master.key").write_bytes((self.server.data_dir / "master.key").read_bytes())
        (elsewhere / "master.key").chmod(0o600)
        with Server(MOOTD, elsewhere) as other:
            key.port = other.port
            self.connect(key).close()

    def test_after_master_rotate_old_keys_still_connect_also_after_a_restart(self):
        key = self.new_key("rotated")
        before = (self.server.data_dir / "master.key").read_bytes()
        self.server.admin("master", "rotate")
        self.assertNotEqual((self.server.data_dir / "master.key").read_bytes(), before)
        self.connect(key).close()
        self.server.kill()
        self.server.start()
        self.connect(key).close()


class Signals(ServerCase):
    def test_sigterm_says_goodbye_and_exits_0(self):
        raw = self.raw().open()
        self.assertEqual(self.server.stop(), 0)
        cmd, signature, payload = raw.rest()[-1]
        self.assertEqual(cmd, "DCNN")
        self.assertEqual(signature, wire.sign(raw.key.key, payload))
        said = wire.unpack(payload)
        self.assertEqual(said["code"], "shutdown")
        self.assertGreater(said["retry_s"], 0)
        self.server.start()

    def test_sigterm_stores_what_was_not_acknowledged(self):
        ann, bob = self.connect(self.new_key("ann")), self.connect(self.new_key("bob"))
        msg_id, body = wire.new_ulid(), wire.text_content("kept")
        ann.send("PV_MSG", to="bob", msg_id=msg_id, msg=body)
        bob.wait_for("MSG", msg_id=msg_id)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        again = self.connect(bob.key)
        self.assertEqual(again.wait_for("MSG", msg_id=msg_id)["msg"], body)

    def test_sighup_tells_the_new_configuration_or_keeps_the_old(self):
        config = self.dir / "live.toml"
        config.write_text("timeout_s = 100\n")
        with Server(MOOTD, self.dir / "live", ["-c", config]) as server:
            key = wire.Key.of_file(server.admin("user", "add", "eve"))
            peer = wire.Peer(key, PATIENCE)
            self.assertEqual(peer.info["timeout_s"], 100)
            config.write_text("timeout_s = 200\n")
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(peer.wait_for("SINFO")["timeout_s"], 200)
            config.write_text("timeout = 300\n")
            server.process.send_signal(signal.SIGHUP)
            while "config.kept" not in server.log():
                peer.barrier()
            self.assertEqual(wire.Peer(key, PATIENCE).info["timeout_s"], 200)


class Damage(ServerCase):
    def setUp(self):
        self.server.stop()

    def tearDown(self):
        if self.server.process is None:
            self.server.start()

    def start_fails(self):
        done = run("run", "--data-dir", self.server.data_dir, "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("ready", done.stdout)
        sentences = [line for line in done.stderr.splitlines() if line.startswith("mootd: ")]
        return sentences[-1]

    def test_ST_01_keys_whose_rows_were_swapped_open_nothing(self):
        self.server.start()
        ann, bob = self.new_key("ann"), self.new_key("bob")
        self.server.stop()
        found = [p for p in self.server.data_dir.iterdir() if p.suffix in (".db", ".sqlite")]
        with sqlite3.connect(found[0]) as db:
            rows = {kid: sealed for kid, sealed in db.execute("SELECT kid, sealed FROM credential")}
            db.execute("UPDATE credential SET sealed = ? WHERE kid = ?", (rows[bob.kid], ann.kid))
            db.execute("UPDATE credential SET sealed = ? WHERE kid = ?", (rows[ann.kid], bob.kid))
        db.close()
        self.server.start()
        self.assert_silent(Raw(ann).cnn())
        with_bobs = wire.Key(ann.account, ann.kid, bob.key, ann.srv, ann.host, ann.port)
        self.assert_silent(Raw(with_bobs).cnn())

    def test_ST_01_a_kept_message_in_the_place_of_another_is_told_and_not_shown(self):
        with Server(MOOTD, self.dir / "edited") as server:
            ann = wire.Peer(wire.Key.of_file(server.admin("user", "add", "ann")), PATIENCE)
            bob = wire.Key.of_file(server.admin("user", "add", "bob"))
            for text in ("one", "two"):
                ann.send("PV_MSG", to="bob", msg_id=wire.new_ulid(), msg=wire.text_content(text))
            ann.barrier()
        found = [p for p in server.data_dir.iterdir() if p.suffix in (".db", ".sqlite")]
        with sqlite3.connect(found[0]) as db:
            (one, first), (two, second) = db.execute("SELECT seq, body FROM offline ORDER BY seq")
            db.execute("UPDATE offline SET body = ? WHERE seq = ?", (second, one))
            db.execute("UPDATE offline SET body = ? WHERE seq = ?", (first, two))
        db.close()
        process = subprocess.Popen(
            [MOOTD, "run", "--data-dir", server.data_dir, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        bob.port = int(re.search(r":(\d+)$", process.stdout.readline())[1])
        said = [cmd for cmd, _, _ in Raw(bob).open().rest()]
        self.assertNotIn("MSG", said)
        self.assertEqual(said[-1], "DCNN")
        _, log = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn("restore a backup", log.splitlines()[-1])

    def test_ST_02_another_master_key_is_told(self):
        path = self.server.data_dir / "master.key"
        right = path.read_text()
        path.write_text("ab" * 32 + "\n")
        try:
            self.assertIn("master", self.start_fails())
        finally:
            path.write_text(right)

    def test_ST_03_a_master_key_that_others_can_read_is_told(self):
        path = self.server.data_dir / "master.key"
        path.chmod(0o644)
        try:
            self.assertIn("chmod 600", self.start_fails())
        finally:
            path.chmod(0o600)

    def test_ST_04_an_edited_audit_line_is_found(self):
        self.server.admin("user", "add", "carol")
        found = [p for p in self.server.data_dir.iterdir() if p.suffix in (".db", ".sqlite")]
        with sqlite3.connect(found[0]) as db:
            db.execute("UPDATE audit SET line = replace(line, 'carol', 'karol')")
        db.close()
        done = run("audit", "verify", "--data-dir", self.server.data_dir)
        self.assertEqual(done.returncode, 1)

    def test_a_damaged_store_is_told(self):
        copy = self.dir / "damaged"
        copy.mkdir()
        for name in os.listdir(self.server.data_dir):
            source = self.server.data_dir / name
            if source.is_file():
                (copy / name).write_bytes(source.read_bytes())
                (copy / name).chmod(0o600)
        found = [p for p in copy.iterdir() if p.suffix in (".db", ".sqlite")]
        octets = bytearray(found[0].read_bytes())
        octets[:4096] = os.urandom(4096)
        found[0].write_bytes(octets)
        done = run("run", "--data-dir", copy, "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.strip())


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, 512 * 1024))


class Loads(ServerCase):
    def start_with(self, name, limit=None, args=()):
        """A server of its own with a resource limit."""
        process = subprocess.Popen(
            [MOOTD, "run", "--data-dir", self.dir / name, "--listen", "127.0.0.1:0",
             "--http-listen", "off", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        port = int(re.search(r":(\d+)$", process.stdout.readline())[1])
        self.assertEqual(process.stdout.readline(), "ready\n")
        done = run("user", "add", "ann", "--data-dir", self.dir / name)
        self.assertEqual(done.returncode, 0, done.stderr)
        key = wire.Key.of_file(done.stdout)
        self.assertEqual(key.port, port)
        return process, key

    def until_served(self, key):
        """It sees within a few turns that the crowd has gone."""
        for _ in range(1000):
            try:
                return wire.Peer(key, PATIENCE)
            except ConnectionError:
                pass
        self.fail("nobody is served any more")

    def test_DO_01_trickled_connections_end_and_others_are_served(self):
        _, key = self.start_with("slow", args=["--set", "cnn_timeout_s=1"])
        slow = [socket.create_connection((key.host, key.port), PATIENCE) for _ in range(100)]
        for s in slow:
            s.sendall(b"C")
        wire.Peer(key, PATIENCE).barrier()
        for s in slow:
            while s.recv(4096):
                pass
            s.close()

    def test_DO_02_a_reader_that_does_not_read_ends_with_sendq(self):
        _, key = self.start_with("sendq", args=["--set", "limits.commands_per_s=0"])
        done = run("user", "add", "bob", "--data-dir", self.dir / "sendq")
        bob = Raw(wire.Key.of_file(done.stdout)).open()
        ann = wire.Peer(key, PATIENCE)
        body = b"x" * 16_000
        ended = False
        for _ in range(2_000):
            ann.send("PV_MSG", to="bob", msg_id=wire.new_ulid(), msg=body)
            if ann.wait_for("SINFO", ref=ann.send("INFO")) and any(
                    c["cmd"] == "UDCNN" for c in ann.commands):
                ended = True
                break
        self.assertTrue(ended, "32 MB unread and still connected")
        self.assertIsNotNone(bob)

    def test_DO_02_over_the_memory_of_all_queues_the_longest_ends(self):
        process, key = self.start_with("queues", args=["--set", "limits.commands_per_s=0", "--set",
                                                       "limits.send_queues=262144"])
        readers = {}
        for name in ("bob", "carol"):
            done = run("user", "add", name, "--data-dir", self.dir / "queues")
            readers[name] = Raw(wire.Key.of_file(done.stdout)).open()
        ann = wire.Peer(key, PATIENCE)
        gone = []
        for i in range(2_000):
            to = "carol" if i % 8 == 0 else "bob"
            ann.send("PV_MSG", to=to, msg_id=wire.new_ulid(), msg=b"x" * 16_000)
            ann.wait_for("SINFO", ref=ann.send("INFO"))
            gone = [c["id"] for c in ann.commands if c["cmd"] == "UDCNN"]
            if gone:
                break
        self.assertEqual(gone, ["bob"])
        self.assertTrue(readers["carol"].alive())
        process.terminate()
        self.assertIn("conn.queues_full", process.communicate(timeout=PATIENCE)[1])

    def test_DO_03_a_source_has_so_many_connections_before_cnn(self):
        _, key = self.start_with("crowd", args=["--set", "limits.exempt=[]", "--set",
                                                "limits.conns_per_ip=2"])
        first, second = Raw(key), Raw(key)
        third = socket.create_connection((key.host, key.port), PATIENCE)
        self.assertEqual(third.recv(100), b"", "the third is closed at once")
        third.close()
        first.open()
        Raw(key).socket.close()
        second.socket.close()

    def test_DO_05_without_descriptors_it_closes_newcomers_and_goes_on(self):
        process, key = self.start_with("few", few_descriptors)
        peer = wire.Peer(key, PATIENCE)
        crowd = [socket.create_connection((key.host, key.port), PATIENCE) for _ in range(120)]
        closed = [s for s in crowd if s.recv(1) == b""]
        self.assertTrue(closed, "more connections than descriptors")
        peer.barrier()
        for s in crowd:
            s.close()
        self.assertIsNone(process.poll())
        self.until_served(key).barrier()

    def test_DO_05_without_descriptors_the_admin_socket_closes_newcomers_and_goes_on(self):
        process, key = self.start_with("few-admins", few_descriptors)
        peer = wire.Peer(key, PATIENCE)
        crowd = []
        for _ in range(120):
            s = socket.socket(socket.AF_UNIX)
            self.addCleanup(s.close)
            # The queue of the socket is short: whom nobody takes waits in `connect`, so long at most.
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(PATIENCE), 0))
            s.connect(str(self.dir / "few-admins" / "admin.sock"))
            s.settimeout(PATIENCE)
            crowd.append(s)
        self.assertEqual(crowd[-1].recv(1), b"", "more connections than descriptors")
        peer.barrier()
        for s in crowd:
            s.close()
        peer.barrier()
        self.assertIsNone(process.poll())
        done = run("user", "list", "--data-dir", self.dir / "few-admins")
        self.assertIn("@ann", done.stdout, done.stderr)

    def test_DO_09_a_full_disk_says_goodbye_and_is_exit_1_and_loses_nothing(self):
        process, key = self.start_with("full", small_files)
        bob_key = wire.Key.of_file(run("user", "add", "bob", "--data-dir", self.dir / "full").stdout)
        ann = wire.Peer(key, PATIENCE)
        safe = []
        said = None
        try:
            for _ in range(500):
                msg_id, body = wire.new_ulid(), os.urandom(8_000)
                ann.send("PV_MSG", to="bob", msg_id=msg_id, msg=body)
                ann.barrier()
                safe.append((msg_id, hashlib.sha256(body).digest()))
        except (AssertionError, OSError) as end:
            said = end
        self.assertIsNotNone(said, "4 MB fit into files of 512 KiB")
        self.assertGreater(len(safe), 10)
        self.assertEqual(process.wait(PATIENCE), 1)
        sentence = [line for line in process.stderr.read().splitlines()
                    if line.startswith("mootd: ")]
        self.assertTrue(sentence)
        with Server(MOOTD, self.dir / "full") as server:
            bob_key.port = server.port
            bob = wire.Peer(bob_key, PATIENCE)
            # They come in the order of their ids, page by page as they are acknowledged.
            for msg_id, digest in safe:
                got = bob.wait_for("MSG", msg_id=msg_id)
                self.assertEqual(hashlib.sha256(got["msg"]).digest(), digest)
                bob.send("ACK_MSG", **{"from": "ann", "msg_id": msg_id})
            bob.barrier()


class HalfOpen(ServerCase):
    """Connections whose other end is not there any more, or half of it."""

    ARGS = ("--set", "timeout_s=1", "--set", "presence.mode=all", "--set",
            "limits.commands_per_s=0")

    def somebody_seen(self):
        """A connection, and a watcher who was told of it."""
        watcher = self.connect(self.new_key())
        raw = self.raw().open()
        watcher.wait_for("UCNN", id=raw.key.account)
        return watcher, raw

    def until_gone(self, watcher, who):
        """The watcher, who keeps talking, is told that somebody went."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            watcher.barrier()
            if any(c["cmd"] == "UDCNN" and c["id"] == who for c in watcher.commands):
                return
            watcher.commands.clear()
        self.fail(f"{who} is still there")

    def test_who_says_nothing_any_more_is_told_and_ended(self):
        self.assert_said(self.raw().open(), "timeout")

    def test_who_neither_reads_nor_closes_is_ended(self):
        watcher, raw = self.somebody_seen()
        self.until_gone(watcher, raw.key.account)
        # Nothing is read of the goodbye, and yet the server lets go of the connection.
        reset = select.poll()
        reset.register(raw.socket, 0)
        self.assertTrue(reset.poll(PATIENCE * 1000), "the server still holds it")
        raw.socket.close()

    def test_what_was_said_before_a_half_close_is_handled_and_the_connection_ends(self):
        watcher, raw = self.somebody_seen()
        msg_id = wire.new_ulid()
        raw.command("PV_MSG", to=watcher.key.account, msg_id=msg_id, msg=wire.text_content("bye"))
        raw.socket.shutdown(socket.SHUT_WR)
        watcher.wait_for("MSG", msg_id=msg_id)
        self.until_gone(watcher, raw.key.account)
        said = [cmd for cmd, _, _ in raw.rest()]  # the other half ends too
        self.assertNotIn("DCNN", said, "at once, not for its silence")


class Threads(ServerCase):
    ARGS = ("--set", "threads=2", "--set", "limits.commands_per_s=0")

    def test_people_on_two_threads_talk_and_every_message_arrives_once_in_order(self):
        ann = self.connect(self.new_key("ann"))
        others = [self.connect(self.new_key(f"other{i}")) for i in range(6)]
        ids = [wire.new_ulid() for _ in range(60)]
        for i, msg_id in enumerate(ids):
            ann.send("PV_MSG", to=f"other{i % 6}", msg_id=msg_id, msg=wire.text_content(str(i)))
        for n, other in enumerate(others):
            for msg_id in ids[n::6]:
                got = other.wait_for("MSG")
                self.assertEqual(got["msg_id"], msg_id)
                other.send("ACK_MSG", **{"from": "ann"}, msg_id=msg_id)
        for msg_id in ids:
            ann.wait_for("MSG_ACK", msg_id=msg_id)
        ann.barrier()

    def test_the_same_key_on_another_thread_replaces_the_first(self):
        key = self.new_key()
        connections = [Raw(key).open()]
        for _ in range(4):
            connections.append(Raw(key).open())
            self.assert_said(connections[-2], "replaced")
        self.assertTrue(connections[-1].alive())

    def test_revoking_reaches_connections_on_every_thread(self):
        keys = [self.new_key("crowd0")]
        for i in range(7):
            keys.append(wire.Key.of_file(self.server.admin("key", "add", "crowd0")))
        crowd = [Raw(k).open() for k in keys]
        self.server.admin("key", "revoke", "--all", "crowd0")
        for raw in crowd:
            self.assert_said(raw, "revoked")


if __name__ == "__main__":
    unittest.main()
