"""That the chaos tools find what they look for, without a process: the judgement of made-up outputs."""

import json
import pathlib
import random
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import chaos  # noqa: E402
import chaos_replays  # noqa: E402


def told(author, number, state="acked"):
    return {"from": author, "text": f"{number} text", "state": state}


class JudgementTest(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.world = chaos.World(0, 1, 1, ("mootd", "moot"), chaos.Count(1))
        self.world.dir = pathlib.Path(place.name)
        self.ada = chaos.Person(self.world, "ada", "bob")
        self.bob = chaos.Person(self.world, "bob", "cyd")
        self.addCleanup(self.ada.log.close)
        self.addCleanup(self.bob.log.close)
        self.ada.posts.told, self.ada.posts.confirmed = 4, {0, 1, 2}
        self.ada.posts.unsure = {3}

    def check(self, *numbers):
        self.world.check(self.ada, [("ada", n) for n in numbers], "was shown")

    def assert_finding(self, text, *numbers):
        with self.assertRaisesRegex(chaos.Finding, text):
            self.check(*numbers)

    def test_takes_all_that_was_acknowledged_with_or_without_the_unsure(self):
        self.check(0, 1, 2)
        self.check(0, 1, 2, 3)

    def test_finds_an_acknowledged_message_that_is_lost(self):
        self.assert_finding("acknowledged to ada", 0, 2)

    def test_finds_a_message_that_nobody_killed_and_that_never_arrived(self):
        self.ada.posts.confirmed = {0, 1}
        self.assert_finding("never arrived", 0, 1)

    def test_finds_a_message_twice(self):
        self.assert_finding("more than once", 0, 1, 1, 2)

    def test_finds_messages_out_of_order(self):
        self.assert_finding("out of order", 0, 2, 1)

    def test_finds_a_message_that_was_never_said(self):
        self.assert_finding("never said", 0, 1, 2, 4)

    def test_finds_a_message_shown_twice_by_one_reader(self):
        for number in (0, 1, 1):
            self.bob.hear_tail(told("ada", number))
        self.assertIn("twice", self.world.finding)

    def test_finds_that_a_new_reader_shows_the_past_differently(self):
        self.bob.before = [("ada", 0), ("ada", 1)]
        for number in (0, 2):
            self.bob.hear_tail(told("ada", number))
        self.assertIn("before a kill", self.world.finding)

    def test_finds_a_sender_that_ends_a_message_otherwise(self):
        self.ada.posts.hear(told("ada", 0, "failed"))
        self.assertIn("`moot send` of ada said", self.world.finding)

    def test_the_schedule_comes_from_the_seed(self):
        def draw(seed):
            return chaos.World(2, seed, 1, ("mootd", "moot"), chaos.Count(1)).random.random()

        self.assertEqual(draw(5), draw(5))
        self.assertNotEqual(draw(5), draw(6))

    def test_a_line_is_what_json_makes_of_it(self):
        self.bob.hear_tail(json.loads('{"from":"ada","text":"7 \\u001b[1m \\"x\\"","state":"acked"}'))
        self.assertEqual(self.bob.shown, [("ada", 7)])


class TakesEverything:
    """A connection to a server that answers whatever it is told."""

    def __init__(self, *_):
        self.heard = [b"greeting"]
        self._left = [("SINFO", b"", b"")]

    def put(self, _):
        pass

    def come_in(self):
        return self

    def barrier(self):
        return True

    def next(self):
        return self._left.pop() if self._left else None

    def close(self):
        pass


class ReplaysTest(unittest.TestCase):
    def setUp(self):
        self.replays = chaos_replays.Replays("mootd", pathlib.Path("nowhere"), random.Random(1))
        self.replays.keys["ada"] = None
        line, chaos_replays.Line = chaos_replays.Line, TakesEverything
        self.addCleanup(setattr, chaos_replays, "Line", line)

    def test_finds_a_recording_that_is_answered(self):
        with self.assertRaisesRegex(chaos_replays.Finding, "was answered"):
            self.replays.played(1, b"")

    def test_finds_a_connection_that_goes_on_after_it(self):
        with self.assertRaisesRegex(chaos_replays.Finding, "went on"):
            self.replays.rng.randrange = lambda _: 0
            self.replays.live(1, lambda line: None)


if __name__ == "__main__":
    unittest.main()
