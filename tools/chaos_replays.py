#!/usr/bin/env python3
"""Frames that were heard before, said again in every way a listener could think of.

Sessions of two people are recorded octet by octet, in both directions. Then, so many times as asked
for: a recording is played back whole, cut, or spliced with another, on a new connection; or somebody
who has come in rightly says a frame of his once more, one of an older session, one of somebody
else's, one of the server's own, or leaves one out. It is tried with the server that heard them, with
the same after SIGKILL and a restart, and with another one that has the same store and master key.

Nothing of it may be answered as if it were new, and no message may reach anybody a second time.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import socket
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import moot_process  # noqa: E402
import moot_wire  # noqa: E402
from chaos_home import Finding  # noqa: E402

PATIENCE_S = 60
RECORDED = 40  # sessions of each of the two
SAID = 3  # messages in each
OPTIONS = ("--http-listen", "off", "--set", "limits.commands_per_s=0", "--set",
           "limits.bytes_per_s=0", "--set", "presence.mode=\"off\"", "--set",
           "offline.max_messages=1000000", "--set", "offline.max_bytes=1000000000")


class Line:
    """A connection that keeps what went over it: whole frames, one by one."""

    def __init__(self, key, port):
        self.key = key
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.said, self.heard = [], []
        self.nonce = int.from_bytes(os.urandom(8), "big")
        self.greeting = moot_wire.unpack(self.next()[2])

    def next(self):
        """(cmd, signature, payload); None once it is closed."""
        while True:
            frames, _ = moot_wire.split_frames(self.buffer)
            if frames:
                cmd, signature, payload = frames[0]
                octets = b"\n".join((cmd.encode(), str(len(payload)).encode(), signature, payload))
                self.buffer = self.buffer[len(octets):]
                self.heard.append(octets)
                return frames[0]
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                return None
            self.buffer += piece

    def put(self, octets):
        try:
            self.socket.sendall(octets)
        except ConnectionError:
            pass  # it was closed already; what it said can be read

    def say(self, cmd, **fields):
        nonce = self.nonce
        self.nonce = (nonce + 1) % 2**64
        payload = moot_wire.payload_of(cmd, "c", nonce, int(time.time()), fields)
        self.said.append(moot_wire.frame(cmd, payload, self.key.key))
        self.put(self.said[-1])
        return nonce

    def come_in(self):
        self.say("CNN", id=self.key.account, kid=self.key.kid, srv=self.key.srv,
                 chal=self.greeting["chal"])
        if self.next()[0] != "SINFO":
            raise Finding("a right CNN was refused")
        return self

    def barrier(self):
        """Whether an INFO is still answered."""
        ref = self.say("INFO")
        while (frame := self.next()) is not None:
            if frame[0] == "DCNN":
                return False
            command = moot_wire.unpack(frame[2])
            for c in command["cmds"] if frame[0] == "BATCH" else [command]:
                if c.get("ref") == ref:
                    return True
        return False

    def close(self):
        self.socket.close()


class Replays:
    def __init__(self, mootd, place, rng):
        self.rng, self.place = rng, place
        self.server = moot_process.Server(mootd, place / "data", OPTIONS)
        self.other = moot_process.Server(mootd, place / "other", OPTIONS)
        self.keys, self.sessions = {}, {"ada": [], "bob": []}
        self.sent = []  # ids that ada said to bob, rightly
        self.tried = collections.Counter()

    def start(self):
        self.server.start()
        for name in ("ada", "bob"):
            self.keys[name] = moot_wire.Key.of_file(self.server.admin("user", "add", name))

    def session(self, name, port):
        """One as it should be, recorded."""
        line = Line(self.keys[name], port).come_in()
        for _ in range(SAID):
            self.tell(line)
        if not line.barrier():
            raise Finding("a session as it should be was ended")
        line.close()
        return line

    def tell(self, line):
        msg_id = moot_wire.new_ulid()
        to = "bob" if line.key.account == "ada" else "ada"
        line.say("PV_MSG", to=to, msg_id=msg_id, msg=moot_wire.text_content("once"))
        if to == "bob":
            self.sent.append(msg_id)

    # ---- on a connection of its own

    def played(self, port, octets):
        line = Line(self.keys["ada"], port)
        line.put(octets)
        after = 0
        while (frame := line.next()) is not None:
            after += frame[0] not in ("DCNN", "ERR")
        line.close()
        if after:
            raise Finding(f"a recording was answered: {line.heard}")

    def whole(self, port):
        self.played(port, b"".join(self.one().said))

    def cut(self, port):
        said = self.one().said
        self.played(port, b"".join(said[:self.rng.randrange(1, len(said) + 1)]))

    def spliced(self, port):
        first, second = self.one(), self.one()
        self.played(port, first.said[0] + b"".join(second.said[1:]))

    def shuffled(self, port):
        said = self.one().said[1:]
        self.rng.shuffle(said)
        self.played(port, self.one().said[0] + b"".join(said))

    # ---- by somebody who came in rightly

    def live(self, port, wrong):
        line = Line(self.keys["ada"], port).come_in()
        for _ in range(self.rng.randrange(3)):
            self.tell(line)
        if not line.barrier():
            raise Finding("before it the connection was ended")
        wrong(line)
        if line.barrier():
            raise Finding("after it the connection went on")
        line.close()

    def own_again(self, port):
        self.live(port, lambda line: line.put(self.rng.choice(line.said)))

    def of_before(self, port):
        self.live(port, lambda line: line.put(self.rng.choice(self.one("ada").said)))

    def of_another(self, port):
        self.live(port, lambda line: line.put(self.rng.choice(self.one("bob").said)))

    def of_the_server(self, port):
        def wrong(line):
            line.put(self.rng.choice(line.heard[1:]))
        self.live(port, wrong)

    def left_out(self, port):
        def wrong(line):
            line.nonce = (line.nonce + self.rng.choice((1, 1, 2, 1000))) % 2**64
        self.live(port, wrong)

    WAYS = (whole, cut, spliced, shuffled, own_again, of_before, of_another, of_the_server, left_out)

    def one(self, name=None):
        return self.rng.choice(self.sessions[name or self.rng.choice(("ada", "bob"))])

    def phase(self, port, count, tell):
        for _ in range(count):
            way = self.rng.choice(self.WAYS)
            try:
                way(self, port)
            except Finding as finding:
                raise Finding(f"{way.__name__}: {finding}") from None
            self.tried[way.__name__] += 1
            tell(sum(self.tried.values()))

    def got_once(self, port):
        """What reaches bob in the end is what ada said, each once."""
        got = []
        peer = moot_wire.Peer(self.keys_at("bob", port))
        while len(set(got)) < len(self.sent):
            for c in peer.commands or peer._commands():
                if c["cmd"] == "MSG" and c["from"] == "ada":
                    got.append(c["msg_id"])
                    peer.send("ACK_MSG", **{"from": "ada", "msg_id": c["msg_id"]})
            peer.commands.clear()
        peer.barrier()
        got += [c["msg_id"] for c in peer.commands if c["cmd"] == "MSG"]
        peer.close()
        twice = [i for i, n in collections.Counter(got).items() if n > 1]
        if twice or set(got) != set(self.sent):
            raise Finding(f"{len(twice)} messages came twice, {len(set(got) - set(self.sent))} that "
                          "nobody said")

    def keys_at(self, name, port):
        key = self.keys[name]
        key.port = port
        return key

    def run(self, count, tell):
        self.start()
        for name in ("ada", "bob"):
            self.sessions[name] = [self.session(name, self.server.port) for _ in range(RECORDED)]
        self.phase(self.server.port, count - 2 * (count // 4), tell)
        self.server.kill()
        self.server.start()
        self.phase(self.server.port, count // 4, tell)
        copy = self.place / "copy"
        self.server.admin("backup", copy)
        self.other.admin("restore", copy)
        shutil.copy(self.place / "data" / "master.key", self.place / "other" / "master.key")
        self.other.start()
        self.got_once(self.server.port)
        self.phase(self.other.port, count // 4, tell)
        self.got_once(self.other.port)

    def end(self):
        for s in (self.server, self.other):
            s.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("replays", nargs="?", type=int, default=100_000)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin",
                        help="where mootd is")
    parser.add_argument("--seed", type=int, help="the choices of an earlier run")
    options = parser.parse_args()
    mootd = options.bin / "mootd"
    if not mootd.is_file():
        parser.error(f"there is no {mootd}; ./dev build makes it")
    if options.replays < 4:
        parser.error("four replays at least")
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    print(f"chaos replays: {options.replays}, seed {seed} (again: ./dev chaos replays "
          f"{options.replays} --seed {seed})", flush=True)
    last = [time.monotonic()]

    def tell(n):
        if time.monotonic() - last[0] >= 10:
            last[0] = time.monotonic()
            print(f"  {n}/{options.replays}, none accepted", flush=True)

    place = pathlib.Path(tempfile.mkdtemp(prefix="moot-replays-"))
    replays = Replays(mootd, place, random.Random(seed))
    try:
        replays.run(options.replays, tell)
    except Finding as finding:
        print(f"FOUND after {sum(replays.tried.values())} replays: {finding}\n  everything is in "
              f"{place}\n  log of the server:\n{replays.server.log()}", file=sys.stderr)
        return 1
    finally:
        replays.end()
    shutil.rmtree(place)
    ways = ", ".join(f"{n} {way.replace('_', ' ')}" for way, n in sorted(replays.tried.items()))
    print(f"{options.replays} replays, 0 accepted, {len(replays.sent)} messages each once ({ways})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
