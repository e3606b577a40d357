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
import json
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

CHANNEL = "chaos"
PATIENCE_S = 180  # without any progress
CALM_S = 600  # for everything to become equal
OPTIONS = ["--set", "limits.commands_per_s=0", "--set", "channels.lobby=false"]


class Finding(Exception):
    """Something that must not be."""


class Member:
    """A home, and the processes that work in it."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.home = world.dir / name
        self.told = 0  # handed to `moot send`, ever
        self.unsure = set()  # of these: the process that had it died before it said committed
        self.here = set()  # handed to the `moot send` of now
        self.committed = set()
        self.replica = self.send = None
        self.back_at = 0.0
        self.log = open(world.dir / f"{name}.log", "w+b")

    def moot(self, *args):
        return [str(self.world.moot), "--home", str(self.home), *args]

    def ask(self, *args, check=True):
        return subprocess.run(self.moot(*args), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=CALM_S, check=check)

    def start(self):
        self.replica = subprocess.Popen(self.moot("replica", CHANNEL, "--json"),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log)
        self.unsure |= self.here - self.committed
        self.here = set()
        self.send = subprocess.Popen(
            self.moot("send", "#" + CHANNEL, "-", "--wait", "committed", "--timeout",
                      f"{4 * CALM_S}s", "--json"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        for process, hear in ((self.replica, self.hear_replica), (self.send, self.hear_send)):
            threading.Thread(target=self.listen, args=(process, hear), daemon=True).start()

    def listen(self, process, hear):
        for line in process.stdout:
            if not line.endswith(b"\n"):
                break  # cut by the kill
            with self.world.changed:
                try:
                    hear(json.loads(line))
                except (ValueError, KeyError) as error:
                    self.world.finding = self.world.finding or f"{self.name} said {line!r}: {error}"
                self.world.progress += 1
                self.world.changed.notify_all()

    def hear_replica(self, line):
        self.world.heard[line["what"]] += 1
        if line["what"] == "leader" and line.get("leader"):
            self.world.leader = line["leader"]

    def hear_send(self, post):
        if post["state"] != "committed":
            self.world.finding = self.world.finding or f"`moot send` of {self.name} said {post}"
        self.committed.add(int(post["text"].split()[0]))

    def say(self, count):
        lines = b""
        for _ in range(count):
            self.here.add(self.told)
            lines += f"{self.told} {self.world.words()}\n".encode()
            self.told += 1
        try:
            self.send.stdin.write(lines)
            self.send.stdin.flush()
        except (BrokenPipeError, OSError):
            pass

    def kill(self):
        for process in (self.replica, self.send):
            if process is not None and process.poll() is None:
                process.kill()
        for process in (self.replica, self.send):
            if process is not None:
                process.wait()
        self.replica = self.send = None

    def running(self):
        return self.replica is not None

    def last_words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace").splitlines()[-6:]


class World:
    def __init__(self, options):
        self.options = options
        self.mootd, self.moot = options.bin / "mootd", options.bin / "moot"
        self.random = random.Random(options.seed)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="moot-chaos-channel-"))
        self.changed = threading.Condition()
        self.progress = 0
        self.finding = None
        self.leader = None
        self.heard = collections.Counter()
        self.killed = collections.Counter()
        self.server = moot_process.Server(self.mootd, self.dir / "data", OPTIONS)
        self.members = [Member(self, f"m{i:02}") for i in range(options.members)]

    def words(self):
        length = 2000 if self.random.random() < 0.02 else self.random.randint(0, 100)
        return "".join(self.random.choices("abcdefghij äöü€🌳", k=length)).strip() + "."

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
            member.say(1)
        self.wait("the first messages to be committed",
                  lambda: all(m.here <= m.committed for m in self.members))

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
                elif member.running() and member.send.poll() is not None:
                    raise Finding(f"`moot send` of {member.name} ended with {member.send.poll()}")
                elif member.running() and member.replica.poll() is not None:
                    raise Finding(f"`moot replica` of {member.name} ended with {member.replica.poll()}")
            if self.server.process is None and now >= server_back:
                self.server.start()
            for member in r.sample(self.members, 2):
                if member.running() and len(member.here - member.committed) < 100:
                    member.say(r.randint(1, 8))
            if r.random() < 0.25:
                self.strike(now)
                if self.server.process is not None and r.random() < 0.15:
                    self.server.kill()
                    self.killed["server"] += 1
                    server_back = now + r.choice((0, 0.5, 2))
            if now - told > 30:
                told = now
                print(f"  {int(end - now)} s left, {sum(self.killed.values())} kills, "
                      f"{sum(len(m.committed) for m in self.members)} committed", flush=True)
            time.sleep(0.2)  # the pace of the storm; nothing is concluded from it

    def strike(self, now):
        """One to three members, the leader among them as often as not."""
        r = self.random
        up = [m for m in self.members if m.running()]
        victims = r.sample(up, min(len(up), r.choice((1, 1, 1, 2, 3))))
        leading = next((m for m in up if m.name == self.leader), None)
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
            member.say(1)
        self.wait("everything that was said since the last kills to be committed",
                  lambda: all(m.here <= m.committed for m in self.members))

    def history(self, member):
        done = member.ask("history", CHANNEL, "--json")
        return [(m["id"], m["from"], int(m["text"].split()[0]))
                for m in map(json.loads, done.stdout.splitlines())]

    def check(self):
        end = time.monotonic() + CALM_S
        while True:
            stands = [m.ask("status", "--json").stdout for m in self.members]
            verified = [m.ask("verify", CHANNEL, "--json", check=False) for m in self.members]
            states = {v.stdout.strip() for v in verified}
            prints = {json.loads(s)["fingerprint"] for s in states if s}
            equal = all(v.returncode == 0 for v in verified) and len(prints) == 1
            over = time.monotonic() > end
            if equal and (over or all(json.loads(s)["outbox"] == 0 for s in stands)):
                break
            if over:
                raise Finding("the histories do not become equal: " +
                              "; ".join(f"{v.returncode} {v.stdout.strip()} {v.stderr.strip()}"
                                        for v in verified))
        count = self.judge([self.history(m) for m in self.members])
        for member, stand in zip(self.members, stands):
            self.judge_status(member, stand)
        return count, json.loads(verified[0].stdout)["fingerprint"]

    def judge(self, histories):
        """What the members have, each a list of (id, author, number). How many messages that is."""
        for member, history in zip(self.members, histories, strict=True):
            if history != histories[0]:
                raise Finding(f"the history of {member.name} is another than that of {self.members[0].name}")
        history = histories[0]
        if [h[0] for h in history] != sorted(h[0] for h in history):
            raise Finding("a history is not in its order")
        said = collections.Counter((author, number) for _, author, number in history)
        if twice := [s for s, n in said.items() if n > 1]:
            raise Finding(f"these stand in the history twice: {twice[:5]}")
        for member in self.members:
            for number in sorted(member.committed):
                if (member.name, number) not in said:
                    raise Finding(f"{member.name} {number} was committed and is in no history")
        told = {m.name: m.told for m in self.members}
        for author, number in said:
            if number >= told.get(author, 0):
                raise Finding(f"{author} {number} was never said")
        return len(history)

    @staticmethod
    def judge_status(member, line):
        """What `moot status --json` says of a member when all is calm: nothing is in doubt."""
        if json.loads(line)["outbox"] != 0:
            raise Finding(f"{member.name} has something in doubt still: {line.strip()}")

    def run(self):
        try:
            self.begin()
            self.storm()
            self.calm()
            count, fingerprint = self.check()
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
            if self.server.process is not None:
                self.server.kill()
        shutil.rmtree(self.dir)
        return count, fingerprint


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=600, help="of kills, before the calm")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    options = parser.parse_args()
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
    told = sum(len(m.committed) for m in world.members)
    print(f"  {told} messages told as committed: lost 0, twice 0; {count} in each of "
          f"{options.members} equal histories, fingerprint {fingerprint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
