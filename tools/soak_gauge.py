"""What a server holds, in memory and descriptors, at times of equal load; and whether that is flat."""

import pathlib
import re
import statistics
import time

# Two page caches of SQLite, 2 MiB each, fill as the store grows; and so much for the allocator's moods
# and for what a server remembers for ten minutes: 100 octets for each of 15 messages a second.
ROOM_KIB = 2 * 2048
ROOM_SHARE = 0.06
# Of what is opened in passing.
ROOM_FDS = 4
READINGS = 3


class Sample:
    def __init__(self, at_s, age_s, kib, fds):
        self.at_s, self.age_s, self.kib, self.fds = at_s, age_s, kib, fds

    def told(self):
        return {"at_s": round(self.at_s), "age_s": round(self.age_s), "pss_kib": self.kib,
                "descriptors": self.fds}


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1])


def descriptors(pid):
    return sum(1 for _ in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def take(pid, at_s, age_s):
    """The least of some readings: a file that is open in passing is no leak."""
    kib, fds = [], []
    for i in range(READINGS):
        if i:
            time.sleep(0.5)
        kib.append(pss_kib(pid))
        fds.append(descriptors(pid))
    return Sample(at_s, age_s, min(kib), min(fds))


def room_kib(first):
    return ROOM_KIB + round(first * ROOM_SHARE)


class Series:
    """Samples that can be compared: the early ones with the late ones."""

    def __init__(self, name):
        self.name = name
        self.early, self.late = [], []

    def findings(self):
        if not self.early or not self.late:
            return [f"{self.name}: {len(self.early)} early and {len(self.late)} late samples are too "
                    "few to say anything"]
        found = []
        first, last = (statistics.median(s.kib for s in half) for half in (self.early, self.late))
        if last - first > room_kib(first):
            found.append(f"{self.name}: memory grew from {first:.0f} KiB to {last:.0f}, more than the "
                         f"{room_kib(first)} KiB that it may")
        first, last = (statistics.median(s.fds for s in half) for half in (self.early, self.late))
        if abs(last - first) > ROOM_FDS:
            found.append(f"{self.name}: descriptors went from {first:.0f} to {last:.0f}")
        return found

    def line(self):
        def of(half):
            return (f"{statistics.median(s.kib for s in half) / 1024:.1f} MiB and "
                    f"{statistics.median(s.fds for s in half):.0f} descriptors ({len(half)} samples)")

        if not self.early or not self.late:
            return f"{self.name}: no samples"
        room = room_kib(statistics.median(s.kib for s in self.early)) / 1024
        return (f"{self.name}: {of(self.early)} early, {of(self.late)} late; room {room:.1f} MiB, "
                f"{ROOM_FDS} descriptors")

    def told(self):
        return {"early": [s.told() for s in self.early], "late": [s.told() for s in self.late]}
