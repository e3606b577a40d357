"""A member acknowledges and sends what is on its disk, and nothing before (replication.md 2.6).

The real moot keeps its copy of a channel with recorder.c preloaded, between two members without it.
member_test.py MOOTD MOOT RECORDER.so
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import moot_process  # noqa: E402
import moot_wire  # noqa: E402

MOOTD, MOOT, RECORDER = sys.argv[1:4]
sys.argv[1:4] = [MOOTD, RECORDER]  # recorder_test takes its own from there
sys.path.insert(0, str(HERE))
from recorder_test import LOG_FILE, SLOW_MS, Violation, late_until, told  # noqa: E402

PATIENCE = 60
CHANNEL = "log"
BURST = 60
TEXT = "these words lie in the store"


def count(cmd, frames):
    """How many commands `cmd` are in the frames, alone or as elements of a BATCH."""
    return sum(payload.count(moot_wire.pack(cmd)) if name == "BATCH" else name == cmd
               for name, _, payload in frames)


def judge(lines, cmd, begin):
    """The first `cmd` after line `begin` leaves behind a sync of the log that came behind the write
    of what it is about. What else the store writes meanwhile does not matter."""
    written = durable = False
    for i, kind, rest, frames in told(lines):
        if kind == "M" and i >= begin:
            written = True
        elif kind == "S" and rest.endswith("/" + LOG_FILE):
            durable = durable or written
        elif i >= begin and count(cmd, frames):
            if not written:
                raise Violation(f"{cmd} left and nothing had been written")
            if not durable:
                raise Violation(f"{cmd} left before what it is about was synced")
            return
    raise AssertionError(f"no {cmd} left")


def bursts(lines, cmd, begin):
    """Of every send after `begin` with commands `cmd`, how many; and the syncs of the store's log
    until the last of them."""
    counts, syncs, syncs_until_last = [], 0, 0
    for i, kind, rest, frames in told(lines):
        if kind == "S" and rest.endswith("/" + LOG_FILE):
            syncs += i >= begin
        elif i >= begin and count(cmd, frames):
            counts.append(count(cmd, frames))
            syncs_until_last = syncs
    return counts, syncs_until_last


class Member:
    def __init__(self, directory, server, name, env=None):
        self.home, self.env = directory / name, {**os.environ, **(env or {})}
        self.home.mkdir(mode=0o700)
        key = self.home / "key.toml"
        key.touch(mode=0o600)
        key.write_text(server.admin("user", "add", name))
        self.process = None

    def run(self, *args, stdin=""):
        done = subprocess.run([MOOT, "--home", str(self.home), *args], input=stdin, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{args}: {done.stderr}")
        return done.stdout

    def keep_copy(self):
        self.process = subprocess.Popen(
            [MOOT, "--home", str(self.home), "replica", CHANNEL, "--json"], env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, fits):
        """Until it prints an object that fits; patience is the timeout of CTest."""
        for line in self.process.stdout:
            if fits(json.loads(line)):
                return
        raise AssertionError(f"it ended: {self.process.stderr.read()}")

    def wait_for_commits(self, n):
        """Until so many messages have become committed here."""
        self.wait_for(lambda told: told.get("what") == "commits" and told["since_start"] >= n)

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=PATIENCE)


class Channel:
    """Three members on line, one of them ada, who is recorded."""

    def __init__(self, **env):
        self._dir = tempfile.TemporaryDirectory(prefix="moot-recorder-")
        self._place = pathlib.Path(self._dir.name)
        self._log = self._place / "recorder.log"
        self._env = {"LD_PRELOAD": RECORDER, "MOOT_RECORDER_LOG": str(self._log),
                     "MOOT_RECORDER_MARK": TEXT, **env}
        self._server = moot_process.Server(
            MOOTD, self._place / "data",
            ["--http-listen", "off", "--set", "limits.commands_per_s=0"])
        self.members = []

    def __enter__(self):
        try:
            self._server.start()
            for name, env in (("ada", self._env), ("bob", {}), ("cyd", {})):
                self.members.append(Member(self._place, self._server, name, env))
            self.ada, self.bob, _ = self.members
            self.bob.run("create", CHANNEL, "--keeper", "members")
            for member in self.members:
                if member is not self.bob:
                    member.run("enter", CHANNEL)
            for member in self.members:
                member.keep_copy()
            self.ada.wait_for(lambda told: told.get("leader") is not None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.close()
        self._server.__exit__()
        self._dir.cleanup()

    def lines(self):
        return self._log.read_text().splitlines()

    # What STORIES are about, each from a mark on: where it begins.

    def somebody_elses_message(self):
        begin = len(self.lines())
        self.bob.run("send", f"#{CHANNEL}", TEXT)
        return begin

    def own_message(self):
        begin = len(self.lines())
        self.ada.run("send", f"#{CHANNEL}", TEXT)
        return begin

    def lines_after(self, commits):
        """The lines, when so many messages are committed and ada has sent all she has to for them.
        Two others can commit what she is still writing down: a message of her own leaves behind."""
        self.ada.wait_for_commits(commits)
        self.ada.run("send", f"#{CHANNEL}", "and that was that")
        self.ada.wait_for_commits(commits + 1)
        return self.lines()

    def story_told(self, story):
        """The lines until what the story is about has left."""
        begin = getattr(self, story)()
        return self.lines_after(1), STORIES[story], begin


# A method of Channel, and the frame that leaves ada.
STORIES = {"somebody_elses_message": "ACK_CH_MSG", "own_message": "CH_MSG"}


class MemberTest(unittest.TestCase):
    def check(self, story, **env):
        with Channel(**env) as channel:
            judge(*channel.story_told(story))

    def test_a_message_is_acknowledged_when_it_is_on_disk(self):
        self.check("somebody_elses_message")

    def test_an_own_message_leaves_when_it_is_on_disk(self):
        self.check("own_message")

    def test_a_slow_disk_changes_none_of_it(self):
        for story in STORIES:
            with self.subTest(story):
                self.check(story, MOOT_RECORDER_SLOW_MS=SLOW_MS)

    def test_finds_a_disk_that_says_synced_before_it_is(self):
        for story, cmd in STORIES.items():
            with self.subTest(story), self.assertRaisesRegex(Violation, "before .* synced"):
                self.check(story, **late_until(cmd))

    def test_finds_a_swapped_pair_and_a_missing_write(self):
        write, sync = "M /d/store.db-wal", "S /d/store.db-wal"
        alone = moot_wire.frame("CH_MSG", b"\x80", b"k").hex()
        batch = moot_wire.frame("BATCH", moot_wire.pack([{"cmd": "CH_MSG"}]), b"k").hex()
        for send in (f"N 7 {alone}", f"N 7 {batch}"):
            judge([write, sync, send], "CH_MSG", 0)
            for lines, begin in (([write, send, sync], 0), ([sync, write, send, sync], 0),
                                 ([write, "S /d/store.db", send], 0), ([send, write, sync], 0),
                                 ([write, sync, send], 1)):
                with self.assertRaises(Violation):
                    judge(lines, "CH_MSG", begin)

    def test_acknowledgements_of_one_commit_leave_together(self):
        with Channel(MOOT_RECORDER_SLOW_MS=SLOW_MS) as channel:
            begin = len(channel.lines())
            texts = "\n".join(f"line {i}" for i in range(BURST))
            channel.bob.run("send", f"#{CHANNEL}", "-", stdin=texts)
            sends, syncs = bursts(channel.lines_after(BURST), "ACK_CH_MSG", begin)
        self.assertGreaterEqual(sum(sends), BURST)
        self.assertLessEqual(len(sends), syncs)
        self.assertGreater(max(sends), 1)


if __name__ == "__main__":
    unittest.main()
