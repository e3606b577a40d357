"""TLS listeners: 1.3 only, nothing resumed, certificates replaced by SIGHUP."""

import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest

from support import HERE, MOOTD, PATIENCE, Raw, Server, ServerCase, wire

CERTS = HERE / "tls"


def context(cert="cert.pem"):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(CERTS / cert)
    return c


class Tls(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.cert, cls.key_file = cls.dir / "cert.pem", cls.dir / "key.pem"
        shutil.copy(CERTS / "cert.pem", cls.cert)
        shutil.copy(CERTS / "key.pem", cls.key_file)
        cls.server = Server(MOOTD, cls.dir / "data",
                            ["--http-listen", "off", "--tls-listen", "127.0.0.1:0", "--set",
                             f"tls.cert={cls.cert}", "--set", f"tls.key={cls.key_file}"])
        cls.server.start()
        cls.tls_port = cls.server.tls_port
        cls._users = 0

    def tls(self, key=None, ctx=None):
        ctx = ctx or context()
        return Raw(key or self.new_key(), port=self.tls_port,
                   wrap=lambda s: ctx.wrap_socket(s, server_hostname="127.0.0.1"))

    def test_it_serves_over_tls_1_3(self):
        raw = self.tls().open()
        self.assertEqual(raw.socket.version(), "TLSv1.3")
        self.assertTrue(raw.alive())
        self.assertIn("tls", raw.greeting["features"])

    def test_a_frame_of_200_kilobytes_passes(self):
        raw = self.tls().open()
        elements = [{"cmd": "PV_MSG", "to": "nobody", "msg_id": wire.new_ulid(), "msg": b"x" * 16000}
                    for _ in range(12)]
        raw.command("BATCH", cmds=elements)
        self.assertTrue(raw.alive())

    def test_older_versions_are_refused(self):
        old = context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.tls(ctx=old)

    def test_no_session_can_be_resumed(self):
        ctx = context()
        raw = self.tls(ctx=ctx).open()
        self.assertTrue(raw.alive())
        session = raw.socket.session
        self.assertFalse(session.has_ticket)
        again = Raw(raw.key, port=self.tls_port, wrap=lambda s: ctx.wrap_socket(
            s, server_hostname="127.0.0.1", session=session)).open()
        self.assertTrue(again.alive())
        self.assertFalse(again.socket.session_reused)

    def openssl(self, *args):
        process = subprocess.Popen(["openssl", *map(str, args)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace")  # the greeting is no text
        for clean in (process.stdout.close, process.stdin.close, process.wait, process.kill):
            self.addCleanup(clean)
        return process

    def until(self, process, pattern):
        """What it prints up to a line that fits; patience is the timeout of CTest."""
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(pattern, line):
                return said, found
        self.fail(f"no {pattern!r} in:\n{said}")

    def test_a_ticket_and_early_data_are_refused(self):
        own = self.openssl("s_client", "-connect", f"127.0.0.1:{self.tls_port}")
        said, _ = self.until(own, "SINFO")
        own.stdin.close()
        self.assertNotIn("New Session Ticket", said + own.stdout.read())
        # So one of another server, which has the same certificate.
        other = self.openssl("s_server", "-accept", "127.0.0.1:0", "-cert", self.cert, "-key",
                             self.key_file, "-early_data")
        port = int(self.until(other, r"ACCEPT \S+:(\d+)")[1][1])
        ticket, early = self.dir / "ticket.pem", self.dir / "early"
        early.write_bytes(b"CNN\n10\n" + b"0" * 128 + b"\n0123456789")
        first = self.openssl("s_client", "-connect", f"127.0.0.1:{port}", "-sess_out", ticket)
        print("said behind the ticket", file=other.stdin, flush=True)
        self.until(first, "said behind the ticket")
        first.stdin.close()
        first.stdout.read()

        offer = ("-sess_in", ticket, "-early_data", early)
        taken = self.openssl("s_client", "-connect", f"127.0.0.1:{port}", *offer)
        said, _ = self.until(taken, "Early data was")
        self.assertIn("Reused, TLSv1.3", said, "who takes both is seen")
        self.assertIn("Early data was accepted", said)

        refused = self.openssl("s_client", "-connect", f"127.0.0.1:{self.tls_port}", *offer)
        said, _ = self.until(refused, "Early data was")
        self.assertIn("New, TLSv1.3", said)
        self.assertIn("Early data was rejected", said)

    def test_AU_13_the_channel_binding_of_another_session_ends_with_proto(self):
        self.assert_said(self.tls().cnn(cb=os.urandom(32)), "proto")

    def test_octets_that_are_no_tls_close_and_others_are_served(self):
        with socket.create_connection(("127.0.0.1", self.tls_port), PATIENCE) as s:
            s.sendall(b"CNN\n10\n" + b"0" * 200)
            try:
                while s.recv(100):
                    pass
            except ConnectionResetError:
                pass
        self.assertTrue(self.tls().open().alive())

    def test_sighup_takes_a_new_certificate_and_keeps_the_old_one_when_it_is_bad(self):
        living = self.tls().open()
        shutil.copy(CERTS / "cert2.pem", self.cert)
        shutil.copy(CERTS / "key2.pem", self.key_file)
        self.server.process.send_signal(signal.SIGHUP)
        living.wait_for("SINFO")  # told once the configuration is in force
        self.tls(ctx=context("cert2.pem")).open().socket.close()
        self.assertTrue(living.alive())
        self.cert.write_text("no certificate")
        self.server.process.send_signal(signal.SIGHUP)
        self.assertTrue(living.alive())
        self.assertTrue(self.tls(ctx=context("cert2.pem")).open().alive())
        shutil.copy(CERTS / "cert.pem", self.cert)
        shutil.copy(CERTS / "key.pem", self.key_file)
        self.server.process.send_signal(signal.SIGHUP)
        living.wait_for("SINFO")

    def test_no_certificate_is_exit_1_and_none_configured_exit_78(self):
        base = [MOOTD, "run", "--data-dir", self.dir / "x", "--tls-listen", "127.0.0.1:0"]
        done = subprocess.run(base, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 78)
        done = subprocess.run([*base, "--set", "tls.cert=/nowhere", "--set", "tls.key=/nowhere"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("certificate", done.stderr)


if __name__ == "__main__":
    unittest.main()
