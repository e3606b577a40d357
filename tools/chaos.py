#!/usr/bin/env python3
"""Real processes over real sockets, killed at random points.

Three people in a ring (ada to bob to cyd to ada), each a `moot tail --follow` and a `moot send`, talk
through a mootd. Every round kills some of these processes with SIGKILL while messages are under way,
starts them again, and goes on, sometimes before everybody has recovered. Checked all the time:

- whatever a sender was told is acked is in the reader's store and was shown to the reader;
- nothing is shown twice, and nothing that was shown before a kill is gone or elsewhere after it;
- what one author wrote is in the order of writing;
- what nobody killed arrives without anybody's help.

In at least half of the rounds messages must be in flight at the kill: the author's client had said
before the kill that they are on its disk, when they go onto the wire, and they were not confirmed by
then. No luck is needed for that: in two rounds of three an author is connected, the server or the
reader is stopped wherever it is, the author sends on, and the kill follows. Before the rounds,
recorded sessions are played back to the server, to a restarted one, and to another one with the same
keys. The schedule of the kills comes from the seed: who, and after how many messages of how many; what
the machine makes of it is its own affair.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import moot_process  # noqa: E402
from chaos_home import Finding, Home, Moot, Sender, words  # noqa: E402
from chaos_recorded import OPTIONS, recorded_sessions  # noqa: E402

PEOPLE = ("ada", "bob", "cyd")
ROUNDS_OF_A_WORLD = 25
PATIENCE_S = 120  # without any progress
SENDERS = 10  # of one home in a row that may end because their owner was killed
BEGINNING = "1970-01-01"


# ---- one person --------------------------------------------------------------------------------


class Person(Home):
    """Who writes to the next one, and what this one is shown.

    Messages are known by number: `ada 17` is the 17th that ada was told to send."""

    def __init__(self, world, name, to):
        super().__init__(world, name)
        self.to = to
        self.posts = Sender(self, "@" + to, "acked")
        self.kept = set()  # of them: on disk here, as `moot tail` said
        self.shown = []  # [(author, number)] that the `moot tail` of now has shown
        self.shown_once = set()
        self.before = []  # what an earlier one had shown, in order
        self.tail = None

    @property
    def send(self):
        return self.posts.process

    def start_tail(self):
        self.before = self.shown if len(self.shown) > len(self.before) else self.before
        self.shown, self.shown_once = [], set()
        self.tail = Moot(self, ("tail", "--follow", "--json", "--since", BEGINNING), self.hear_tail)

    def hear_tail(self, m):
        author, number = m["from"], int(m["text"].split()[0])
        if author == self.name:
            self.kept.add(number)
            return
        if (author, number) in self.shown_once:
            self.world.found(f"{self.name} was shown {author} {number} twice")
        at = len(self.shown)
        if at < len(self.before) and self.before[at] != (author, number):
            self.world.found(f"{self.name} was shown {self.before[at]} in place {at} before a kill, "
                             f"now {author} {number}")
        self.shown_once.add((author, number))
        self.shown.append((author, number))

    def end(self):
        for process in (self.send, self.tail):
            if process is not None:
                process.kill()
                process.let_go()


# ---- one world: a server, three people, some rounds ---------------------------------------------


class World:
    def __init__(self, number, seed, rounds, programs, count):
        self.number, self.rounds, self.count = number, rounds, count
        self.mootd, self.moot = programs
        self.random = random.Random(f"{seed}/{number}")
        self.changed = threading.Condition()
        self.progress = 0
        self.finding = None

    def found(self, what):
        self.finding = self.finding or what

    def run(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="moot-chaos-"))
        self.server = moot_process.Server(self.mootd, self.dir / "data", OPTIONS)
        self.people = [Person(self, name, PEOPLE[(i + 1) % 3]) for i, name in enumerate(PEOPLE)]
        good = False
        try:
            self.server.start()
            for person in self.people:
                subprocess.run(person.moot("join", self.server.invite(), "--as", person.name),
                               check=True, capture_output=True, timeout=PATIENCE_S)
                person.start_tail()
                person.posts.start()
            self.settle()
            for i in range(self.rounds):
                self.round(i)
                if self.count.stopped:
                    break
            self.settle()
            self.check_stores()
            good = not self.count.stopped
        except (Finding, AssertionError, subprocess.SubprocessError, OSError) as error:
            raise Finding(self.story(error)) from error
        finally:
            for person in self.people:
                person.end()
                person.log.close()
            self.server.close()
            if good:
                shutil.rmtree(self.dir)

    def story(self, error):
        parts = [f"world {self.number}: {type(error).__name__}: {error}", f"kept: {self.dir}", "mootd:",
                 self.server.log(8)]
        for person in self.people:
            parts += [person.name + ":", *person.last_words()]
        return "\n  ".join(parts)

    def wait(self, what, done):
        """Until `done()`, patience running from the last progress."""
        with self.changed:
            seen, since = -1, time.monotonic()
            while True:
                if self.finding:
                    raise Finding(self.finding)
                if done():
                    return
                if self.progress != seen:
                    seen, since = self.progress, time.monotonic()
                if time.monotonic() - since > PATIENCE_S:
                    raise Finding(f"nothing moved for {PATIENCE_S} s, waiting for {what}")
                self.changed.wait(0.05)

    # One round: everybody says something, somebody is killed while it is under way.

    def round(self, i):
        r = self.random
        victims = r.choices(
            (("server",), ("tail",), ("send",), ("server", "tail"), ("tail", "send")),
            weights=(35, 15, 10, 15, 25))[0]
        victim = r.choice(self.people)
        sizes = [r.randint(60, 220) for _ in PEOPLE]
        texts = [[words(r) for _ in range(size)] for size in sizes]
        measure = r.choice(("kept", "acked"))
        point = r.random()
        again_at_once = r.random() < 0.3
        server_first = r.random() < 0.5
        touched = [p for p in self.people
                   if "server" in victims or p is victim or (p.to == victim.name and "tail" in victims)]
        # Two rounds of three do not leave it to the machine whether frames are in flight.
        author = r.choice(touched) if i % 3 != 2 else None
        more = [words(r) for _ in range(r.randint(1, 30))]
        reader_stops = r.random() < 0.5

        self.revive()
        if author:
            self.connected(author)
        with self.changed:
            start = {p: (len(p.kept), len(p.posts.confirmed)) for p in self.people}
            first = {p: p.posts.told for p in self.people}
        for person, lines in zip(self.people, texts):
            person.posts.say(lines)

        # The point: so many of the messages of this round are on their authors' disks, or acked.
        until = int(point * sum(sizes) * 0.3)

        def reached():
            moved = sum((len(p.kept) if measure == "kept" else len(p.posts.confirmed))
                        - start[p][measure == "acked"] for p in self.people)
            return moved >= until or any(p.send.poll() is not None for p in self.people)

        self.wait("the point of the kill", reached)
        stopped = []
        if author:
            stopped = self.in_flight(author, more, reader_stops and author.to == victim.name
                                     and "tail" in victims)
        for what in victims:
            if what == "server":
                self.server.process.kill()
            else:
                getattr(victim, what).kill()
        with self.changed:
            kept = {p: p.kept & p.posts.here for p in self.people}
        if "server" in victims:
            self.server.kill()
        for what in victims:
            if what != "server":
                getattr(victim, what).let_go()
        self.quiet()
        with self.changed:
            # An author of whom nothing was confirmed in this round may not be connected again yet.
            flying = sum(len(kept[p] - p.posts.confirmed) for p in touched
                         if p is author or any(n >= first[p] for n in p.posts.confirmed))
        self.count.round("+".join(victims), flying)
        for process in stopped:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)

        if server_first and "server" in victims:
            self.server.start()
        for what in victims:
            if what == "tail":
                victim.start_tail()
            elif what == "send":
                victim.posts.start()
        if not server_first and "server" in victims:
            self.server.start()
        if not again_at_once:
            self.settle()

    def connected(self, author):
        """One more thing is said and confirmed: author, server and reader have each other."""
        for _ in range(SENDERS):
            number = self.mark(author)
            self.wait(f"{author.name} to be connected",
                      lambda: number in author.posts.confirmed or author.send.poll() is not None)
            if number in author.posts.confirmed:
                return
        raise Finding(f"{SENDERS} `moot send` of {author.name} ended, one after the other")

    def in_flight(self, author, texts, reader_stops):
        """Stops the server, or the reader, wherever it is, and returns once `author` has sent on.

        What is said after the stop cannot be confirmed before the kill. The stopped processes."""
        reader = self.person(author.to)
        stopped = [reader.tail, reader.send] if reader_stops else [self.server.process]
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        with self.changed:
            later = set(range(author.posts.told, author.posts.told + len(texts)))
        author.posts.say(texts)
        self.wait(f"what {author.name} says to be in flight", lambda: later & author.kept)
        return stopped

    def quiet(self):
        """Confirmations that were on their way at the kill are heard: they were not in flight."""
        with self.changed:
            seen = -1
            while self.progress != seen:
                seen = self.progress
                self.changed.wait_for(lambda: self.progress != seen, 0.04)

    def revive(self):
        """A `moot send` whose owner was killed may end; nothing else may."""
        for person in self.people:
            if person.send.poll() is not None:
                person.send.let_go()
                person.posts.start()
            if person.tail.poll() is not None:
                raise Finding(f"`moot tail` of {person.name} ended by itself with {person.tail.poll()}")
        if self.server.process.poll() is not None:
            raise Finding(f"mootd ended by itself with {self.server.process.poll()}")

    def settle(self):
        """Everybody says one more thing; when that is confirmed, all before it has to be."""
        for person in self.people:
            self.mark(person)
        for person in self.people:
            self.wait(f"what {person.name} said to be confirmed",
                      lambda p=person: not p.posts.waiting() or p.send.poll() is not None)
            if person.send.poll() is not None:
                self.connected(person)
            reader = self.person(person.to)
            self.wait(f"{reader.name} to be shown what {person.name} said",
                      lambda p=person, q=reader: {(p.name, n) for n in p.posts.confirmed} <= q.shown_once
                      or q.tail.poll() is not None)
        self.revive()
        for person in self.people:
            self.check(person, self.person(person.to).shown, "was shown")

    def mark(self, person):
        """The number of what it says."""
        self.revive()
        person.posts.say(["mark"])
        return person.posts.told - 1

    def person(self, name):
        return self.people[PEOPLE.index(name)]

    def check(self, author, shown, verb):
        """What the reader of `author` has, of him: [(author, number)]."""
        with self.changed:
            got = [number for name, number in shown if name == author.name]
            acked, unsure = set(author.posts.confirmed), set(author.posts.unsure)
        reader = author.to
        if len(set(got)) != len(got):
            twice = [n for n, k in collections.Counter(got).items() if k > 1]
            raise Finding(f"{reader} {verb} {author.name} {twice[:5]} more than once")
        if got != sorted(got):
            raise Finding(f"{reader} {verb} the messages of {author.name} out of order")
        if lost := sorted(acked - set(got)):
            raise Finding(f"acknowledged to {author.name}, but not what {reader} {verb}: {lost[:5]}")
        if lost := sorted(set(range(author.posts.told)) - unsure - author.posts.here - set(got)):
            raise Finding(f"{author.name} {lost[:5]} never arrived at {reader}")
        if foreign := [n for n in got if n >= author.posts.told]:
            raise Finding(f"{reader} {verb} {author.name} {foreign[:5]}, which was never said")

    def check_stores(self):
        """Once more, from the store of each reader, with nobody else there."""
        for person in self.people:
            person.end()
            listed = subprocess.run(
                person.moot("tail", "--json", "--since", BEGINNING), check=True, capture_output=True,
                timeout=PATIENCE_S).stdout
            has = [(m["from"], int(m["text"].split()[0])) for m in map(json.loads, listed.splitlines())]
            author = next(p for p in self.people if p.to == person.name)
            self.check(author, has, "has")
            if [n for n in has if n[0] != person.name][: len(person.shown)] != person.shown:
                raise Finding(f"{person.name} has another order than was shown")
            self.count.acked(len(author.posts.confirmed))


# ---- counting, and saying so ----------------------------------------------------------------------


class Count:
    def __init__(self, rounds):
        self.wanted = rounds
        self.lock = threading.Lock()
        self.rounds = self.with_frames = self.flying = self.confirmed = 0
        self.victims = collections.Counter()
        self.stopped = False
        self.terminal = sys.stderr.isatty()

    def round(self, victims, flying):
        with self.lock:
            self.rounds += 1
            self.with_frames += flying > 0
            self.flying += flying
            self.victims[victims] += 1
            if self.terminal:
                print(f"\r  {self.line()} ", end="", file=sys.stderr, flush=True)
            elif self.rounds % 100 == 0:
                print(f"  {self.line()}", file=sys.stderr, flush=True)

    def acked(self, n):
        with self.lock:
            self.confirmed += n

    def line(self):
        share = 100 * self.with_frames // max(self.rounds, 1)
        return (f"{self.rounds}/{self.wanted} rounds, {self.with_frames} ({share} %) with frames in "
                f"flight, {self.flying} of them")


# ---- the command -----------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("rounds", nargs="?", type=int, default=1000)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin",
                        help="where mootd and moot are")
    parser.add_argument("--seed", type=int, help="the schedule of an earlier run")
    parser.add_argument("--jobs", type=int, default=4, help="worlds at the same time")
    options = parser.parse_args()
    programs = (options.bin / "mootd", options.bin / "moot")
    for program in programs:
        if not program.is_file():
            parser.error(f"there is no {program}; ./dev build makes it")
    if options.rounds < 1 or options.jobs < 1:
        parser.error("one round and one job at least")
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    print(f"chaos: {options.rounds} rounds, seed {seed} (again: ./dev chaos {options.rounds} "
          f"--seed {seed})", flush=True)

    try:
        refused = recorded_sessions(programs, PATIENCE_S)
    except Finding as finding:
        print(f"FINDING {finding}")
        return 1
    print(f"  recorded sessions: {refused} played back, {refused} refused", flush=True)

    count = Count(options.rounds)
    left = [min(ROUNDS_OF_A_WORLD, options.rounds - i)
            for i in range(0, options.rounds, ROUNDS_OF_A_WORLD)]
    findings = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        worlds = [pool.submit(World(i, seed, n, programs, count).run) for i, n in enumerate(left)]
        for world in concurrent.futures.as_completed(worlds):
            if world.cancelled() or world.exception() is None:
                continue
            findings.append(world.exception())
            count.stopped = True
            for w in worlds:
                w.cancel()
    if count.terminal:
        print(file=sys.stderr)
    print(f"  {count.line()}")
    print("  killed: " + ", ".join(f"{what} {n}" for what, n in count.victims.most_common()))
    for finding in findings:
        if not isinstance(finding, Finding):
            raise finding  # a mistake in here
        print(f"FINDING {finding}")
    if findings:
        print(f"The same schedule again: ./dev chaos {options.rounds} --seed {seed}")
        return 1
    print(f"  {count.confirmed} messages acknowledged: lost 0, shown twice 0, out of order 0")
    if 2 * count.with_frames < count.rounds:
        print("FINDING too few rounds had frames in flight; the kills prove too little")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
