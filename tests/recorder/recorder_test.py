"""Nothing is acknowledged before it is on disk (protocol.md 5.7, 6.1, 6.2).

SIGKILL proves nothing about that: what was written and never synced survives it in the page cache.
So the real mootd runs with recorder.c preloaded, and the order of its writes, syncs and sends is
read back. recorder_test.py MOOTD RECORDER.so
"""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import moot_process  # noqa: E402
import moot_wire  # noqa: E402

MOOTD, RECORDER = sys.argv.pop(1), sys.argv.pop(1)
LOG_FILE = "store.db-wal"  # SQLite's write-ahead log: where a commit is
SLOW_MS = "30"


class Violation(AssertionError):
    pass


def told(lines):
    """Of every line its number, kind and rest, and the frames that it completes when it is a send."""
    streams = {}
    for i, line in enumerate(lines):
        kind, _, rest = line.partition(" ")
        frames = []
        if kind == "P":
            fd, taken = rest.split()
            # Told behind the send it cuts short: the octets that were not taken come again.
            before, last = streams[fd]
            streams[fd] = (before + last[: int(taken)], b"")
        elif kind == "N":
            fd, octets = rest.split()
            before, last = streams.get(fd, (b"", b""))
            _, before = moot_wire.split_frames(before + last)
            streams[fd] = (before, bytes.fromhex(octets))
            frames, _ = moot_wire.split_frames(before + streams[fd][1])
        yield i, kind, rest, frames


def judge(lines, cmd, begin=0):
    """Checks the first frame `cmd` that leaves after line `begin`: something was written to the log
    of the store since then, and all that was ever written to it is synced. The number of writes."""
    unsynced = writes = 0
    for i, kind, rest, frames in told(lines):
        if kind == "W" and rest.endswith("/" + LOG_FILE):
            unsynced += 1
            writes += i >= begin
        elif kind == "S" and rest.endswith("/" + LOG_FILE):
            unsynced = 0
        elif i >= begin and any(name == cmd for name, _, _ in frames):
            if writes == 0:
                raise Violation(f"{cmd} left and nothing had been written")
            if unsynced:
                raise Violation(f"{cmd} left before {unsynced} of {writes} writes were synced")
            return writes
    raise AssertionError(f"no {cmd} left")


def judge_first(lines, cmd, begin):
    """The same where more is written meanwhile: `cmd` leaves behind a sync that came behind the first
    write after `begin`."""
    written = durable = False
    for i, kind, rest, frames in told(lines):
        if i < begin:
            continue
        if kind == "W" and rest.endswith("/" + LOG_FILE):
            written = True
        elif kind == "S" and rest.endswith("/" + LOG_FILE):
            durable = durable or written
        elif any(name == cmd for name, _, _ in frames):
            if not durable:
                raise Violation(f"{cmd} left before what was written first was synced")
            return
    raise AssertionError(f"no {cmd} left")


def burst(lines, cmd, begin):
    """How many `cmd` left after line `begin`, and the syncs of the store's log until the last one."""
    sent, syncs, syncs_until_last = 0, 0, 0
    for i, kind, rest, frames in told(lines):
        if i < begin:
            continue
        if kind == "S" and rest.endswith("/" + LOG_FILE):
            syncs += 1
        elif n := sum(name == cmd for name, _, _ in frames):
            sent += n
            syncs_until_last = syncs
    return sent, syncs_until_last


def sends_with(lines, cmd, begin=0):
    """Of every send after line `begin` that completes frames `cmd`, how many it completes."""
    counts = [sum(name == cmd for name, _, _ in frames)
              for i, _, _, frames in told(lines) if i >= begin]
    return [n for n in counts if n]


class OneSegment:
    """Stands for the socket of a peer: what the peer sends meanwhile leaves in one piece."""

    def __init__(self, peer):
        self.peer, self.octets = peer, b""

    def sendall(self, octets):
        self.octets += octets

    def __enter__(self):
        self.socket, self.peer._socket = self.peer._socket, self

    def __exit__(self, *_):
        self.peer._socket = self.socket
        self.socket.sendall(self.octets)


def late_until(cmd):
    """The environment of a disk that says synced, and is so when the next `cmd` has left: every
    payload names its command, alone and in a BATCH."""
    return {"MOOT_RECORDER_LATE": os.fsdecode(moot_wire.pack(cmd))}


class Recording:
    """A server under the recorder, with accounts ada and bob; bob has a second device."""

    def __init__(self, **env):
        self._dir = tempfile.TemporaryDirectory(prefix="moot-recorder-")
        home = pathlib.Path(self._dir.name)
        self.log_path = home / "recorder.log"
        env = {"LD_PRELOAD": RECORDER, "MOOT_RECORDER_LOG": str(self.log_path), **env}
        self.server = moot_process.Server(
            MOOTD, home / "data",
            ["--http-listen", "off", "--set", "limits.commands_per_s=0"], env)
        self.peers = []

    def __enter__(self):
        try:
            self.server.start()
            self.ada_key = moot_wire.Key.of_file(self.server.admin("user", "add", "ada"))
            self.bob_key = moot_wire.Key.of_file(self.server.admin("user", "add", "bob"))
            self.bob_tablet_key = moot_wire.Key.of_file(
                self.server.admin("key", "add", "bob", "--label", "tablet"))
            self.ada = self.connect(self.ada_key)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.close()
        self.server.__exit__()
        self._dir.cleanup()

    def connect(self, key):
        peer = moot_wire.Peer(key)
        self.peers.append(peer)
        peer.barrier()
        return peer

    def lines(self):
        return self.log_path.read_text().splitlines()

    def mark(self):
        """The end of the log, when nothing is left to do."""
        self.ada.barrier()
        return len(self.lines())

    def channel(self, keeper):
        """A channel of ada's, on disk."""
        channel = moot_wire.new_ulid()
        self.ada.send("CH_CREATE", id=channel, name="log", keeper=keeper, visibility="public",
                      history="all")
        self.ada.barrier()
        return channel

    # What STORIES are about, each from a mark on: where it begins.

    def message_to_somebody_away(self):
        begin = self.mark()
        self.ada.send("PV_MSG", to="bob", msg_id=moot_wire.new_ulid(),
                      msg=moot_wire.text_content("until you are back"))
        self.ada.barrier()
        return begin

    def enrolment(self):
        newcomer = self.connect(moot_wire.Key.of_link(self.server.invite()))
        begin = self.mark()
        newcomer.send("ENROL", id="cyd")
        newcomer.wait_for("ENROLLED", id="cyd")
        return begin

    def message_that_another_device_has_to_get(self):
        bob = self.connect(self.bob_key)
        begin = self.mark()
        msg_id = moot_wire.new_ulid()
        self.ada.send("PV_MSG", to="bob", msg_id=msg_id, msg=moot_wire.text_content("here?"))
        bob.wait_for("MSG", msg_id=msg_id)
        bob.send("ACK_MSG", **{"from": "ada", "msg_id": msg_id})
        self.ada.wait_for("MSG_ACK", msg_id=msg_id)
        return begin

    def message_in_a_kept_channel(self):
        channel = self.channel("server")
        begin = self.mark()
        msg_id = moot_wire.new_ulid()
        self.ada.send("CH_MSG", id=channel, msg_id=msg_id, msg=moot_wire.text_content("for all"))
        self.ada.wait_for("CH_MSG", msg_id=msg_id, committed=True)
        return begin

    def messages_in_a_kept_channel(self, n):
        channel = self.channel("server")
        begin = self.mark()
        for i in range(n):
            self.ada.send("CH_MSG", id=channel, msg_id=moot_wire.new_ulid(),
                          msg=moot_wire.text_content(f"one of many, {i}"))
        for _ in range(n):
            self.ada.wait_for("CH_MSG", id=channel, committed=True)
        return begin

    def somebody_who_joins(self):
        channel = self.channel("members")
        bob = self.connect(self.bob_key)
        begin = self.mark()
        bob.send("CH_JOIN", id=channel)
        self.ada.wait_for("CH_UJOIN", channel=channel, user="bob")
        return begin

    def start_with_a_channel(self):
        """The epoch is in `self.epoch`, as the first CH_STATUS after the start tells it."""
        channel = self.channel("members")
        before = self.ada.wait_for("CH_STATUS", id=channel)["election"] >> 20
        self.server.kill()
        begin = len(self.lines())
        self.server.start()
        self.ada = self.connect(self.ada_key)
        self.epoch = self.ada.wait_for("CH_STATUS", id=channel)["election"] >> 20
        assert self.epoch > before, (self.epoch, before)
        return begin


# A method of Recording, and the frame that acknowledges.
STORIES = {"message_to_somebody_away": "SINFO", "enrolment": "ENROLLED",
           "message_that_another_device_has_to_get": "MSG_ACK",
           "message_in_a_kept_channel": "CH_MSG", "somebody_who_joins": "CH_UJOIN",
           "start_with_a_channel": "CH_STATUS"}
# Who connects after the start makes the server write as well, and who acknowledges lets his copy go.
MORE_IS_WRITTEN = {"start_with_a_channel", "message_that_another_device_has_to_get"}
BURST = 200


class RecorderTest(unittest.TestCase):
    def check(self, story, **env):
        with Recording(**env) as recording:
            begin = getattr(recording, story)()
            how = judge_first if story in MORE_IS_WRITTEN else judge
            return how(recording.lines(), STORIES[story], begin)

    def test_the_barrier_behind_a_message_to_somebody_away_waits_for_the_disk(self):
        self.check("message_to_somebody_away")

    def test_a_new_key_leaves_when_the_account_is_on_disk(self):
        self.check("enrolment")

    def test_a_message_is_confirmed_when_the_copy_for_another_device_is_on_disk(self):
        self.check("message_that_another_device_has_to_get")

    def test_a_message_of_a_kept_channel_is_told_when_it_is_on_disk(self):
        self.check("message_in_a_kept_channel")

    def test_who_joins_is_told_of_when_that_is_on_disk(self):
        self.check("somebody_who_joins")

    def test_the_epoch_of_a_start_is_on_disk_before_a_status_tells_it(self):
        with Recording() as recording:
            begin = recording.start_with_a_channel()
            judge_first(recording.lines(), "CH_STATUS", begin)
            recording.server.kill()
            store = recording.server.data_dir / "store.db"
            with contextlib.closing(sqlite3.connect(store)) as db:
                kept = [e for e, in db.execute("SELECT epoch FROM channel WHERE name = 'log'")]
            self.assertEqual(kept, [recording.epoch])

    def test_many_messages_of_a_kept_channel_share_a_sync(self):
        with Recording(MOOT_RECORDER_SLOW_MS=SLOW_MS) as recording:
            begin = recording.messages_in_a_kept_channel(BURST)
            lines = recording.lines()
        judge_first(lines, "CH_MSG", begin)
        sent, syncs = burst(lines, "CH_MSG", begin)
        self.assertEqual(sent, BURST)
        self.assertLess(syncs, BURST // 2)
        self.assertGreater(syncs, 0)

    def test_a_sync_for_each_message_is_counted_as_one(self):
        sent = f"N 7 {moot_wire.frame('CH_MSG', bytes([0x80]), b'k').hex()}"
        each = ["W 0 4096 /d/store.db-wal", "S /d/store.db-wal", sent]
        self.assertEqual(burst(each * 5, "CH_MSG", 0), (5, 5))
        self.assertEqual(burst(each * 5, "CH_MSG", 3), (4, 4))
        self.assertEqual(burst([*each[:2], sent, sent, sent, "S /d/store.db-wal"], "CH_MSG", 0), (3, 1))

    def test_a_slow_disk_changes_none_of_it(self):
        for story in STORIES:
            with self.subTest(story):
                self.check(story, MOOT_RECORDER_SLOW_MS=SLOW_MS)

    def test_what_a_turn_has_for_a_connection_leaves_in_one_write(self):
        with Recording() as recording:
            ada, bob = recording.ada, recording.connect(recording.bob_key)
            begin = recording.mark()
            ids = [moot_wire.new_ulid() for _ in range(5)]
            with OneSegment(ada):
                for msg_id in ids:
                    ada.send("PV_MSG", to="bob", msg_id=msg_id, msg=moot_wire.text_content("one"))
                answers = [ada.send("INFO") for _ in range(4)]
            for msg_id in ids:
                bob.wait_for("MSG", msg_id=msg_id)
            for nonce in answers:
                ada.wait_for("SINFO", ref=nonce)
            lines = recording.lines()
        # Neither said `batch`, so every command is a frame of its own.
        self.assertEqual(sends_with(lines, "MSG", begin), [len(ids)])
        self.assertEqual(sends_with(lines, "SINFO", begin), [len(answers)])

    # That the test can fail: syncs that come too late are found, in the recording and in a story.

    def test_finds_a_disk_that_says_synced_before_it_is(self):
        for story, cmd in STORIES.items():
            with self.subTest(story), self.assertRaisesRegex(Violation, "before .* synced"):
                self.check(story, **late_until(cmd))

    def test_finds_a_swapped_pair_and_a_missing_write(self):
        sent = moot_wire.frame("ENROLLED", b"\x80", b"k").hex()
        write, sync, send = "W 0 4096 /d/store.db-wal", "S /d/store.db-wal", f"N 7 {sent}"
        self.assertEqual(judge([write, sync, send], "ENROLLED"), 1)
        for lines, begin in (([write, send, sync], 0), ([write, sync, write, send, sync], 0),
                             ([write, "S /d/store.db", send, sync], 0), ([send, write, sync], 0),
                             ([write, sync, send], 2)):
            with self.assertRaises(Violation):
                judge(lines, "ENROLLED", begin)
        judge_first([write, sync, write, send], "ENROLLED", 0)
        for lines, begin in (([write, send, sync], 0), ([sync, write, send], 0),
                             ([write, sync, send], 1), ([write, "S /d/store.db", send, sync], 0)):
            with self.assertRaises(Violation):
                judge_first(lines, "ENROLLED", begin)

    def test_finds_frames_of_a_turn_that_leave_apart(self):
        one = moot_wire.frame("MSG", b"\x80", b"k")
        self.assertEqual(sends_with([f"N 7 {(one + one).hex()}"], "MSG"), [2])
        self.assertEqual(sends_with([f"N 7 {one.hex()}", f"N 7 {one.hex()}"], "MSG"), [1, 1])

    def record(self, steps, **env):
        """What a program told that has a file f and a socket c: the lines, with FILE for its path."""
        program = ("import os, socket, sys\n"
                   "a, b = socket.socketpair()\n"
                   "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n"
                   "f = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\n" + steps)
        with tempfile.TemporaryDirectory() as place:
            log, file = pathlib.Path(place) / "log", pathlib.Path(place) / "file"
            subprocess.run([sys.executable, "-c", program, file], check=True, timeout=60,
                           env={"LD_PRELOAD": RECORDER, "MOOT_RECORDER_LOG": str(log), **env})
            return [line.replace(str(file), "FILE") for line in log.read_text().splitlines()
                    if line.endswith(str(file)) or line.startswith("N ")]

    def test_a_program_that_writes_syncs_and_sends_is_recorded_in_that_order(self):
        kept = self.record("os.pwrite(f, b'one', 5); os.fdatasync(f); c.send(b'two')\n"
                           "a.send(b'three'); os.write(f, b'four'); os.fsync(f)\n")
        self.assertEqual([k.split()[0] for k in kept], ["W", "S", "N", "W", "S"])
        self.assertEqual(kept[0], "W 5 3 FILE")
        self.assertEqual(kept[2].split()[2], b"two".hex())

    def test_a_late_sync_comes_behind_the_send_it_is_late_for(self):
        one, other = moot_wire.pack("CH_MSG"), moot_wire.pack("ACK_CH_MSG")
        kept = self.record("os.pwrite(f, b'one', 0); os.fdatasync(f); os.pwrite(f, b'two', 3)\n"
                           f"os.fsync(f); c.send({other!r}); c.sendmsg([b'a', {one!r}])\n"
                           f"c.send({one!r}); os.write(f, b'three'); os.fsync(f)\n",
                           **late_until("CH_MSG"))
        self.assertEqual([k.split()[0] for k in kept], ["W", "W", "N", "N", "S", "N", "W"])
        self.assertEqual(kept[4], "S FILE")


if __name__ == "__main__":
    unittest.main()
