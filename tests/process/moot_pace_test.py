"""A device in many channels synchronises all of them and is never made to wait by the server's
rates (docs/protocol.md 10)."""

import json
import unittest

from support import PATIENCE, Home, ServerCase, wire


class ManyChannels(ServerCase):
    ARGS = ("--log-level", "debug")
    CHANNELS = 30

    def test_thirty_channels_are_pulled_and_the_server_never_stops_reading(self):
        author = wire.Peer(self.new_key("ann"), PATIENCE)
        self.addCleanup(author.close)
        reader = wire.Key.of_file(text := self.server.admin("user", "add", "bob"))
        member = wire.Peer(reader, PATIENCE)
        wanted = {}
        for n in range(self.CHANNELS):
            channel = wire.new_ulid()
            author.send("CH_CREATE", id=channel, name=f"c{n}", keeper="server",
                        visibility="public", history="all")
            author.wait_for("CH_UJOIN", channel=channel)
            author.send("CH_MSG", id=channel, msg_id=wire.new_ulid(),
                        msg=wire.text_content(f"said in {n}"))
            member.send("CH_JOIN", id=channel)
            member.wait_for("CH_UJOIN", channel=channel, user="bob")
            wanted[f"c{n}"] = f"said in {n}"
        author.barrier()
        member.barrier()
        member.close()
        paused = self.server.log(10_000).count("conn.paused")
        self.assertEqual(paused, 0, "those who prepared it were slow enough")
        tail = Home(self, "bob").with_key(text).start("tail", "--follow", "--json")
        for line in tail.stdout:
            told = json.loads(line)
            if wanted.get(told.get("channel")) == told.get("text"):
                del wanted[told["channel"]]
            if not wanted:
                break
        self.assertEqual(wanted, {}, tail.stderr.read() if wanted else "")
        self.assertNotIn("conn.paused", self.server.log(10_000))
        # Who asks faster is what the server writes so of.
        for _ in range(20):
            author.send("CH_LST")
        author.barrier()
        self.assertIn("conn.paused", self.server.log(10_000))


if __name__ == "__main__":
    unittest.main()
