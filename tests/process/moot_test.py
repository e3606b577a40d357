"""moot as a program against a real mootd: keys that are taken away, and who owns the store."""

import fcntl
import hashlib
import json
import pathlib
import socket
import ssl
import threading
import unittest

from support import HERE, PATIENCE, Home, ServerCase, key_text, wire

CERTS = HERE / "tls"

LONG = "150s"  # more than the patience of a test: what waits for it fails


class Revoked(ServerCase):
    def setUp(self):
        type(self)._users += 1
        self.ada = Home(self, f"ada{self._users}").join(self.server.invite())
        self.bob = Home(self, f"bob{self._users}").join(self.server.invite())

    def revoke(self, home):
        self.server.admin("key", "revoke", "--all", home.name)

    def test_send_with_a_revoked_key_fails_with_the_sentence_and_keeps_the_message(self):
        self.revoke(self.ada)
        done = self.ada.run("send", f"@{self.bob.name}", "hi", "--timeout", LONG)
        self.assertEqual(done.returncode, 1)
        self.assertIn("The message is not sent; in the outbox", done.stderr)
        self.assertIn("does not know this key, or not any more", done.stderr)
        # The next one meets an outbox that is not empty.
        done = self.ada.run("send", f"@{self.bob.name}", "hi", "--timeout", LONG, "--json")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["state"], "queued")

    def test_tail_ends_when_its_key_is_revoked(self):
        tail = self.ada.start("tail", "--follow", "--json")
        # Confirmed by ada's device: it is connected, and has shown it.
        done = self.bob.run("send", f"@{self.ada.name}", "hi", "--wait", "acked", "--timeout", LONG)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(tail.stdout.readline())["text"], "hi")
        self.revoke(self.ada)
        self.assertEqual(tail.wait(PATIENCE), 1)
        self.assertIn("was revoked", tail.stderr.read())
        self.assertEqual(tail.stdout.read(), "")

    def test_tail_ends_when_another_device_takes_its_key_over(self):
        tail = self.ada.start("tail", "--follow", "--json")
        done = self.bob.run("send", f"@{self.ada.name}", "hi", "--wait", "acked", "--timeout", LONG)
        self.assertEqual(done.returncode, 0, done.stderr)
        copy = Home(self, self.ada.name + "-copy").with_key(self.ada.key_file.read_text())
        self.assertEqual(copy.run("users").returncode, 0)
        self.assertEqual(tail.wait(PATIENCE), 1)
        self.assertIn("took over", tail.stderr.read())


class Tracing(ServerCase):
    def test_the_trace_has_each_command_and_no_key(self):
        ada, bob = (Home(self, name).join(self.server.invite()) for name in ("tracer", "traced"))
        trace = ada.dir / "trace"
        done = ada.run("send", f"@{bob.name}", "a text that is longer than twenty octets", "--trace", trace)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = trace.read_text().splitlines()
        self.assertEqual(trace.stat().st_mode & 0o777, 0o600)
        said = [line.split(" ", 1)[1] for line in lines]
        self.assertTrue(any(s.startswith(f"-> PV_MSG to=@{bob.name} ") for s in said), said)
        self.assertTrue(any(s.startswith("<- SINFO ") for s in said), said)
        self.assertNotIn("longer than", trace.read_text())
        done = ada.run("send", f"@{bob.name}", "x", "--trace", "/nonexistent/trace")
        self.assertEqual(done.returncode, 1)
        self.assertIn("trace file /nonexistent/trace cannot be written", done.stderr)


class FakeOwner:
    """The other side of DIR/moot.sock, which says what a race would have it say."""

    def __init__(self, case, home):
        self.lock = open(home.dir / "lock", "w", encoding="ascii")
        case.addCleanup(self.lock.close)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        path = home.dir / "moot.sock"
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        case.addCleanup(self.listener.close)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(PATIENCE)

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(PATIENCE)
        self.lines = self.connection.makefile("r", encoding="utf-8")
        self.say(re=self.hear("hello")["n"], end=True)

    def hear(self, what):
        """The next line, which must ask for `what`."""
        line = json.loads(self.lines.readline())
        assert line["do"] == what, line
        return line

    def say(self, /, **fields):
        self.connection.sendall(json.dumps(fields).encode() + b"\n")

    def end(self):
        self.lines.close()
        self.connection.close()


class Owners(ServerCase):
    def test_a_state_told_before_the_message_leaves_the_message_whole(self):
        ada = Home(self, "ada").join(self.server.invite())
        owner = FakeOwner(self, ada)
        send = ada.start("send", "@bob", "hello there", "--wait", "acked", "--timeout", LONG, "--json")
        message = {"id": "01J0000000000000000000000A", "from": "ada", "to": "bob"}
        owner.accept()
        owner.hear("watch")
        owner.say(ev="connected", self="ada")
        owner.say(re=owner.hear("send")["n"], end=True, id=message["id"])
        owner.end()
        # Another owner: the message is on disk, and confirmed before the question is answered.
        owner.accept()
        owner.hear("watch")
        owner.say(ev="connected", self="ada")
        n = owner.hear("message")["n"]
        owner.say(ev="state", state="acked", **message)
        owner.say(re=n, text="hello there", error="", at=1_700_000_000_000, state="sent", seq=1,
                  **message)
        owner.say(re=n, end=True)
        self.assertEqual(send.wait(PATIENCE), 0, send.stderr.read())
        printed = json.loads(send.stdout.read())
        self.assertEqual((printed["text"], printed["state"]), ("hello there", "acked"))
        owner.end()


def pin_of(pem):
    """SHA-256 of the certificate's public key, the seventh field of what is signed."""

    def items(der):
        while der:
            size, head = der[1], 2
            if size > 0x80:
                head = 2 + size - 0x80
                size = int.from_bytes(der[2:head], "big")
            yield der[: head + size], der[head : head + size]
            der = der[head + size :]

    der = ssl.PEM_cert_to_DER_cert(pathlib.Path(pem).read_text())
    certificate = next(items(der))[1]
    return hashlib.sha256(list(items(next(items(certificate))[1]))[6][0]).hexdigest()


class Middleman:
    """Ends TLS with a certificate and key of its own, and speaks TLS with the real server."""

    def __init__(self, case, server_port, cert, key):
        self.listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.listening.load_cert_chain(CERTS / cert, CERTS / key)
        self.onward = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.onward.load_verify_locations(CERTS / "cert.pem")
        self.server_port = server_port
        self.from_client, self.from_server = b"", b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        case.addCleanup(self.end)

    def run(self):
        """One connection."""
        plain, _ = self.listener.accept()
        self.listener.close()
        plain.settimeout(PATIENCE)
        try:
            client = self.listening.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return  # it hung up
        server = self.onward.wrap_socket(
            socket.create_connection(("127.0.0.1", self.server_port), PATIENCE),
            server_hostname="127.0.0.1")
        up = threading.Thread(target=self.pump, args=(client, server, "from_client"))
        up.start()
        self.pump(server, client, "from_server")
        up.join()
        client.close()
        server.close()

    def pump(self, source, sink, name):
        try:
            while piece := source.recv(65536):
                setattr(self, name, getattr(self, name) + piece)
                sink.sendall(piece)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        self.thread.join(2 * PATIENCE)
        self.listener.close()


class Tunnels(ServerCase):
    ARGS = ("--tls-listen", "127.0.0.1:0", "--set", f"tls.cert={CERTS / 'cert.pem'}", "--set",
            f"tls.key={CERTS / 'key.pem'}")

    def home(self, name, port, pin):
        text = self.server.admin("user", "add", name)
        return Home(self, name).with_key(key_text(text, address=f"127.0.0.1:{port}", tls=f"pin:{pin}"))

    def test_the_right_pin_connects(self):
        ada = self.home("ada", self.server.tls_port, pin_of(CERTS / "cert.pem"))
        done = ada.run("send", "@ada", "a note", "--timeout", LONG)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_wrong_pin_is_refused_and_nothing_is_sent(self):
        middleman = Middleman(self, self.server.tls_port, "cert2.pem", "key2.pem")
        bob = self.home("bob", middleman.port, pin_of(CERTS / "cert.pem"))
        done = bob.run("users")
        self.assertEqual(done.returncode, 1)
        self.assertIn("check that the pin in the key file is of this server's key", done.stderr)
        middleman.thread.join()
        self.assertEqual((middleman.from_client, middleman.from_server), (b"", b""))

    def test_AU_13_what_is_bound_to_one_tls_session_is_refused_on_another(self):
        # Who has stolen the server's TLS key can end TLS, and still not pass a session on.
        middleman = Middleman(self, self.server.tls_port, "cert.pem", "key.pem")
        cyd = self.home("cyd", middleman.port, pin_of(CERTS / "cert.pem"))
        done = cyd.run("send", "@cyd", "a note", "--timeout", LONG)
        self.assertEqual(done.returncode, 1)
        middleman.thread.join()
        (cnn, _, payload), *_ = wire.split_frames(middleman.from_client)[0]
        self.assertEqual(cnn, "CNN")
        self.assertIn("cb", wire.unpack(payload))
        *_, (last, _, payload) = wire.split_frames(middleman.from_server)[0]
        self.assertEqual((last, wire.unpack(payload)["code"]), ("DCNN", "proto"))
        self.assertIn(wire.unpack(payload)["message"], done.stderr)


if __name__ == "__main__":
    unittest.main()
