"""Hostile sources over real sockets: what one of them is refused, and who is served all the same
(security.md 5.1, protocol.md 10). Loopback counts here as any network does."""

import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from support import MOOTD, PATIENCE, Raw, Server, in_user_namespace, wire

INSIDE = "MOOT_TEST_INSIDE"  # set where a test runs in a network of its own
SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1  # netdevice(7), ipv6(7)


def add_addresses(*addresses):
    """Loopback of this network namespace is up, and has these IPv6 addresses besides."""
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        for address in addresses:
            octets = socket.inet_pton(socket.AF_INET6, address)
            fcntl.ioctl(s, SIOCSIFADDR, struct.pack("16sIi", octets, 128, socket.if_nametoindex("lo")))


class Sources(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def serve(self, *settings, args=()):
        """A server that spares no source. One thread, so that what a connection did is counted
        before it is closed."""
        sets = [word for s in ("limits.exempt=[]", "threads=1", "cnn_timeout_s=600",
                                       *settings) for word in ("--set", s)]
        self.server = Server(MOOTD, self.dir / "data", ["--http-listen", "127.0.0.1:0", *args, *sets])
        self.addCleanup(self.server.__exit__)
        self.server.start()
        return wire.Key.of_file(self.server.admin("user", "add", "ann"))

    def connected(self, source, to=None):
        to = to or ("127.0.0.1", self.server.port)
        s = socket.create_connection(to, PATIENCE, (source, 0))
        self.addCleanup(s.close)
        return s

    def raw(self, key, source, to=None):
        """A connection that is greeted."""
        return Raw(key, connected=self.connected(source, to))

    def assert_refused(self, source, to=None):
        """It is closed at once, without a greeting, and counted."""
        before = self.dropped()
        self.assertEqual(self.connected(source, to).recv(1), b"")
        self.assertEqual(self.dropped(), before + 1)

    def dropped(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/metrics",
                                    timeout=PATIENCE) as answer:
            return int(re.search(r"^moot_connections_dropped_total (\d+)", answer.read().decode(),
                                 re.M)[1])

    def test_DO_03_failures_to_authenticate_bar_their_source_and_no_other(self):
        key = self.serve()
        living = self.raw(key, "127.0.8.1").open()
        # All are greeted before the first one fails: the penalties add up to a minute.
        for guess in [self.raw(key, "127.0.8.1") for _ in range(12)]:
            guess.send_frame("CNN", guess.payload("CNN", **guess.cnn_fields()), key=os.urandom(32))
            self.assertEqual(guess.rest(), [])
        self.assert_refused("127.0.8.1")
        self.assert_refused("127.0.8.1")
        self.assertTrue(living.alive(), "who is through CNN is left alone")
        self.assertTrue(self.raw(key, "127.0.8.2").open().alive())

    def test_DO_03_a_source_has_so_many_connections_before_cnn_and_another_has_its_own(self):
        key = self.serve("limits.conns_per_ip=2")
        first, second = self.raw(key, "127.0.8.1"), self.raw(key, "127.0.8.1")
        self.assert_refused("127.0.8.1")
        self.raw(key, "127.0.8.2")
        other = self.raw(key, "127.0.8.2")
        self.assert_refused("127.0.8.2")
        first.open()  # who is through CNN makes room
        self.raw(key, "127.0.8.1")
        self.assert_refused("127.0.8.1")
        self.assertTrue(other.open().alive())
        self.assertTrue(second.open().alive())

    def test_DO_03_a_source_has_so_many_new_connections_and_another_has_its_own(self):
        key = self.serve("limits.conns_new_per_10min=3")
        for _ in range(3):  # without a fault, and gone again: only their number counts
            raw = self.raw(key, "127.0.8.1").open()
            raw.socket.close()
        self.assert_refused("127.0.8.1")
        for _ in range(3):
            last = self.raw(key, "127.0.8.2").open()
        self.assert_refused("127.0.8.2")
        self.assertTrue(last.alive())

    def test_DO_03_silence_from_everywhere_is_dropped_early_and_a_chat_goes_on(self):
        ann_key = self.serve()
        bob_key = wire.Key.of_file(self.server.admin("user", "add", "bob"))
        ann, bob = wire.Peer(ann_key, PATIENCE), wire.Peer(bob_key, PATIENCE)
        self.addCleanup(ann.close)
        self.addCleanup(bob.close)
        closed = 0
        # 25 sources, each below the limits of one: from the 64th on some are closed at once.
        for i in range(250):
            greeting = self.connected(f"127.0.9.{i % 25 + 1}").recv(1)
            self.assertIn(greeting, (b"", b"S"))
            closed += greeting == b""
            self.assertTrue(i >= 64 or not closed, "not before there is a crowd")
            if i % 50 == 49:
                msg_id = wire.new_ulid()
                ann.send("PV_MSG", to="bob", msg_id=msg_id, msg=wire.text_content(str(i)))
                bob.wait_for("MSG", msg_id=msg_id)
                bob.send("ACK_MSG", **{"from": "ann", "msg_id": msg_id})
                ann.wait_for("MSG_ACK", msg_id=msg_id)
        self.assertGreater(closed, 0)
        self.assertLess(closed, 250 - 64, "not each of them")
        self.assertEqual(self.dropped(), closed)
        # The drop is by chance: who comes again is let in.
        for attempt in range(1000):
            try:
                self.raw(ann_key, "127.0.8.1").open()
                break
            except ConnectionError:
                closed += 1
        self.assertLess(attempt, 999, "nobody is let in any more")
        self.assertEqual(self.dropped(), closed)

    @in_user_namespace
    def test_DO_03_an_ipv6_source_is_its_64_bits(self):
        if INSIDE not in os.environ:
            # A network namespace of its own has addresses that nobody else uses.
            done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", sys.executable,
                                   __file__, f"Sources.{self._testMethodName}"],
                                  env={**os.environ, INSIDE: "1"}, capture_output=True, text=True,
                                  timeout=4 * PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return
        near, neighbour, far = "2001:db8:0:1::1", "2001:db8:0:1:2::2", "2001:db8:0:2::1"
        add_addresses(near, neighbour, far)
        key = self.serve("limits.conns_per_ip=2", args=("--listen", "[::1]:0"))
        port = next(where for _, where in self.server.listening if where.startswith("[::1]:"))
        to = ("::1", int(port.rpartition(":")[2]))
        self.server.port = to[1]
        self.raw(key, near, to)
        self.raw(key, neighbour, to)
        self.assert_refused(near, to)
        self.assert_refused(neighbour, to)
        self.assertTrue(self.raw(key, far, to).open().alive())


if __name__ == "__main__":
    unittest.main()
