"""The unit of the package against systemd's own judgement, and against what mootd really calls."""

import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

import unit
from certs import Authority
from haproxy_test import header, ssl_tlv
from service_test import Manager
from support import HERE, MOOTD, PATIENCE, Home, Raw, Server, somebody, wire

UNIT = pathlib.Path(__file__).resolve().parents[2] / "debian" / "mootd.service"
CERTS = pathlib.Path(__file__).resolve().parent / "tls"
NOBODY = 65534
EXPOSURE = 15  # tenths

# As a service manager does it: PATH COMMAND..., which gets a socket at the path and one of TCP, for HTTP.
ACTIVATE = """import os, socket, sys
local = socket.socket(socket.AF_UNIX)
local.bind(sys.argv[1])
local.listen()
http = socket.create_server(("127.0.0.1", 0))
for i, fd in enumerate([os.dup2(s.fileno(), 100 + i) for i, s in enumerate((local, http))]):
    os.dup2(fd, 3 + i)
    os.set_inheritable(3 + i, True)
    os.close(fd)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="mootd.socket:http")
os.execvp(sys.argv[2], sys.argv[2:])
"""

SETS = """@default
    # always
    brk
    exit
@group
    # a set of sets
    @inner
    read
@inner
    # calls
    chown
    write
"""


def exposure(path):
    """What systemd says of the unit, and whether it is at most EXPOSURE."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}",
                           "--no-pager", path], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


class Unit(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def test_its_exposure_is_at_most_one_and_a_half(self):
        good, said = exposure(UNIT)
        self.assertTrue(good, said)

    def test_a_unit_without_its_filter_is_found(self):
        weaker = self.dir / "mootd.service"
        weaker.write_text("".join(line for line in UNIT.read_text().splitlines(True)
                                  if not line.startswith("SystemCallFilter=")))
        good, said = exposure(weaker)
        self.assertFalse(good, said)
        self.assertIn("exposure level", said)

    def test_the_lines_of_a_filter_are_taken_in_their_order(self):
        sets = unit.system_call_sets(SETS)
        self.assertEqual(unit.allowed("SystemCallFilter=@group\nSystemCallFilter=~@inner\n", sets),
                         {"brk", "exit", "read"})
        self.assertEqual(unit.allowed("SystemCallFilter=read\nSystemCallFilter=write\n", sets),
                         {"brk", "exit", "read", "write"})
        with self.assertRaises(ValueError):
            unit.allowed("[Service]\nSystemCallFilter=~@inner\n", sets)

    def test_each_call_of_a_trace_is_read(self):
        trace = ('12 read(3, "a(", 2) = 2\n13    chown("/x", 0, 0 <unfinished ...>\n'
                 "12 <... write resumed>) = 1\n12 --- SIGHUP {si_signo=SIGHUP} ---\n")
        self.assertEqual(unit.calls_of(trace), {"read", "chown"})


@unittest.skipIf(os.environ.get("MOOT_SANITIZE"), "a sanitizer makes calls of its own")
class Traced(unittest.TestCase):
    """A server that strace follows, under a user without rights, as its unit would start it."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o711)
        self.run_dir = self.dir / "run"
        self.run_dir.mkdir()
        self.traces = []
        self.clients = Authority(self.dir / "clients")
        cert, key, ca = (self.run_dir / name for name in ("cert.pem", "key.pem", "clients.pem"))
        shutil.copy(CERTS / "cert.pem", cert)
        shutil.copy(CERTS / "key.pem", key)
        shutil.copy(self.clients.cert, ca)
        # A copy, because the user may not reach where it was built.
        self.program = self.dir / "mootd"
        shutil.copy(MOOTD, self.program)
        self.program.chmod(0o755)
        self.fifo = self.dir / "trace"
        os.mkfifo(self.fifo, 0o600)
        self.given(self.run_dir, cert, key, ca, self.fifo)
        self.wrapper = self.dir / "wrapper"
        self.wrap()
        config = self.dir / "mootd.toml"
        config.write_text('[[listen]]\naddress = "127.0.0.1:0"\n\n[[listen]]\n'
                          f'address = "{self.run_dir}/wall"\ntransport = "unix"\nauth = "wall"\n\n'
                          f'[[listen]]\naddress = "{self.run_dir}/front"\ntransport = "proxy"\n'
                          f'auth = "wall"\nproxy_uids = [{os.getuid()}]\n\n'
                          '[[listen]]\naddress = "127.0.0.1:0"\ntransport = "tls"\n'
                          f'cert = "{cert}"\nkey = "{key}"\n\n'
                          '[[listen]]\naddress = "127.0.0.1:0"\ntransport = "tls"\nauth = "wall"\n'
                          f'cert = "{cert}"\nkey = "{key}"\nclient_ca = "{ca}"\n')
        config.chmod(0o644)
        self.manager = Manager(self.dir / "notify")
        self.addCleanup(self.manager.close)
        os.chmod(self.manager.path, 0o777)
        self.server = Server(self.wrapper, self.run_dir / "data",
                             ["--http-listen", "127.0.0.1:0", "-c", config],
                             {"NOTIFY_SOCKET": self.manager.path, "WATCHDOG_USEC": "2000000"})

    def given(self, *paths):
        """They are the server's user's."""
        if os.getuid() == 0:
            for path in paths:
                os.chown(path, NOBODY, NOBODY)

    def wrap(self, before=""):
        """What the tests start as mootd; `before`: words of a command that starts the rest."""
        become = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups " if os.getuid() == 0 else ""
        # strace as a grandchild: the server keeps the number that signals go to.
        self.wrapper.write_text(
            f'#!/bin/sh\n[ "$1" = run ] || exec {self.program} "$@"\n'
            f'exec {before}{become}strace -D -f -qq -o {self.fifo} {self.program} "$@"\n')
        self.wrapper.chmod(0o755)

    def start(self):
        reader = threading.Thread(target=lambda: self.traces.append(self.fifo.read_text(errors="replace")))
        reader.daemon = True
        reader.start()
        self.server.start()
        self.addCleanup(self.server.stop)
        return reader

    def end(self, reader):
        self.assertEqual(self.server.stop(), 0, self.server.log())
        reader.join(PATIENCE)
        self.assertFalse(reader.is_alive(), "the tracer did not end")

    def test_mootd_calls_nothing_that_its_unit_forbids(self):
        reader = self.start()
        ada = Home(self, "ada").join(self.server.invite())
        bob = Home(self, "bob").join(self.server.invite())
        self.talk(ada, bob)
        self.through_each_listener()
        for page in ("livez", "readyz", "metrics"):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/{page}",
                                        timeout=PATIENCE) as answer:
                self.assertEqual(answer.status, 200)
        self.operate()
        self.end(reader)
        # The second start finds a store, a socket's old place, and a message that waits.
        self.server.port = 0
        reader = self.start()
        self.assertIn("ada", self.server.admin("user", "list"))
        self.end(reader)

        self.assert_allowed("bind", "clone3", "execve", "fdatasync", "listen", "mmap")

    def test_the_upgrade_of_an_old_store_calls_nothing_that_its_unit_forbids(self):
        data = self.server.data_dir
        data.mkdir(mode=0o700)
        for name in ("store.db", "master.key"):
            shutil.copyfile(HERE.parent / "fixtures" / "server_v1" / name, data / name)
            (data / name).chmod(0o600)
            self.given(data / name)
        self.given(data)
        reader = self.start()
        self.assertTrue((data / "store.db.v1.bak").exists())
        key = wire.Key.of_file(self.server.admin("key", "add", "ada"))
        Raw(key).open().socket.close()
        self.end(reader)
        self.assert_allowed("execve", "fdatasync", "pwrite64")

    def test_sockets_of_the_service_manager_call_nothing_that_its_unit_forbids(self):
        script = self.dir / "activate.py"
        script.write_text(ACTIVATE)
        self.wrap(f"{sys.executable} {script} {self.run_dir}/wall ")
        reader = self.start()
        self.server.admin("user", "add", "eve", "--unix-uid", os.getuid())
        self.assertTrue(Raw(somebody("eve"), connected=self.local("wall")).open().alive())
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/livez",
                                    timeout=PATIENCE) as answer:
            self.assertEqual(answer.status, 200)
        self.end(reader)
        self.assertTrue((self.run_dir / "wall").exists(), "it was the manager's, who keeps it")
        self.assert_allowed("accept4", "execve", "getsockname")

    def assert_allowed(self, *called):
        """All that was called is, and these were called."""
        seen = unit.calls_of("\n".join(self.traces))
        self.assertLessEqual(set(called), seen)
        self.assertEqual(seen - unit.allowed(UNIT.read_text(), unit.known_sets()), set())

    def talk(self, ada, bob):
        done = ada.run("send", "@bob", "before you came", "--wait", "sent")
        self.assertEqual(done.returncode, 0, done.stderr)
        listening = bob.start("tail", "--follow", "--json")
        self.assertIn("before you came", listening.stdout.readline())
        done = ada.run("send", "@bob", "now that you are here", "--wait", "acked")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = ada.run("send", "#lobby", "everybody", "--wait", "committed")
        self.assertEqual(done.returncode, 0, done.stderr)

    def through_each_listener(self):
        self.server.admin("user", "add", "eve", "--unix-uid", os.getuid())
        walled = Raw(somebody("eve"), connected=self.local("wall"))
        walled.socket.close()
        front = self.local("front")
        front.sendall(b"GET / HTTP/1.0\r\n\r\n")
        try:
            self.assertEqual(front.recv(1), b"")
        except ConnectionResetError:
            pass  # what it had not read is thrown away
        self.server.admin("user", "add", "gus", "--proxy-cn", "gus")
        front = self.local("front")
        front.sendall(header(ssl_tlv(cn=b"gus")))
        fronted = Raw(somebody("gus"), connected=front).open()
        self.assertTrue(fronted.alive())
        fronted.socket.close()
        plain, mutual = (int(where.rpartition(":")[2]) for kind, where in self.server.listening
                         if kind == "tls")
        key = wire.Key.of_file(self.server.admin("user", "add", "fay"))
        self.tunnel(key, plain)
        self.server.admin("user", "add", "hal", "--x509-uri", "moot:account/hal")
        hal = self.clients.issue("/O=moot", san="URI:moot:account/hal")
        self.tunnel(somebody("hal"), mutual, hal)

    def tunnel(self, who, port, identity=None):
        """In by TLS, showing a certificate where there is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(CERTS / "cert.pem")
        if identity:
            context.load_cert_chain(identity.cert, identity.key)
        s = socket.create_connection(("127.0.0.1", port), PATIENCE)
        raw = Raw(who, connected=context.wrap_socket(s, server_hostname="127.0.0.1")).open()
        self.assertTrue(raw.alive())
        raw.socket.close()

    def local(self, name):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        self.addCleanup(s.close)
        s.connect(str(self.run_dir / name))
        return s

    def operate(self):
        self.server.process.send_signal(signal.SIGHUP)
        while not self.manager.hears().startswith("RELOADING=1"):
            pass
        self.assertEqual(self.manager.hears_besides("WATCHDOG=1"), "READY=1")
        backup = self.run_dir / "backup.db"
        self.server.admin("backup", backup)
        self.assertTrue(backup.exists())
        self.server.admin("key", "revoke", "--all", "fay")
        self.server.admin("master", "rotate")
        self.server.admin("audit", "verify")
        self.server.admin("status")


if __name__ == "__main__":
    unittest.main()
