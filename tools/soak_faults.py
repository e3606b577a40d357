"""What a soak does to its server: kills, a disk that is full or does not sync, a clock that jumps; and
the service manager that starts it again."""

import mmap
import random
import struct
import time

READY_S = 120  # for a start
ENDS_S = 30  # for a server whose disk failed, to say goodbye and end
RESTART_S = 1.0  # between two starts, while the disk is full


class Trouble(Exception):
    """The server does what it must not."""


class Disk:
    """Plays the disk that tests/chaos/disk.c puts under the server."""

    def __init__(self, place, library, data_dir):
        path = place / "disk.control"
        path.write_bytes(bytes(40))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 40)
        self.library = library
        self.env = {"MOOT_DISK_CONTROL": str(path), "MOOT_DISK_DIR": str(data_dir)}

    def _put(self, place, value):
        struct.pack_into("@Q", self._map, 8 * place, value)

    def _get(self, place):
        return struct.unpack_from("@Q", self._map, 8 * place)[0]

    def fill(self, room):
        self._put(1, room)
        self._put(0, 1)

    def fail_syncs(self, n):
        self._put(2, n)

    def mend(self):
        self._put(0, 0)
        self._put(2, 0)

    def close(self):
        self._map.close()

    def failed(self):
        """Writes refused and syncs failed, ever."""
        return self._get(3) + self._get(4)


class Clock:
    """Plays the clock that tests/process/clock.c puts under the server."""

    def __init__(self, place, library):
        self._path = place / "clock.offset"
        self.library = library
        self.env = {"MOOT_CLOCK_OFFSET": str(self._path)}
        self.offset = 0
        self.furthest = 0  # ahead, ever
        self.move(0)

    def move(self, seconds):
        new = self._path.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._path)
        self.offset = seconds
        self.furthest = max(self.furthest, seconds)


class Service:
    """Starts the server again as a service manager does, and says how it ended."""

    def __init__(self, server, disk):
        self.server, self.disk = server, disk
        self.starts = 0
        self.refused_starts = 0
        self.ready_at = 0.0

    def try_start(self):
        """Whether it is ready. While the disk fails it may end with exit 1, and in no other way."""
        before = self.disk.failed()
        try:
            self.server.start(READY_S)
        except AssertionError as error:
            code = self.server.process.returncode
            self.server.process.stdout.close()
            self.server.process = None
            if code != 1 or self.disk.failed() == before:
                raise Trouble(str(error)) from error
            self.refused_starts += 1
            return False
        self.starts += 1
        self.ready_at = time.monotonic()
        return True

    def start(self):
        end = time.monotonic() + READY_S
        while not self.try_start():
            if time.monotonic() > end:
                raise Trouble(f"mootd does not start again within {READY_S} s")
            time.sleep(RESTART_S)

    def kill(self):
        self.server.kill()

    def alive(self):
        return self.server.process is not None and self.server.process.poll() is None

    def check_alive(self):
        if not self.alive():
            raise Trouble(f"mootd ended by itself with {self.server.process.returncode}:\n"
                          f"{self.server.log(20)}")

    def has_ended(self):
        """After a failure of the disk: with exit 1, and it said why."""
        if self.server.process is None:
            return True
        if self.alive():
            return False
        code = self.server.process.returncode
        log = self.server.log_since_start(100)
        if code != 1 or "store.failed" not in log:
            raise Trouble(f"its disk failed and mootd ended with {code}:\n{log}")
        self.server.process.stdout.close()
        self.server.process = None
        return True

    def through_failure(self, begin, hold_s, watch):
        """`begin()` makes the disk fail, for `hold_s` at most; then it is mended, and the server, which
        has to have ended if the disk failed it, started. Whether it did fail it."""
        met = False
        before = self.disk.failed()
        begin()
        end = time.monotonic() + hold_s
        while time.monotonic() < end:
            watch()
            if self.has_ended():
                met = True
                before = self.disk.failed()
                if not self.try_start():
                    time.sleep(min(RESTART_S, max(0.0, end - time.monotonic())))
                    continue
            time.sleep(0.05)
        self.disk.mend()
        failed = self.disk.failed() > before
        if failed and self.server.process is not None:
            end = time.monotonic() + ENDS_S
            while not self.has_ended():
                if time.monotonic() > end:
                    raise Trouble("a write or a sync failed, and mootd goes on as if nothing were")
                time.sleep(0.05)
        if self.has_ended():
            met = True
            self.start()
        return met


KINDS = ("kill", "kill", "kill", "full", "full", "sync", "sync", "clock", "clock", "members",
         "members", "members")
DEADLY = frozenset(("kill", "full", "sync"))


class Weather:
    """Which fault comes next, and how it is; from the seed alone."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self._bag = []

    def next(self, kinds=KINDS):
        """All of them in any order, then all of them again."""
        self._bag = [k for k in self._bag if k in kinds]
        if not self._bag:
            self._bag = list(kinds)
            self.random.shuffle(self._bag)
        return self._bag.pop()

    def jump(self):
        """Seconds: within what a session bears, past it, or back past what a CNN bears; and how long.
        None forward past that: a message that was made meanwhile and perhaps taken keeps its id, and
        is late by as much as the clock was ahead (protocol.md 6.3)."""
        seconds = self.random.choice((self.random.randint(1, 250), self.random.randint(310, 800),
                                      -self.random.randint(1, 250), -self.random.randint(310, 800),
                                      -3600))
        return seconds, self.random.uniform(3, 12)
