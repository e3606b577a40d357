#!/usr/bin/env python3
"""A channel kept by its members, as real processes, killed at random points; then calm.

N members write into one member-kept channel, each with a `moot replica` and a `moot send` on a
home of its own. For some time members and the server are killed with SIGKILL, often several at
once, often the leader, and started again a little later. Then everybody stays, and it is checked:

- every message that anybody was told is committed is in the history of every member,
- the histories are equal, message for message, and `moot verify` says so on every member,
- nothing stands in a history twice, and nothing that was never said,
- what was said and not confirmed before a kill is committed as well, or was never on a disk.

The schedule of the kills comes from the seed; what the machine makes of it is its own affair.
"""

import argparse
import collections
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import moot_process  # noqa: E402
from chaos_home import Finding, words  # noqa: E402
from chaos_member import Member, judged  # noqa: E402

CHANNEL = "chaos"
PATIENCE_S = 180  # without any progress
CALM_S = 600  # for everything to become equal
OPTIONS = ["--set", "limits.commands_per_s=0", "--set", "channels.lobby=false"]


class World:
    def __init__(self, options):
        self.options = options
        self.mootd, self.moot = options.bin / "mootd", options.bin / "moot"
        self.random = random.Random(options.seed)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="moot-chaos-channel-"))
        self.changed = threading.Condition()
        self.progress = 0
        self.finding = None
        self.leader = {}
        self.heard = collections.Counter()
        self.killed = collections.Counter()
        self.server = moot_process.Server(self.mootd, self.dir / "data", OPTIONS)
        self.members = [Member(self, f"m{i:02}", CHANNEL) for i in range(options.members)]

    def found(self, what):
        self.finding = self.finding or what

    def begin(self):
        self.server.start()
        for member in self.members:
            subprocess.run(member.moot("join", self.server.invite(), "--as", member.name),
                           check=True, capture_output=True, timeout=PATIENCE_S)
        first, *others = self.members
        first.ask("create", CHANNEL, "--keeper", "members")
        for member in others:
            member.ask("enter", CHANNEL)
        for member in self.members:
            member.start()
        for member in self.members:
            member.posts.say(["first"])
        self.wait("the first messages to be committed",
                  lambda: all(not m.posts.waiting() for m in self.members))

    def wait(self, what, done):
        with self.changed:
            seen, since = -1, time.monotonic()
            while not done():
                if self.finding:
                    raise Finding(self.finding)
                if self.progress != seen:
                    seen, since = self.progress, time.monotonic()
                if time.monotonic() - since > PATIENCE_S:
                    raise Finding(f"nothing moved for {PATIENCE_S} s, waiting for {what}")
                self.changed.wait(0.1)

    def storm(self):
        """Kills and starts until the time is over."""
        r = self.random
        end = time.monotonic() + self.options.seconds
        server_back = 0.0
        told = time.monotonic()
        while time.monotonic() < end:
            if self.finding:
                raise Finding(self.finding)
            now = time.monotonic()
            for member in self.members:
                if not member.running() and now >= member.back_at:
                    member.start()
                elif member.running():
                    member.check_running()
            if self.server.process is None and now >= server_back:
                self.server.start()
            for member in r.sample(self.members, 2):
                if member.running() and len(member.posts.waiting()) < 100:
                    member.posts.say([words(r) for _ in range(r.randint(1, 8))])
            if r.random() < 0.25:
                self.strike(now)
                if self.server.process is not None and r.random() < 0.15:
                    self.server.kill()
                    self.killed["server"] += 1
                    server_back = now + r.choice((0, 0.5, 2))
            if now - told > 30:
                told = now
                print(f"  {int(end - now)} s left, {sum(self.killed.values())} kills, "
                      f"{sum(len(m.posts.confirmed) for m in self.members)} committed", flush=True)
            time.sleep(0.2)  # the pace of the storm; nothing is concluded from it

    def strike(self, now):
        """One to three members, the leader among them as often as not."""
        r = self.random
        up = [m for m in self.members if m.running()]
        victims = r.sample(up, min(len(up), r.choice((1, 1, 1, 2, 3))))
        leading = next((m for m in up if m.name == self.leader.get(CHANNEL)), None)
        if leading is not None and r.random() < 0.5 and leading not in victims:
            victims[:1] = [leading]
        for victim in victims:
            victim.kill()
            self.killed["leader" if victim is leading else "member"] += 1
            victim.back_at = now + r.choice((0, 0, 0.5, 2, 6))

    def calm(self):
        if self.server.process is None:
            self.server.start()
        for member in self.members:
            if not member.running():
                member.start()
        for member in self.members:
            member.posts.say(["calm"])
        self.wait("everything that was said since the last kills to be committed",
                  lambda: all(not m.posts.waiting() for m in self.members))

    def run(self):
        try:
            self.begin()
            self.storm()
            self.calm()
            count, fingerprint = judged(self.members, CALM_S)
        except (Finding, AssertionError, subprocess.SubprocessError, OSError) as error:
            parts = [str(error), f"kept: {self.dir}", "mootd:", self.server.log(8)]
            if isinstance(error, subprocess.CalledProcessError):
                parts.append(str(error.stderr))
            for member in self.members:
                parts += [member.name + ":", *member.last_words()]
            raise Finding("\n  ".join(parts)) from error
        finally:
            for member in self.members:
                member.kill()
                member.log.close()
            self.server.close()
        shutil.rmtree(self.dir)
        return count, fingerprint


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=600, help="of kills, before the calm")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    options = parser.parse_args()
    for program in (options.bin / "mootd", options.bin / "moot"):
        if not program.is_file():
            parser.error(f"there is no {program}; ./dev build makes it")
    if options.members < 4:
        parser.error("with fewer than four members a kill leaves nobody to talk to")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print(f"chaos: a channel of {options.members} members, {options.seconds} s of kills, seed "
          f"{options.seed}", flush=True)
    world = World(options)
    try:
        count, fingerprint = world.run()
    except Finding as finding:
        print(f"FINDING {finding}")
        return 1
    print("  killed: " + ", ".join(f"{what} {n}" for what, n in world.killed.most_common()))
    told = sum(len(m.posts.confirmed) for m in world.members)
    print(f"  {told} messages told as committed: lost 0, twice 0; {count} in each of "
          f"{options.members} equal histories, fingerprint {fingerprint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
