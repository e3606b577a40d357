#!/usr/bin/env python3
"""differential.py VERDICTS python|npm [--payloads N] [--seed S]: our msgpack against another one.

python: Debian's python3-msgpack. We accept a payload exactly when it does and the value is inside
the profile of docs/protocol.md 2, as the same value; and what we write of it is what it writes.
npm: @msgpack/msgpack, by decode.mjs. It accepts what we accept, as the same value, and what it writes
of that we accept as the same. (What we refuse it is not shown: some of that ends a whole Node.)

Ends with 77 where the other one is not installed."""

import argparse
import collections
import itertools
import os
import pathlib
import struct
import subprocess
import sys

from payloads import NODES_MAX, Payloads

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent.parent / "fuzz" / "corpus" / "fuzz_msgpack"
SKIPPED = 77
AT_ONCE = 20_000
DEPTH_MAX, PAIRS_MAX = 8, 64


class Pairs(list):
    """A map as it came: with the pairs that are there twice."""


class Outside(Exception):
    """Not of the profile."""


class Profile:
    """The profile once more, of values that somebody else decoded."""

    def __init__(self):
        self.nodes = 0

    def show(self, value, depth=0):
        """The value as `msgpack_verdicts` writes it."""
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise Outside("nodes")
        if value is None:
            return "n"
        if value is True or value is False:
            return "t" if value else "f"
        kind = type(value)
        if kind is int and value >= 0:
            return f"i{value}"
        if kind is str and "\0" not in value:
            return "s" + value.encode().hex()
        if kind is bytes:
            return "b" + value.hex()
        if depth == DEPTH_MAX or kind not in (list, Pairs):
            raise Outside(kind.__name__)
        if kind is list:
            return "[" + ",".join([self.show(v, depth + 1) for v in value]) + "]"
        if len(value) > PAIRS_MAX or any(type(k) is not str for k, _ in value):
            raise Outside("keys")
        if len({k for k, _ in value}) < len(value):
            raise Outside("twice")
        shown = [f"{self.show(k, depth + 1)}:{self.show(v, depth + 1)}" for k, v in value]
        return "{" + ",".join(sorted(shown)) + "}"


def plain(value):
    """With maps that can be written again."""
    if type(value) is Pairs:
        return {k: plain(v) for k, v in value}
    return [plain(v) for v in value] if type(value) is list else value


def framed(payloads):
    return b"".join(struct.pack(">I", len(p)) + p for p in payloads)


def lines_of(command, payloads):
    done = subprocess.run(command, input=framed(payloads), stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode().splitlines()
    if len(lines) != len(payloads):
        raise AssertionError(f"{len(lines)} answers of {command[0]} to {len(payloads)} payloads")
    return lines


class Python:
    """What is wrong between our verdict and that of Debian's python3-msgpack."""

    def __init__(self):
        import msgpack
        self.msgpack = msgpack
        self.name = f"msgpack {'.'.join(map(str, msgpack.version))} for Python"
        self.accepted = 0

    def decode(self, payload):
        return self.msgpack.unpackb(payload, raw=False, strict_map_key=False, object_pairs_hook=Pairs)

    def shown(self, payload):
        """The value, and what Python writes of it; none for what it refuses or is outside."""
        try:
            value = self.decode(payload)
        except Exception:  # whatever it raises is a refusal
            return None
        self.accepted += 1
        try:
            if type(value) is not Pairs:
                raise Outside("top")
            return Profile().show(value) + " " + self.msgpack.packb(plain(value)).hex()
        except Outside:
            return None

    def complaint(self, payload, line):
        theirs = self.shown(payload)
        ours = None if line.startswith("!") else line
        return None if ours == theirs else f"theirs: {theirs}"

    def complaints(self, payloads, lines):
        return [(p, line, why) for p, line in zip(payloads, lines) if (why := self.complaint(p, line))]


class Npm:
    """The same with @msgpack/msgpack."""

    def __init__(self, verdicts, directory):
        self.verdicts = verdicts
        self.node = ["node", str(HERE / "decode.mjs"), str(directory)]
        self.name = subprocess.run([*self.node, "--version"], check=True, stdout=subprocess.PIPE,
                                   text=True).stdout.strip()
        self.accepted = 0
        self.known = collections.Counter()

    def complaints(self, payloads, lines):
        shown = [(p, line) for p, line in zip(payloads, lines) if not line.startswith("!")]
        theirs = lines_of(self.node, [p for p, _ in shown])
        bad, again = [], []
        for (payload, line), answer in zip(shown, theirs):
            ours = line.partition(" ")[0]
            value, _, octets = answer.partition(" ")
            self.accepted += not answer.startswith("!")
            if value == ours:
                again.append((payload, line, bytes.fromhex(octets)))
            elif known := self.difference(ours, answer):
                self.known[known] += 1
            else:
                bad.append((payload, line, f"theirs: {answer}"))
        for (payload, line, octets), read in zip(again, lines_of([self.verdicts], [o for _, _, o in again])):
            if read.partition(" ")[0] != line.partition(" ")[0]:
                bad.append((payload, line, f"written by theirs as {octets.hex()}, read by ours as {read}"))
        return bad

    @staticmethod
    def difference(ours, answer):
        """Where it is known to differ from everybody else."""
        if answer.startswith("!") and "__proto__" in answer and b"__proto__".hex() in ours:
            return "a key __proto__ is refused"
        if "sefbbbf" in ours and answer.partition(" ")[0] == without_marks(ours):
            return "a byte order mark before a long text is dropped"
        return None


def without_marks(shown):
    """Texts of more than 200 octets lose a mark at their beginning."""
    first, *rest = shown.split("sefbbbf")
    for text in rest:
        digits = len(text) - len(text.lstrip("0123456789abcdef"))
        first += ("s" if digits // 2 + 3 > 200 else "sefbbbf") + text
    return first


def other_one(name, verdicts):
    """The decoder to compare with, or nothing and why."""
    if name == "python":
        try:
            return Python(), None
        except ImportError:
            return None, "Python's msgpack is not installed; apt-get install python3-msgpack"
    directory = pathlib.Path(os.environ.get("MOOT_NPM", "build/npm"))
    if not (directory / "node_modules/@msgpack/msgpack/package.json").exists():
        return None, (f"@msgpack/msgpack is not in {directory}; with npm there, "
                      "`./dev test` installs it, or: mkdir -p build/npm && "
                      "cp tests/msgpack/package*.json build/npm && "
                      "npm ci --prefix build/npm --ignore-scripts")
    return Npm(verdicts, directory), None


def main():
    options = argparse.ArgumentParser()
    options.add_argument("verdicts")
    options.add_argument("other", choices=("python", "npm"))
    options.add_argument("--payloads", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    other, why = other_one(o.other, o.verdicts)
    if other is None:
        print(f"skipped: {why}")
        return SKIPPED
    corpus = [file.read_bytes() for file in sorted(CORPUS.iterdir())]
    source = Payloads(o.seed, corpus).make(o.payloads)
    refusals, count = collections.Counter(), 0
    while batch := list(itertools.islice(source, AT_ONCE)):
        lines = lines_of([o.verdicts], batch)
        refusals.update(line for line in lines if line.startswith("!"))
        count += len(batch)
        for payload, line, complaint in other.complaints(batch, lines)[:10]:
            print(f"payload {payload.hex()}\n  ours: {line}\n  {complaint}")
            print(f"seed {o.seed}; keep the payload in {CORPUS}")
            return 1
    print(f"{other.name}: {count} payloads, seed {o.seed}; ours accepts {count - refusals.total()}, theirs "
          f"{other.accepted}, no difference")
    for reason, n in [*refusals.most_common(), *getattr(other, "known", {}).items()]:
        print(f"  {n:8} {reason}")
    reasons = subprocess.run([o.verdicts, "--reasons"], check=True, stdout=subprocess.PIPE, text=True)
    missing = {f"!{r}" for r in reasons.stdout.splitlines()} - set(refusals)
    if missing:
        print(f"never refused for {sorted(missing)}: the payloads miss something")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
