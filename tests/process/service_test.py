"""mootd under a service manager, which is the test: NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from support import MOOTD, PATIENCE, Raw, Server, somebody, wire

ACTIVATE = shutil.which("systemd-socket-activate")


class Manager:
    """The datagrams of one server."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.path[1:] if self.path.startswith("@") else self.path)
        self.socket.settimeout(PATIENCE)

    def hears(self):
        return self.socket.recv(4096).decode()

    def hears_besides(self, beat):
        while (state := self.hears()) == beat:
            pass
        return state

    def close(self):
        self.socket.close()


class Service(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def manager(self, path=None):
        manager = Manager(path or self.dir / "notify")
        self.addCleanup(manager.close)
        return manager

    def server(self, manager, args=(), **env):
        return Server(MOOTD, self.dir / "data", ["--http-listen", "off", *args],
                      {"NOTIFY_SOCKET": manager.path, **env})

    def test_it_says_ready_reloading_ready_and_stopping(self):
        manager = self.manager()
        config = self.dir / "mootd.toml"
        config.write_text("timeout_s = 100\n")
        with self.server(manager, ["-c", config]) as server:
            self.assertEqual(manager.hears(), "READY=1")
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            server.process.send_signal(signal.SIGHUP)
            found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.hears())
            self.assertIsNotNone(found)
            after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.assertTrue(before - 1000 <= int(found[1]) <= after)
            self.assertEqual(manager.hears(), "READY=1")
            config.write_text("timeout_s = no\n")  # kept as it was, and ready all the same
            server.process.send_signal(signal.SIGHUP)
            self.assertTrue(manager.hears().startswith("RELOADING=1\n"))
            self.assertEqual(manager.hears(), "READY=1")
            self.assertIn("config.kept", server.log())
            self.assertEqual(server.stop(), 0)
            self.assertEqual(manager.hears(), "STOPPING=1")

    def test_an_abstract_socket_is_told_too(self):
        manager = self.manager(f"@moot-test-{os.getpid()}")
        with self.server(manager):
            self.assertEqual(manager.hears(), "READY=1")

    def test_the_watchdog_hears_beats_while_it_serves(self):
        manager = self.manager()
        with self.server(manager, ["--set", "threads=3"], WATCHDOG_USEC="100000") as server:
            self.assertIn("READY=1", (manager.hears(), manager.hears()))
            for _ in range(10):
                self.assertEqual(manager.hears(), "WATCHDOG=1")
            peer = Raw(wire.Key.of_file(server.admin("user", "add", "ann"))).open()
            self.assertEqual(manager.hears(), "WATCHDOG=1")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(manager.hears_besides("WATCHDOG=1"), "STOPPING=1")
            peer.socket.close()

    def test_a_server_that_hangs_gives_no_beat(self):
        manager = self.manager()
        with self.server(manager, WATCHDOG_USEC="100000") as server:
            self.assertEqual(manager.hears_besides("WATCHDOG=1"), "READY=1")
            server.process.send_signal(signal.SIGSTOP)
            try:
                # What it said before is read; then nothing comes for many beats.
                manager.socket.settimeout(2)
                with self.assertRaises(TimeoutError):
                    while True:
                        manager.hears()
            finally:
                server.process.send_signal(signal.SIGCONT)
            manager.socket.settimeout(PATIENCE)
            self.assertEqual(manager.hears(), "WATCHDOG=1")

    def test_a_watchdog_of_another_process_is_not_ours(self):
        manager = self.manager()
        with self.server(manager, WATCHDOG_USEC="1000", WATCHDOG_PID="1") as server:
            self.assertEqual(manager.hears(), "READY=1")
            server.admin("status")
            server.stop()
            self.assertEqual(manager.hears(), "STOPPING=1")

    def test_nobody_who_listens_does_not_hinder_it(self):
        with Server(MOOTD, self.dir / "data", ["--http-listen", "off"],
                    {"NOTIFY_SOCKET": str(self.dir / "nobody")}) as server:
            server.admin("status")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Activation(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def key(self, port):
        done = subprocess.run([MOOTD, "user", "add", "ann", "--data-dir", self.dir / "data",
                               "--set", f"public_address=127.0.0.1:{port}"], capture_output=True,
                              text=True, timeout=60, check=True)
        return wire.Key.of_file(done.stdout)

    def activate(self, port, *args):
        return self.activate_all([f"127.0.0.1:{port}"], [], "--http-listen", "off", *args)

    def activate_all(self, sockets, names, *args):
        """By systemd's own program, which starts mootd at the first connection to one of them."""
        process = subprocess.Popen(
            [ACTIVATE, *[word for s in sockets for word in ("-l", str(s))],
             *(["--fdname", ":".join(names)] if names else []), MOOTD, "run", "--data-dir",
             self.dir / "data", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for clean in (process.stderr.close, process.stdout.close, process.wait, process.kill):
            self.addCleanup(clean)
        for _ in sockets:
            self.lines_until(process.stderr, "Listening on")
        return process

    def lines_until(self, stream, words):
        """What is said before a line with these words, which has to come."""
        lines = []
        for line in stream:
            if words in line:
                return lines
            lines.append(line)
        self.fail(f"it ended without {words!r}: {lines}")

    def lines_until_ready(self, process):
        lines = self.lines_until(process.stdout, "ready\n")
        return [line.removeprefix("listening ").strip() for line in lines]

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)

    def livez(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=PATIENCE) as answer:
            return answer.read()

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_the_first_connection_starts_it_and_is_served(self):
        port = free_port()
        key = self.key(port)
        process = self.activate(port, "--listen", f"127.0.0.1:{port}")
        raw = Raw(key).open()  # waits in the socket until the server is there
        self.assertTrue(raw.alive())
        self.assertEqual(process.stdout.readline(), f"listening plain 127.0.0.1:{port}\n")
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGTERM)
        raw.wait_for("DCNN")
        raw.socket.close()
        self.assertEqual(process.wait(PATIENCE), 0)

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_a_socket_of_no_listener_is_exit_78(self):
        port = free_port()
        process = self.activate(port, "--listen", "127.0.0.1:0")
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        self.assertEqual(process.wait(PATIENCE), 78)
        self.assertIn("no listener has this address", process.stderr.read())

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_http_is_adopted_by_its_name_wherever_it_is(self):
        port, http = free_port(), free_port()
        process = self.activate_all([f"127.0.0.1:{port}", f"127.0.0.1:{http}"], ["listen-1", "http"],
                                    "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
        self.assertEqual(self.livez(http), b"ok\n")
        self.assertEqual(self.lines_until_ready(process),
                         [f"plain 127.0.0.1:{port}", f"http 127.0.0.1:{http}"])
        raw = Raw(self.key(port)).open()
        self.assertTrue(raw.alive())
        raw.socket.close()
        self.stop(process)

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_two_blocks_at_any_port_have_a_socket_each(self):
        ports = [free_port(), free_port()]
        key = self.key(ports[0])
        process = self.activate_all([f"127.0.0.1:{port}" for port in ports], ["listen-2", "listen-1"],
                                    "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0",
                                    "--http-listen", "off")
        for port in ports:
            key.port = port
            raw = Raw(key).open()
            self.assertTrue(raw.alive())
            raw.socket.close()
        self.assertEqual(self.lines_until_ready(process),
                         [f"plain 127.0.0.1:{port}" for port in reversed(ports)])
        self.stop(process)

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_a_block_at_any_port_leaves_the_socket_to_the_one_it_is_for(self):
        port = free_port()
        process = self.activate_all([f"127.0.0.1:{port}"], ["listen-2"], "--listen", "127.0.0.1:0",
                                    "--listen", "127.0.0.1:0", "--http-listen", "off")
        raw = Raw(self.key(port)).open()
        self.assertTrue(raw.alive())
        raw.socket.close()
        first, second = self.lines_until_ready(process)
        self.assertNotEqual(first, second)
        self.assertEqual(second, f"plain 127.0.0.1:{port}")
        self.stop(process)

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_http_is_adopted_by_its_address(self):
        port, http = free_port(), free_port()
        process = self.activate_all([f"127.0.0.1:{http}"], [], "--listen", f"127.0.0.1:{port}",
                                    "--http-listen", f"127.0.0.1:{http}")
        self.assertEqual(self.livez(http), b"ok\n")
        self.assertEqual(self.lines_until_ready(process)[1:], [f"http 127.0.0.1:{http}"])
        self.stop(process)

    def wall(self, path):
        """A configuration with a unix wall there, behind which this user is ada."""
        config = self.dir / "mootd.toml"
        config.write_text(f'[[listen]]\naddress = "{path}"\ntransport = "unix"\nauth = "wall"\n')
        if not (self.dir / "data").exists():
            subprocess.run([MOOTD, "user", "add", "ada", "--unix-uid", str(os.getuid()), "-c", config,
                            "--data-dir", self.dir / "data"], capture_output=True, timeout=60, check=True)
        return "-c", config, "--http-listen", "off"

    def ada(self, path):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(PATIENCE)
        s.connect(str(path))
        return Raw(somebody("ada"), connected=s)

    @unittest.skipUnless(ACTIVATE, "package systemd")
    def test_a_unix_socket_is_adopted_and_stays_when_the_server_goes(self):
        path, link = self.dir / "wall", self.dir / "link"
        link.symlink_to(path)
        for names, written in (([], path), ([], link), (["listen-1"], link)):
            with self.subTest(names=names):
                process = self.activate_all([path], names, *self.wall(written))
                self.assertTrue(self.ada(path).open().alive())
                self.assertEqual(self.lines_until_ready(process), [f"unix {written}"])
                self.stop(process)
                self.assertTrue(path.is_socket())
                path.unlink()

    def test_what_goes_to_the_wrong_place_is_exit_78(self):
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.create_server(("0.0.0.0", 0)) as far:
            for s, names, args, words in (
                    (tcp, "listen-1", self.wall(self.dir / "wall"), "which is at "),
                    (tcp, "listen-2", ("--http-listen", "off"), "no listener has this address"),
                    (tcp, "http", ("--http-listen", "off"), '`http.listen` is "off"'),
                    (far, "listen-1", ("--listen", "127.0.0.1:0"), "is no loopback address"),
                    (far, "http", ("--http-listen", "127.0.0.1:0"), "is no loopback address")):
                with self.subTest(words=words, names=names):
                    done = self.run_with(s.fileno(), names=names, args=args)
                    self.assertEqual(done.returncode, 78, done.stderr)
                    self.assertIn(words, done.stderr)
            done = self.run_with(tcp.fileno(), tcp.fileno(), names="http:http",
                                 args=("--http-listen", "127.0.0.1:0"))
            self.assertIn("another one before", done.stderr)

    def test_a_path_is_for_the_block_that_names_it(self):
        with socket.socket(socket.AF_UNIX) as path:
            path.bind(str(self.dir / "there"))
            path.listen()
            for names, args, words in (
                    ("http", ("--http-listen", "127.0.0.1:0"), "for HTTP, which is over TCP only"),
                    ("listen-1", self.wall(self.dir / "wall"),
                     f"passed a socket on {self.dir}/there for [[listen]] 1, which is at "
                     f"{self.dir}/wall: let the block and the socket unit name the same one."),
                    ("listen-1", ("--listen", "127.0.0.1:0"), "which is at 127.0.0.1:0: let the block"),
                    ("", self.wall(self.dir / "wall"), f"{self.dir}/there, and no listener has this")):
                with self.subTest(words=words, names=names):
                    done = self.run_with(path.fileno(), names=names, args=args)
                    self.assertEqual(done.returncode, 78, done.stderr)
                    self.assertIn(words, done.stderr)

    def run_with(self, *descriptors, count=None, pid=None, names=None, args=None):
        """LISTEN_FDS by hand: descriptors from 3 on."""
        script = ("import os, sys\n"
                  "fds = [int(a) for a in sys.argv[1].split(',') if a]\n"
                  "high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]\n"
                  "for i, fd in enumerate(high): os.dup2(fd, 3 + i)\n"
                  "os.environ['LISTEN_FDS'] = sys.argv[2]\n"
                  "os.environ['LISTEN_PID'] = sys.argv[3] or str(os.getpid())\n"
                  "if sys.argv[4]: os.environ['LISTEN_FDNAMES'] = sys.argv[4]\n"
                  "os.execv(sys.argv[5], sys.argv[5:])\n")
        count = len(descriptors) if count is None else count
        return subprocess.run(
            ["python3", "-c", script, ",".join(map(str, descriptors)), str(count), pid or "",
             names or "", MOOTD, "run", "--data-dir", self.dir / "data",
             *(args or ("--listen", "127.0.0.1:0", "--http-listen", "off"))],
            capture_output=True, text=True, timeout=60, pass_fds=descriptors, check=False)

    def test_what_is_no_listening_socket_is_exit_78(self):
        with open("/dev/null", "rb") as null:
            done = self.run_with(null.fileno())
        self.assertEqual(done.returncode, 78)
        self.assertIn("no listening socket of TCP or at a path", done.stderr)
        with socket.socket() as s:  # not listening
            self.assertEqual(self.run_with(s.fileno()).returncode, 78)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:  # no stream
            s.bind(str(self.dir / "packets"))
            s.listen()
            done = self.run_with(s.fileno(), args=self.wall(self.dir / "packets"))
            self.assertEqual(done.returncode, 78)
            self.assertIn("no listening socket of TCP or at a path", done.stderr)
        self.assertEqual(self.run_with(count=100_000).returncode, 78)


if __name__ == "__main__":
    unittest.main()
