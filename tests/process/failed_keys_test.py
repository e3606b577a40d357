"""Who failed too often with a key from one place waits there, and nowhere else (security.md 5.1)."""

import os
import re
import socket
import unittest
import urllib.request

from support import PATIENCE, Raw, ServerCase

FAILURES = 20  # of one kid from one source in an hour


class Guessing(ServerCase):
    HTTP = "127.0.0.1:0"
    _sources = 0

    def source(self):
        """An address that nothing is known of yet."""
        Guessing._sources += 1
        return f"127.0.7.{Guessing._sources}"

    def raws(self, key, source, count):
        """Connections that are greeted: all of them before the first failure bars their source."""
        def one():
            s = socket.create_connection((key.host, key.port), PATIENCE, (source, 0))
            self.addCleanup(s.close)
            return Raw(key, connected=s)
        return [one() for _ in range(count)]

    def held(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/metrics",
                                    timeout=PATIENCE) as answer:
            return int(re.search(r"^moot_cnn_held_total (\d+)", answer.read().decode(), re.M)[1])

    def guess(self, raw, **claim):
        raw.send_frame("CNN", raw.payload("CNN", **raw.cnn_fields(**claim)), key=os.urandom(32))
        self.assert_silent(raw)

    def waits(self, act):
        """Whether what `act` does on a connection is held before it is looked at."""
        before = self.held()
        act()
        return self.held() - before == 1


class FailedKeys(Guessing):
    # Loopback counts here as any network does. One thread, so that a failure is counted before its
    # connection is closed.
    ARGS = ("--set", "limits.exempt=[]", "--set", "threads=1")

    def test_the_owner_is_held_and_let_in_and_from_elsewhere_let_in_at_once(self):
        key, here, elsewhere = self.new_key(), self.source(), self.source()
        owner, *guesses = self.raws(key, here, FAILURES + 1)
        for guess in guesses:
            self.assertFalse(self.waits(lambda raw=guess: self.guess(raw)))
        (remote,) = self.raws(key, elsewhere, 1)
        self.assertFalse(self.waits(remote.open))
        self.assertTrue(self.waits(owner.open))
        self.assertTrue(owner.alive())

    def test_unknown_revoked_and_wrong_are_held_alike(self):
        known, revoked, unknown = self.new_key(), self.new_key(), self.new_key()
        self.server.admin("key", "revoke", revoked.kid.hex())
        cases = ((known, {}), (revoked, {}), (unknown, {"kid": os.urandom(8)}),
                 (unknown, {"id": "nobody-at-all", "kid": os.urandom(8)}),
                 (unknown, {"id": "nobody-at-all", "kid": None}))
        for key, claim in cases:
            with self.subTest(claim=claim):
                *guesses, last = self.raws(key, self.source(), FAILURES + 1)
                for guess in guesses:
                    self.assertFalse(self.waits(lambda raw=guess, c=claim: self.guess(raw, **c)))
                self.assertTrue(self.waits(lambda raw=last, c=claim: self.guess(raw, **c)))

    def test_other_keys_from_there_are_not_held(self):
        key, other, here = self.new_key(), self.new_key(), self.source()
        (neighbour,) = self.raws(other, here, 1)
        for guess in self.raws(key, here, FAILURES):
            self.guess(guess)
        self.assertFalse(self.waits(neighbour.open))


class Exempt(Guessing):
    """Sources that are not counted are never held."""

    ARGS = ("--set", 'limits.exempt=["127.0.7.0/24"]', "--set", "threads=1")

    def test_nothing_from_there_is_held(self):
        key = self.new_key()
        owner, *guesses = self.raws(key, self.source(), FAILURES + 2)
        for guess in guesses:
            self.assertFalse(self.waits(lambda raw=guess: self.guess(raw)))
        self.assertFalse(self.waits(owner.open))


if __name__ == "__main__":
    unittest.main()
