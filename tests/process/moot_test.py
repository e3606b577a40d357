"""moot as a program against a real mootd: keys that are taken away, and who owns the store."""

import fcntl
import json
import socket
import unittest

from support import PATIENCE, Home, ServerCase

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


if __name__ == "__main__":
    unittest.main()
