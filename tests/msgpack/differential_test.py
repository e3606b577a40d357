"""The comparison of differential.py sees each kind of difference."""

import sys
import unittest

import differential
from payloads import within

VERDICTS = sys.argv.pop()
SIMPLE = b"\x83\xa1a\x01\xa1b\xc4\x02xy\xa1c\x92\xc3\xa2hi"


def ours(payload):
    (line,) = differential.lines_of([VERDICTS], [payload])
    return line


class Judging(unittest.TestCase):
    def setUp(self):
        self.python = differential.Python()

    def complaint(self, payload, line):
        return self.python.complaint(payload, line)

    def test_what_is_the_same_is_no_difference(self):
        self.assertEqual(ours(SIMPLE), f"{{s61:i1,s62:b7879,s63:[t,s6869]}} {SIMPLE.hex()}")
        self.assertIsNone(self.complaint(SIMPLE, ours(SIMPLE)))

    def test_another_value_is_one(self):
        line = ours(SIMPLE)
        for changed in (line.replace("s61:i1", "s61:i2"), line.replace("b7879", "s7879"),
                        line.replace("t,", "f,"), line[:-2] + "00", line.replace("s6869", "s686900")):
            self.assertNotEqual(changed, line)
            self.assertIsNotNone(self.complaint(SIMPLE, changed))

    def test_to_refuse_what_is_inside_is_one(self):
        self.assertIsNotNone(self.complaint(SIMPLE, "!truncated"))

    def test_to_accept_what_is_outside_is_one(self):
        outside = (SIMPLE[:-1], SIMPLE + b"\xc0", b"\x82\xa1a\x01\xa1a\x01", b"\x81\x01\x01", b"\x91\xc0",
                   within(b"\xff"), within(b"\xca\0\0\0\0"), within(b"\xd4\x05\0"), within(b"\xa1\xff"),
                   within(b"\xa1\0"), within(b"\x91" * 8 + b"\xc0"), within(b"\xdc\x3f\xfe" + bytes(16382)))
        for payload in outside:
            self.assertTrue(ours(payload).startswith("!"), payload.hex())
            self.assertIsNotNone(self.complaint(payload, f"{{}} {payload.hex()}"), payload.hex())

    def test_what_npm_does_in_its_own_way_is_that_and_nothing_else(self):
        known = differential.Npm.difference
        proto, marked = "{s5f5f70726f746f5f5f:i1}", "{s61:sefbbbf" + "79" * 250 + "}"
        self.assertIsNotNone(known(proto, "!The key __proto__ is not allowed"))
        self.assertIsNone(known("{s61:i1}", "!The key __proto__ is not allowed"))
        self.assertIsNotNone(known(marked, "{s61:s" + "79" * 250 + "} 00"))
        self.assertIsNone(known(marked, "{s61:s" + "79" * 249 + "} 00"))
        short = "{s61:sefbbbf79}"
        self.assertIsNone(known(short, "{s61:s79} 00"))


if __name__ == "__main__":
    try:
        differential.Python()
    except ImportError:
        print("skipped: Python's msgpack is not installed; apt-get install python3-msgpack")
        sys.exit(differential.SKIPPED)
    unittest.main(argv=sys.argv[:1])
