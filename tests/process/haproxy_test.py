"""A wall in front of mootd: PROXY protocol version 2, from a real HAProxy and octet by octet
(security.md 3.3). WG-01 to WG-14 are the rows of its table."""

import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest
import zlib

from certs import Authority, client_context, impostor
from front_home import FrontHome
from support import (MOOTD, PATIENCE, Home, Raw, Server, ServerCase, in_user_namespace,
                     somebody, wire)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
UNPROVEN = "no certificate was proved on this connection"
NO_CN = "no CN, several, or one that is no id"
NO_TLS = "the client spoke no TLS"
NOT_1_3 = "not TLS 1.3"


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def ssl_tlv(client=7, verify=0, inside=None, cn=b"alice"):
    inside = tlv(0x21, b"TLSv1.3") + tlv(0x22, cn) if inside is None else inside
    return tlv(0x20, struct.pack(">BI", client, verify) + inside)


def header(tlvs=None, command=0x21, family=0x11):
    tlvs = ssl_tlv() if tlvs is None else tlvs
    block = {0x11: bytes([192, 0, 2, 1, 127, 0, 0, 1, 1, 2, 3, 4]), 0x21: bytes(36)}.get(family, b"")
    return SIGNATURE + struct.pack(">BBH", command, family, len(block + tlvs)) + block + tlvs


def crc32c(octets):
    c = 0xFFFFFFFF
    for octet in octets:
        c ^= octet
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    return c ^ 0xFFFFFFFF


class ProxyCase(ServerCase):
    """A server with a wall for a front at a unix socket, and further ones."""

    LISTEN = ()  # of further [[listen]] blocks: lines

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.path = cls.dir / "front"
        blocks = [f'address = "{cls.path}"\ntransport = "proxy"\nauth = "wall"\n'
                  f"proxy_uids = [{os.getuid()}]\n", *cls.LISTEN]
        cls.config = cls.dir / "mootd.toml"
        cls.config.write_text("".join(f"[[listen]]\n{b.replace('DIR', str(cls.dir))}\n" for b in blocks))
        cls.server = Server(MOOTD, cls.dir / "data", ["--http-listen", "off", "-c", cls.config]).start()
        cls._users = 0

    def let_in(self, account, cn):
        verb = ("key", "add") if f"@{account} " in self.server.admin("user", "list") else ("user", "add")
        kid = json.loads(self.server.admin(*verb, account, "--proxy-cn", cn, "--json"))["kid"]
        self.addCleanup(self.server.admin, "key", "revoke", "--all", account)
        return kid

    def setUp(self):
        self._refused = len(self.refusals())

    def refusals(self):
        """Why the front's headers were refused so far."""
        lines = [line for line in self.server.log(100_000).splitlines() if " proxy.refused " in line]
        return [line.partition("reason=")[2].strip('"') for line in lines]

    def assert_nothing_heard(self, s, reason=None):
        """The connection ends, and not an octet came on it. Of all that this test had refused and has
        not looked at yet, it is the one with the reason; without one, nothing was."""
        try:
            self.assertEqual(s.recv(1), b"")
        except (ConnectionResetError, ssl.SSLError):
            pass
        s.close()
        told = self.refusals()
        new, self._refused = told[self._refused:], len(told)
        self.assertEqual(new, [] if reason is None else [reason])

    def speak(self, s, account):
        return Raw(somebody(account), connected=s)


class Haproxy(ProxyCase):
    """Rows of the table, each against the front that the row is about."""

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.home = FrontHome(cls.dir)
        cls.config = cls.dir / "mootd.toml"
        cls.config.write_text(cls.home.block() +
                              cls.home.block("resuming", "allow_resumption = true\n"))
        cls.server = Server(cls.home.mootd, cls.home.data,
                            ["--http-listen", "off", "-c", cls.config, *cls.home.args]).start()
        cls._users = 0
        cls.ca = Authority(cls.dir / "clients")
        cls.foreign_ca = Authority(cls.dir / "foreign")
        cls.front_pair = cls.ca.issue("/CN=front", san="IP:127.0.0.1", usage="serverAuth")
        cls.alice = cls.ca.issue("/CN=alice")

    def front(self, *changes, socket_name="front"):
        """The shipped example, with the paths of this test and some changes. Its address."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.stats = pathlib.Path(tempfile.mkdtemp(dir=self.dir)) / "stats"
        self.home.front(self, listener, (
            ("/etc/moot/front.pem", str(self.front_pair.both)),
            ("/etc/moot/clients.pem", str(self.ca.cert)),
            ("global\n", f"global\n    stats socket {self.stats}\n"),
            (f"unix@{self.home.sockets}/front", f"unix@{self.home.sockets}/{socket_name}"), *changes))
        address = listener.getsockname()
        listener.close()
        return address

    def context(self, identity=None):
        return client_context(self.ca, identity)

    def tls(self, address, context, **kwargs):
        plain = socket.create_connection(address, PATIENCE)
        self.addCleanup(plain.close)
        return context.wrap_socket(plain, server_hostname="127.0.0.1", **kwargs)

    def assert_no_way_in(self, address, identity, reason=None):
        try:
            s = self.tls(address, self.context(identity))
        except (ssl.SSLError, ConnectionError):
            self.assertIsNone(reason)
            return
        self.assert_nothing_heard(s, reason)

    def test_who_has_a_certificate_is_let_in_and_out_again(self):
        kid = self.let_in("alice", "alice")
        address = self.front()
        raw = self.speak(self.tls(address, self.context(self.alice)), "alice")
        raw.cnn()
        self.assertEqual(raw.frame()[:2], ("SINFO", wire.SIGNATURE_OF_NOBODY))
        self.assertTrue(raw.alive())
        wrong = self.speak(self.tls(address, self.context(self.alice)), "alice")
        self.assert_silent(wrong.cnn(id="bob"))
        self.server.admin("key", "revoke", kid)
        self.assert_said(raw, "revoked")
        self.assert_no_way_in(address, self.alice)

    def test_WG_01_no_certificate(self):
        self.let_in("alice", "alice")
        before = self.refusals()
        self.assert_no_way_in(self.front(), None)
        self.assertEqual(self.refusals(), before)  # it did not even come here

    def test_WG_02_a_certificate_of_another_authority(self):
        self.let_in("alice", "alice")
        self.assert_no_way_in(self.front(), self.foreign_ca.issue("/CN=alice"))

    def test_WG_03_a_self_signed_impostor_through_a_lax_front(self):
        self.let_in("alice", "alice")
        lax = self.front(("verify required", "verify optional crt-ignore-err all"))
        self.assert_no_way_in(lax, impostor(self.dir, "/CN=alice"), UNPROVEN)

    def test_WG_04_no_certificate_through_a_lax_front(self):
        lax = self.front(("verify required", "verify optional"))
        self.assert_no_way_in(lax, None, UNPROVEN)

    def test_WG_05_plain_tcp(self):
        plain = self.front((f" ssl crt {self.front_pair.both} ca-file {self.ca.cert} verify required "
                            "ssl-min-ver TLSv1.3 no-tls-tickets", ""))
        self.assert_nothing_heard(socket.create_connection(plain, PATIENCE), NO_TLS)

    def test_WG_06_a_certificate_without_a_cn(self):
        self.assert_no_way_in(self.front(), self.ca.issue("/O=alice", san="DNS:alice"), NO_CN)

    def test_WG_07_of_two_cns_the_front_tells_the_first(self):
        self.let_in("alice", "alice")
        both = self.ca.issue("/CN=bob/CN=alice")
        address = self.front()
        self.assert_no_way_in(address, both)
        self.let_in("bob", "bob")
        raw = self.speak(self.tls(address, self.context(both)), "alice")
        self.assert_silent(raw.cnn())
        raw = self.speak(self.tls(address, self.context(both)), "bob").open()
        self.assertTrue(raw.alive())

    def test_WG_08_nul_in_the_cn(self):
        self.let_in("alice", "alice")
        identity = self.ca.issue("/CN=alice?.evil", patch=(b"alice?.evil", b"alice\0.evil"))
        self.assert_no_way_in(self.front(), identity, NO_CN)

    def test_WG_09_lf_in_the_cn(self):
        self.let_in("alice", "alice")
        identity = self.ca.issue("/CN=alice?bob", patch=(b"alice?bob", b"alice\nbob"))
        lines = len(self.server.log(1000).splitlines())
        self.assert_no_way_in(self.front(), identity, NO_CN)
        self.assertNotIn("bob", "".join(self.server.log(1000).splitlines()[lines:]))

    def test_WG_10_a_cn_beyond_ascii(self):
        self.assert_no_way_in(self.front(), self.ca.issue("/CN=\u00e4lice"), NO_CN)

    def test_WG_11_a_resumed_session(self):
        self.let_in("alice", "alice")
        resuming = [(" no-tls-tickets", "")]
        address = self.front(*resuming)
        context = self.context(self.alice)
        first = self.speak(self.tls(address, context), "alice").open()
        again = self.tls(address, context, session=first.socket.session)
        self.assertTrue(again.session_reused)
        self.assert_nothing_heard(again, UNPROVEN)
        # Where the operator allows it, it is taken.
        address = self.front(*resuming, socket_name="resuming")
        first = self.speak(self.tls(address, context), "alice").open()
        again = self.tls(address, context, session=first.socket.session)
        self.assertTrue(again.session_reused)
        self.assertTrue(self.speak(again, "alice").open().alive())

    def test_WG_11_over_tls_1_2_no_session_is_taken_fresh_or_resumed(self):
        self.let_in("alice", "alice")
        context = self.context(self.alice)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        # The rule about the proof comes before the one about the version.
        for name, resumed in (("front", UNPROVEN), ("resuming", NOT_1_3)):
            address = self.front((" no-tls-tickets", ""), ("ssl-min-ver TLSv1.3", "ssl-min-ver TLSv1.2"),
                                 socket_name=name)
            first = self.tls(address, context)
            self.assertEqual((first.version(), first.session_reused), ("TLSv1.2", False))
            session = first.session
            self.assert_nothing_heard(first, NOT_1_3)
            again = self.tls(address, context, session=session)
            self.assertEqual((again.version(), again.session_reused), ("TLSv1.2", True))
            self.assert_nothing_heard(again, resumed)

    def test_WG_11_the_example_resumes_nothing(self):
        self.let_in("alice", "alice")
        address, context = self.front(), self.context(self.alice)
        first = self.speak(self.tls(address, context), "alice").open()
        self.assertTrue(first.alive())
        again = self.tls(address, context, session=first.socket.session)
        self.assertFalse(again.session_reused)
        self.assertTrue(self.speak(again, "alice").open().alive())

    def test_WG_12_a_forged_second_header_is_what_the_client_says(self):
        self.let_in("alice", "alice")
        self.let_in("bob", "bob")
        bob = self.tls(self.front(), self.context(self.ca.issue("/CN=bob")))
        bob.sendall(header())
        raw = self.speak(bob, "alice")  # greeted, for bob
        self.assert_silent(raw)
        plain = self.front((f" ssl crt {self.front_pair.both} ca-file {self.ca.cert} verify required "
                            "ssl-min-ver TLSv1.3 no-tls-tickets", ""))
        s = socket.create_connection(plain, PATIENCE)
        s.sendall(header())
        self.assert_nothing_heard(s, NO_TLS)

    def test_WG_13_the_fronts_own_check_is_no_session(self):
        before = self.refusals()
        self.front(("check check-send-proxy", "check check-send-proxy inter 20ms"))
        column = None
        while True:  # ends with the timeout of the test
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(PATIENCE)
                    s.connect(str(self.stats))
                    s.sendall(b"show stat mootd 4 -1\n")
                    lines = s.makefile().read().splitlines()
            except (FileNotFoundError, ConnectionRefusedError):
                continue  # not started yet
            column = lines[0].split(",").index("check_status")
            # A leading "* " says that the next check is under way: the result is the last one's.
            status = lines[1].split(",")[column].removeprefix("* ")
            if status not in ("", "INI"):
                break
        self.assertIn(status, ("L4OK", "L6OK"))
        self.assertEqual(self.refusals(), before)

    def test_WG_14_a_front_that_does_not_tell_the_cn(self):
        self.let_in("alice", "alice")
        self.assert_no_way_in(self.front(("send-proxy-v2-ssl-cn", "send-proxy-v2-ssl")), self.alice,
                              NO_CN)

    def test_everything_the_front_can_tell_is_taken(self):
        self.let_in("alice", "alice")
        address = self.front(("send-proxy-v2-ssl-cn",
                              "send-proxy-v2 proxy-v2-options ssl,cert-cn,cert-key,cert-sig,"
                              "ssl-cipher,authority,crc32c,unique-id"))
        self.assertTrue(self.speak(self.tls(address, self.context(self.alice)), "alice").open().alive())

    def test_moot_comes_in_through_the_front(self):
        self.server.admin("user", "add", "carol", "--proxy-cn", "carol")
        self.server.admin("key", "revoke", "--all", "carol")
        text = self.server.admin("key", "add", "carol", "--proxy-cn", "carol")
        self.assertIn('address = "FRONT:PORT"', text)
        identity = self.ca.issue("/CN=carol")
        host, port = self.front()
        text = text.replace("FRONT:PORT", f"{host}:{port}")
        text = text.replace('tls = "system"', f'tls = "pin:{self.front_pair.pin}"')
        home = Home(self, "carol").with_key(
            f'{text}cert = "{identity.cert}"\ncert_key = "{identity.key}"\n')
        listed = home.run("users")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("carol", listed.stdout)
        home.with_key(text)  # without a certificate there is no way
        self.assertEqual(home.run("users").returncode, 1)
        home.with_key(f'{text}cert = "/nowhere"\ncert_key = "/nowhere"\n')
        refused = home.run("users")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("client certificate /nowhere cannot be used", refused.stderr)


class Octets(ProxyCase):
    """What comes as a header, octet by octet, at a TCP listener."""

    LISTEN = ('address = "127.0.0.1:0"\ntransport = "proxy"\nauth = "wall"\n'
              'proxy_peers = ["127.0.0.2"]\n',
              'address = "127.0.0.1:0"\ntransport = "proxy"\nauth = "wall+key"\n'
              'proxy_peers = ["127.0.0.0/8"]\nrequire_crc32c = true\n',
              'address = "DIR/closed"\ntransport = "proxy"\nauth = "wall"\nproxy_uids = [65533]\n')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ports = [int(where.rpartition(":")[2]) for kind, where in cls.server.listening
                     if kind == "proxy" and ":" in where]

    def peer(self, octets=b"", port=0, source="127.0.0.2"):
        s = socket.create_connection(("127.0.0.1", self.ports[port]), PATIENCE,
                                     source_address=(source, 0))
        self.addCleanup(s.close)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(octets)
        return s

    def test_a_right_header_is_taken_over_v4_and_v6(self):
        self.let_in("alice", "alice")
        for family in (0x11, 0x21):
            self.assertTrue(self.speak(self.peer(header(family=family)), "alice").open().alive())

    def test_WG_15_a_header_from_an_unlisted_peer(self):
        self.let_in("alice", "alice")
        s = self.peer(source="127.0.0.1")
        try:
            s.sendall(header())
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is closed before a header is looked at
        self.assert_nothing_heard(s)
        unix = socket.socket(socket.AF_UNIX)
        self.addCleanup(unix.close)
        unix.settimeout(PATIENCE)
        unix.connect(str(self.dir / "closed"))
        self.assert_nothing_heard(unix)
        self.assertIn("proxy.stranger", self.server.log(1000))

    def test_WG_16_a_header_in_pieces(self):
        self.let_in("alice", "alice")
        whole = header()
        s = self.peer()
        for octet in whole:
            s.sendall(bytes([octet]))
        self.assertTrue(self.speak(s, "alice").open().alive())
        for cut in (1, 12, 15, 16, 17, len(whole) - 1):
            s = self.peer(whole[:cut])
            s.sendall(whole[cut:])
            self.assertTrue(self.speak(s, "alice").open().alive())

    def test_WG_16_a_header_that_never_ends(self):
        s = self.peer(header()[:-1])
        self.assert_nothing_heard(s, "it did not come in time")

    def test_WG_17_a_tlv_longer_than_its_place(self):
        self.let_in("alice", "alice")
        good = header()
        at = good.index(b"\x20\x00", 28) + 2
        long_one = good[:at] + bytes([good[at] + 1]) + good[at + 1:]
        self.assert_nothing_heard(self.peer(long_one), "the parts do not fit")

    def test_WG_18_two_ssl_tlvs_and_two_cns(self):
        self.let_in("alice", "alice")
        self.assert_nothing_heard(self.peer(header(ssl_tlv() + ssl_tlv(cn=b"bob"))), NO_TLS)
        twice = ssl_tlv(inside=tlv(0x22, b"alice") + tlv(0x22, b"alice"))
        self.assert_nothing_heard(self.peer(header(twice)), NO_CN)

    def test_WG_19_a_checksum_that_is_wrong_or_missing(self):
        self.let_in("alice", "alice")
        key = wire.Key.of_file(self.server.admin("key", "add", "alice"))
        zero = header(tlv(3, bytes(4)) + ssl_tlv())
        at = 16 + 12 + 3
        right = zero[:at] + struct.pack(">I", crc32c(zero)) + zero[at + 4:]
        self.assertTrue(self.speak(self.peer(right), "alice").open().alive())
        self.assertTrue(Raw(key, connected=self.peer(right, port=1)).open().alive())
        wrong = zero[:at] + struct.pack(">I", crc32c(zero) ^ 1) + zero[at + 4:]
        other = zero[:at] + struct.pack(">I", zlib.crc32(zero)) + zero[at + 4:]
        for octets in (wrong, other):
            self.assert_nothing_heard(self.peer(octets), "wrong or no checksum")
        self.assert_nothing_heard(self.peer(header(), port=1), "wrong or no checksum")

    def test_WG_20_a_header_of_version_1_and_none_at_all(self):
        self.let_in("alice", "alice")
        for octets in (b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n", b"CNN\n100\n" + b"0" * 128,
                       b"\x16\x03\x01\x02\x00"):
            self.assert_nothing_heard(self.peer(octets), "no header of version 2")

    def test_a_check_of_the_fronts_is_never_answered(self):
        s = self.peer(header(ssl_tlv(client=0, inside=b""), command=0x20, family=0x00))
        s.sendall(header())  # and nothing after it is a header
        s.shutdown(socket.SHUT_WR)
        self.assert_nothing_heard(s)

    def test_nobody_without_a_record_is_greeted(self):
        self.assert_nothing_heard(self.peer(header(ssl_tlv(cn=b"zoe"))))

    def test_the_channel_binding_is_the_fronts_and_not_looked_at(self):
        self.let_in("bea", "bea")
        key = wire.Key.of_file(self.server.admin("key", "add", "bea"))
        zero = header(tlv(3, bytes(4)) + ssl_tlv(cn=b"bea"))
        at = 16 + 12 + 3
        right = zero[:at] + struct.pack(">I", crc32c(zero)) + zero[at + 4:]
        for _ in range(2):  # and it binds the key to nothing
            raw = Raw(key, connected=self.peer(right, port=1)).cnn(cb=os.urandom(32))
            self.assertEqual(raw.frame()[0], "SINFO")
            plain = Raw(key, connected=self.peer(right, port=1)).open()
            self.assertTrue(plain.alive())


class FrontStart(unittest.TestCase):
    def refusal(self, listen):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        config = directory / "mootd.toml"
        config.write_text("[[listen]]\n" + listen.replace("DIR", str(directory)))
        done = subprocess.run([MOOTD, "run", "-c", config, "--data-dir", directory / "data"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
        return done.stderr

    def test_what_would_believe_anybody_does_not_start(self):
        tcp = 'address = "127.0.0.1:0"\ntransport = "proxy"\nauth = "wall"\n'
        path = 'address = "DIR/front"\ntransport = "proxy"\nauth = "wall"\n'
        for listen, words in (
                (tcp, "proxy_peers"),
                (path, "proxy_uids"),
                (tcp + 'proxy_peers = ["0.0.0.0/0"]\n', "everybody"),
                (tcp + 'proxy_peers = ["127.0.0.1", "::/0"]\n', "everybody"),
                (tcp + 'proxy_peers = ["0.0.0.0/1", "128.0.0.0/1"]\n', "everybody"),
                (path + "proxy_uids = [65534]\n", "65534"),
                (tcp + "proxy_uids = [1]\n", "proxy_uids"),
                (path + 'proxy_uids = [1]\nproxy_peers = ["127.0.0.1"]\n', "proxy_peers"),
                (tcp.replace("127.0.0.1", "0.0.0.0") + 'proxy_peers = ["192.0.2.1"]\n',
                 "insecure_plaintext"),
                (tcp.replace('"wall"', '"key"') + 'proxy_peers = ["127.0.0.1"]\n', "auth"),
                ('address = "127.0.0.1:0"\nproxy_peers = ["127.0.0.1"]\n', 'transport = "proxy"')):
            self.assertIn(words, self.refusal(listen))

    @in_user_namespace
    def test_WG_22_a_front_at_a_unix_socket_where_uids_are_hidden(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        config = directory / "mootd.toml"
        config.write_text(f'[[listen]]\naddress = "{directory}/front"\ntransport = "proxy"\n'
                          'auth = "wall"\nproxy_uids = [99]\n')
        done = subprocess.run(["unshare", "--user", "--map-current-user", MOOTD, "run", "-c", config,
                               "--data-dir", directory / "data"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("remove PrivateUsers= from its unit", done.stderr)


if __name__ == "__main__":
    unittest.main()
