"""A wall of mootd's own: mutual TLS 1.3 with a dedicated authority (security.md 3.2)."""

import json
import pathlib
import shutil
import ssl
import socket
import subprocess
import tempfile
import unittest

from certs import Authority, client_context, impostor
from support import MOOTD, PATIENCE, Home, Raw, Server, ServerCase, somebody, wire

SYSTEM_BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


class MutualTls(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.ca = Authority(cls.dir / "clients")
        cls.server_pair = cls.ca.issue("/CN=server", san="IP:127.0.0.1", usage="serverAuth")
        cls.config = cls.dir / "mootd.toml"
        cls.config.write_text("".join(
            f'[[listen]]\naddress = "127.0.0.1:0"\ntransport = "tls"\nauth = "{auth}"\n'
            f'cert = "{cls.server_pair.cert}"\nkey = "{cls.server_pair.key}"\n'
            f'client_ca = "{cls.ca.cert}"\n\n' for auth in ("wall", "wall+key")))
        cls.server = Server(MOOTD, cls.dir / "data", ["--http-listen", "off", "-c", cls.config]).start()
        cls.ports = [int(where.rpartition(":")[2]) for kind, where in cls.server.listening
                     if kind == "tls"]
        cls._users = 0

    def issue(self, account, **kwargs):
        return self.ca.issue("/O=moot", san=f"URI:moot:account/{account}", **kwargs)

    def let_in(self, account, *args):
        out = self.server.admin("user", "add", account, *args, "--json")
        return json.loads(out)["kid"]

    def context(self, identity=None):
        return client_context(self.ca, identity)

    def tls(self, identity, wall_key=False, context=None):
        plain = socket.create_connection(("127.0.0.1", self.ports[1 if wall_key else 0]), PATIENCE)
        self.addCleanup(plain.close)
        return (context or self.context(identity)).wrap_socket(plain, server_hostname="127.0.0.1")

    def walled(self, account, identity, key=None):
        return Raw(key or somebody(account), connected=self.tls(identity, key is not None))

    def assert_nothing_heard(self, identity, alert=False):
        """The connection ends, and not an octet came on it; `alert`: TLS itself refused it."""
        refused = None
        try:
            s = self.tls(identity)
            self.assertEqual(s.recv(1), b"")
        except (ConnectionError, ssl.SSLError) as e:
            refused = e
        if alert:
            self.assertIsNotNone(refused)
        else:
            self.assertNotIsInstance(refused, ssl.SSLError)

    def test_a_pinned_key_is_let_in_without_signatures(self):
        ada = self.ca.issue("/CN=whoever")
        kid = self.let_in("ada", "--x509-spki", ada.pin)
        raw = self.walled("ada", ada).cnn()
        self.assertEqual(raw.frame()[:2], ("SINFO", wire.SIGNATURE_OF_NOBODY))
        self.assertEqual(raw.socket.version(), "TLSv1.3")
        self.assertTrue(raw.alive())
        renewed = self.ca.issue("/CN=other", key=ada.key)  # a new certificate of the same key
        self.assertTrue(self.walled("ada", renewed).open().alive())
        live = self.walled("ada", ada).open()
        self.assert_silent(self.walled("ada", ada).cnn(id="server-admin"))
        self.server.admin("key", "revoke", kid)
        self.assert_said(live, "revoked")
        self.assert_nothing_heard(ada)

    def test_one_uri_is_let_in(self):
        bea = self.issue("bea")
        kid = self.let_in("bea", "--x509-uri", "moot:account/bea")
        live = self.walled("bea", bea).open()
        self.assertTrue(live.alive())
        self.server.admin("key", "revoke", kid)
        self.assert_said(live, "revoked")
        self.assert_nothing_heard(bea)

    def test_no_other_certificate_comes_through(self):
        self.let_in("cyd", "--x509-uri", "moot:account/cyd")
        foreign = Authority(self.dir / "foreign")
        uri = "URI:moot:account/cyd"
        for identity in (None, foreign.issue("/CN=cyd", san=uri), impostor(self.dir, "/CN=cyd"),
                         self.ca.issue("/CN=cyd", san=uri, usage="serverAuth")):
            self.assert_nothing_heard(identity, alert=True)
        old = self.context(self.issue("cyd"))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.tls(None, context=old)

    def test_a_uri_names_nobody_unless_it_is_the_only_one_and_whole(self):
        self.let_in("dan", "--x509-uri", "moot:account/dan")
        self.let_in("dana", "--x509-uri", "moot:account/dana")
        old = b"moot:account/dan?evil"
        for identity in (
                self.ca.issue("/CN=dan"),
                self.ca.issue("/O=x", san="DNS:dan"),
                self.ca.issue("/O=x", san="URI:moot:account/dan,URI:moot:account/dana"),
                self.ca.issue("/O=x", san="URI:moot:account/dan,URI:https://dan.example"),
                self.ca.issue("/O=x", san="URI:MOOT:account/dan"),
                self.ca.issue("/O=x", san="URI:moot:account/Dan"),
                self.ca.issue("/O=x", san="URI:moot:account/dan/"),
                self.issue("dan?evil", patch=(old, b"moot:account/dan\0evil")),
                self.issue("dan?evil", patch=(old, b"moot:account/dan\nevil"))):
            self.assert_nothing_heard(identity)
        self.assertTrue(self.walled("dan", self.issue("dan")).open().alive())

    def test_whose_key_was_revoked_is_not_let_in_by_his_uri(self):
        self.let_in("eve", "--x509-uri", "moot:account/eve")
        lost, kept = self.issue("eve"), self.issue("eve")
        kid = json.loads(self.server.admin("key", "add", "eve", "--x509-spki", lost.pin, "--json"))["kid"]
        self.assertTrue(self.walled("eve", lost).open().alive())
        self.server.admin("key", "revoke", kid)
        self.assert_nothing_heard(lost)
        self.server.kill()
        self.server.start()
        self.read_ports()
        self.assert_nothing_heard(lost)
        self.assertTrue(self.walled("eve", kept).open().alive())

    def read_ports(self):
        type(self).ports = [int(where.rpartition(":")[2]) for kind, where in self.server.listening
                            if kind == "tls"]

    def test_nothing_is_resumed(self):
        self.let_in("fay", "--x509-uri", "moot:account/fay")
        raw = self.walled("fay", self.issue("fay")).open()
        self.assertTrue(raw.alive())
        self.assertFalse(raw.socket.session.has_ticket)

    def test_wall_and_key_have_to_agree(self):
        self.let_in("gus", "--x509-uri", "moot:account/gus")
        key = wire.Key.of_file(self.server.admin("key", "add", "gus"))
        other = self.new_key("hal")
        identity = self.issue("gus")
        live = self.walled("gus", identity, key).open()
        self.assertTrue(live.alive())
        self.assert_silent(self.walled("hal", identity, other).cnn())
        self.assert_silent(Raw(somebody("gus"), connected=self.tls(identity, wall_key=True)).cnn())
        self.server.admin("key", "revoke", key.kid.hex())
        self.assert_said(live, "revoked")

    def test_moot_comes_in_with_its_certificate(self):
        self.let_in("ida", "--x509-uri", "moot:account/ida")
        self.server.admin("key", "revoke", "--all", "ida")
        text = self.server.admin("key", "add", "ida", "--x509-uri", "moot:account/ida")
        self.assertIn(f'address = "127.0.0.1:{self.ports[0]}"\ntls = "pin:{self.server_pair.pin}"', text)
        identity = self.issue("ida")
        home = Home(self, "ida").with_key(
            f'{text}cert = "{identity.cert}"\ncert_key = "{identity.key}"\n')
        listed = home.run("users")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("ida", listed.stdout)
        home.with_key(text)
        self.assertEqual(home.run("users").returncode, 1)


class AuthorityOfStart(unittest.TestCase):
    """What mootd takes for the authority of its clients."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.ca = Authority(self.dir / "clients")

    def run_with(self, authority):
        pair = self.ca.issue("/CN=server", usage="serverAuth")
        config = self.dir / "mootd.toml"
        config.write_text('[[listen]]\naddress = "127.0.0.1:0"\ntransport = "tls"\nauth = "wall"\n'
                          f'cert = "{pair.cert}"\nkey = "{pair.key}"\nclient_ca = "{authority}"\n')
        done = subprocess.run([MOOTD, "run", "-c", config, "--data-dir", self.dir / "data"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        return done.stderr

    def test_a_bundle_of_public_authorities_is_refused(self):
        bundle = self.dir / "bundle.pem"
        bundle.write_bytes(self.ca.cert.read_bytes() * 17)
        self.assertIn("like a bundle of public ones", self.run_with(bundle))

    @unittest.skipUnless(SYSTEM_BUNDLE.exists(), "the system has no bundle")
    def test_the_systems_bundle_is_refused_by_whatever_name(self):
        link = self.dir / "mine.pem"
        link.symlink_to(SYSTEM_BUNDLE)
        self.assertIn("who vouch for anybody", self.run_with(link))

    def test_what_is_no_authority_is_refused(self):
        nothing = self.dir / "nothing.pem"
        nothing.write_text("nothing")
        self.assertIn("holds no certificate", self.run_with(nothing))
        self.assertIn("cannot be read", self.run_with(self.dir / "none.pem"))


if __name__ == "__main__":
    unittest.main()
