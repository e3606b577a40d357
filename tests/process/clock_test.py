"""DO-10: the clock of the server itself is moved by an hour, both ways, while it runs."""

import json
import os
import pathlib
import tempfile
import time
import unittest

from support import MOOTD, Home, Raw, Server, ServerCase, wire

HOUR = 3600


class ServersClock(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.offset = cls.dir / "offset"
        cls.offset.write_text("0")
        cls.server = Server(MOOTD, cls.dir / "data", ["--http-listen", "off"],
                            env={"LD_PRELOAD": os.environ["MOOT_CLOCK"],
                                 "MOOT_CLOCK_OFFSET": str(cls.offset)})
        cls.server.start()
        cls._users = 0

    def setUp(self):
        self.move(0)

    def move(self, seconds):
        """At once for whoever reads it next: renamed, so that nobody reads half of it."""
        new = self.dir / "offset.new"
        new.write_text(str(seconds))
        new.rename(self.offset)

    def test_DO_10_the_shim_moves_the_servers_clock_and_no_timer(self):
        raw = self.raw().open()
        for jump in (HOUR, -HOUR):
            self.move(jump)
            self.assertAlmostEqual(Raw(raw.key).greeting["now"] / 1000 - time.time(), jump, delta=60)

    def test_DO_10_a_session_of_before_ends_with_stale_and_the_clients_clock_with_clock(self):
        for jump in (HOUR, -HOUR):
            with self.subTest(jump=jump):
                self.move(0)
                raw = self.raw().open()
                idle = self.raw().open()
                self.move(jump)
                self.assert_said(raw.command("INFO"), "stale")
                self.assert_said(Raw(raw.key).cnn(), "clock")
                # Who goes by the time of the greeting is served; so is who was silent meanwhile.
                again = Raw(raw.key)
                there = again.greeting["now"] // 1000
                again.send_frame("CNN", again.payload("CNN", seconds=there, **again.cnn_fields()))
                again.wait_for("SINFO")
                self.move(0)
                self.assertTrue(idle.alive())

    def test_DO_10_moot_says_so_and_nothing_is_lost(self):
        ada = Home(self, "ada").join(self.server.invite())
        bob = Home(self, "bob").join(self.server.invite())
        said = []
        for i, jump in enumerate((0, HOUR, -HOUR, 0)):
            self.move(jump)
            said.append(f"number {i}, the server's clock at {jump}")
            done = ada.run("send", "@bob", said[-1], "--timeout", "150s")
            self.assertEqual(done.returncode, 1 if jump else 0, done.stderr)
            if jump:
                self.assertIn("in the outbox", done.stderr)
                self.assertIn("clock is too far from the server's", done.stderr)
        done = bob.run("tail", "@ada", "--json")
        self.assertEqual([json.loads(line)["text"] for line in done.stdout.splitlines()], said)

    def test_DO_10_what_is_kept_waits_through_it(self):
        ada, bob = self.connect(), self.new_key()
        kept = wire.new_ulid()
        ada.send("PV_MSG", to=bob.account, msg_id=kept, msg=wire.text_content("kept"))
        ada.barrier()
        for jump in (HOUR, -HOUR, 0):
            self.move(jump)
            raw = Raw(bob)
            raw.send_frame("CNN", raw.payload("CNN", seconds=raw.greeting["now"] // 1000,
                                              **raw.cnn_fields()))
            self.assertEqual(raw.wait_for("MSG")["msg_id"], kept)
            raw.socket.close()


if __name__ == "__main__":
    unittest.main()
