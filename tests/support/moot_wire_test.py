"""The tests' own implementation of the wire against the vectors."""

import json
import pathlib
import sys
import unittest

import moot_wire

VECTORS = pathlib.Path(sys.argv.pop(1))


class WireTest(unittest.TestCase):
    def test_makes_every_accepted_frame_of_the_sessions_octet_for_octet(self):
        made = 0
        for session in json.loads((VECTORS / "sessions.json").read_text())["sessions"]:
            for step in session["steps"]:
                if step.get("verdict") != "accept" or "frame" not in step:
                    continue
                octets = bytes.fromhex(step["frame"])
                frames, rest = moot_wire.split_frames(octets)
                self.assertEqual((len(frames), rest), (1, b""))
                cmd, signature, payload = frames[0]
                self.assertEqual(moot_wire.pack(moot_wire.unpack(payload)), payload)
                if signature != moot_wire.SIGNATURE_OF_NOBODY:
                    key = bytes.fromhex(step.get("key", session["key"]))
                    self.assertEqual(moot_wire.frame(cmd, payload, key), octets)
                    made += 1
        self.assertGreater(made, 20)


if __name__ == "__main__":
    unittest.main()
