#!/usr/bin/env python3
"""The verdicts of tools/instructions.py: a guard that lets everything pass guards nothing."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from instructions import ROOM, judge, read_baseline


class Verdict(unittest.TestCase):
    def test_the_same_passes(self):
        self.assertTrue(judge({"relay": 1000}, {"relay": 1000})[1])

    def test_what_is_within_the_room_passes(self):
        self.assertTrue(judge({"relay": 1000 + int(1000 * ROOM)}, {"relay": 1000})[1])

    def test_more_fails_and_says_what_to_do(self):
        lines, good = judge({"relay": 1050, "login": 10}, {"relay": 1000, "login": 10})
        self.assertFalse(good)
        self.assertIn("TOO MANY", lines[0])
        self.assertIn("./dev instructions --write", lines[0])
        self.assertNotIn("TOO MANY", lines[1])

    def test_less_passes_and_asks_to_be_kept(self):
        lines, good = judge({"relay": 900}, {"relay": 1000})
        self.assertTrue(good)
        self.assertIn("--write", lines[0])

    def test_a_path_without_a_baseline_fails(self):
        self.assertFalse(judge({"relay": 1000}, {})[1])

    def test_a_baseline_that_nobody_counts_fails(self):
        self.assertFalse(judge({}, {"relay": 1000})[1])

    def test_a_processor_without_the_target_passes(self):
        self.assertTrue(judge({"verify_avx2": None}, {"verify_avx2": 1000})[1])

    def test_the_committed_baseline_can_be_read(self):
        file = Path(__file__).resolve().parent.parent / "bench/instructions.txt"
        self.assertIn("relay", read_baseline(file.read_text()))


if __name__ == "__main__":
    unittest.main()
