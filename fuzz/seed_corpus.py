#!/usr/bin/env python3
"""seed_corpus.py OUT: writes the first inputs of every fuzz target, made from tests/vectors, into
OUT/fuzz_NAME. The committed corpora are what libFuzzer's -merge=1 keeps of them and of later finds."""

import base64
import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VECTORS = ROOT / "tests" / "vectors"


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def octets(text):
    return bytes.fromhex(text)


def command_numbers():
    """The places of the commands in c::Any and s::Any, as fuzz_commands counts them."""
    text = (ROOT / "src/model/commands.h").read_text(encoding="utf-8")
    names = []
    for space in ("c", "s"):
        part = text[text.index(f"namespace {space} {{"):]
        part = part[:part.index(f"}}  // namespace {space}")]
        order = re.search(r"using Any =\s*std::variant<([^>]*)>", part)[1]
        for struct in re.split(r",\s*", order.strip()):
            body = part[part.index(f"struct {struct} {{"):]
            names.append((space, re.search(r'command\(\s*"(\w+)"', body)[1]))
    return {name: i for i, name in enumerate(names)}


def seeds():
    frames = load("frames")["frames"]
    payloads = load("payloads")
    macs = load("macs")
    sessions = load("sessions")["sessions"]
    numbers = command_numbers()

    for v in frames:
        yield "frame", bytes([2, 1, 1]) + octets(v["frame"])
        yield "msgpack", octets(v["payload"])
        yield "commands", bytes([numbers[v["dir"], v["cmd"]]]) + octets(v["payload"])
        if v["cmd"] == "BATCH":
            for limit in (0, 64, 256):
                yield "batch", limit.to_bytes(2, "big") + octets(v["payload"])
    for v in load("frames_invalid")["invalid"]:
        yield "frame", bytes([0, 0, 3]) + octets(v["octets"])
    for session in sessions:
        yield "frame", bytes([2, 7, 7]) + b"".join(octets(s["frame"]) for s in session["steps"])
    for group in ("profile_invalid", "profile_valid", "semantic"):
        for v in payloads[group]:
            if len(v["payload"]) <= 4096:
                yield "msgpack", octets(v["payload"])
    for v in payloads["semantic"]:
        if ("c", v["header"]) in numbers and len(v["payload"]) <= 4096:
            yield "commands", bytes([numbers["c", v["header"]]]) + octets(v["payload"])
    for v in macs["macs"]:
        message = octets(v["payload"])[:399]
        one = bytes([0]) + len(message).to_bytes(2, "big") + message + bytes([7])
        for n in (1, 4, 9):
            yield "mac", octets(v["key"]) + bytes(32) + bytes([n]) + one * n


def session_seeds():
    """Whole connections in the words of fuzz_session_server.cc and fuzz_session_client.cc."""
    kalive = bytes([2, 0, 0, 0, 0, 0])
    for nonce in (0, 2**64 - 1, 15074760468938913545):
        for listener in range(16):
            zeros = 2 if listener % 4 == 1 else 0  # behind a wall frames are not signed
            cnn = bytes([1, zeros, 0]) + nonce.to_bytes(8, "big") + bytes([0])
            yield "session_server", bytes([listener, 0]) + cnn + kalive * 3
        greeting = bytes([0, 0, 2, 0, 0]) + bytes(5)
        sinfo = bytes([0, 0, 0, 0, 0]) + bytes(5)
        usr_rmd = bytes([0, 2, 0, 2, 1, 7]) + b"\xa2id\xa3ada" + bytes(5)
        start = bytes([4]) + nonce.to_bytes(8, "big")
        yield "session_client", start + greeting + sinfo + usr_rmd * 2
        # A clock half the range of a number away.
        far = bytes([0, 0, 0, 1, 0]) + (2**63).to_bytes(8, "big") + bytes(5)
        yield "session_client", start + greeting + far + usr_rmd


def client_seeds():
    for group in ("valid", "invalid"):
        for v in load("keyfiles")[group]:
            yield "keyfile", v["file"].encode()
            # Without its check value the target gives it the right one.
            yield "keyfile", "\n".join(v["file"].split("\n")[:-2]).encode()
    yield "keyfile", b"# a comment\n\"moot_key\" = 0 # another\nlabel = 'a\\b'\nsrv = \"\\u00e9\\U0001f680\\n\"\n"
    secret = bytes(range(0x80, 0x88)) + bytes(range(32))
    for tail in (b"\x00", b"\x01", b"\x03" + bytes(range(32))):
        token = secret + tail + b"moot.example"
        yield "invite", token
        text = base64.urlsafe_b64encode(token).rstrip(b"=")
        for address in (b"127.0.0.1:7667", b"[::1]:7697", b"chat.example:7697", b"[%]:1"):
            yield "invite", b"moot://" + address + b"/#" + text
    for v in load("records")["records"]:
        yield "content", octets(v["msg"])
    for text in ("82a174a474657874a162a0", "81a174a464617465", "0100", "82a174a465646974a16201"):
        yield "content", octets(text)


def texts(*all_of_them):
    return b"".join(len(t).to_bytes(4, "big") + t for t in all_of_them)


def server_seeds():
    for head in (b"GET /metrics HTTP/1.1\r\nHost: a\r\n", b"HEAD /readyz?x HTTP/1.0\r\n",
                 b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\n",
                 b"GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
                 b"GET / HTTP/1.1\r\n", b"GET /readyz HTTP/1.1\r\nA: " + b"b" * 9000 + b"\r\n"):
        yield "http", b"\x00" + head + b"\r\n"
        yield "http", b"\x01" + head
    yield "admin", b"\x00" + texts(b"user add", b"name", b"ada", b"label", b"")
    yield "admin", b"\x01" + texts(b"0", b"added \"ada\"\n", b"", b"4", b"kid", b"00", b"key", b"11")
    yield "admin", b"\x01" + texts(b"1", b"", b"That is \\ taken.")
    for kind in range(12):
        # One change of each kind, in a channel of either keeper, between records that stand.
        for keeper in (0, 1):
            change = bytes([3, 1, kind, 0, kind, 1, 5])
            yield "merge", bytes([keeper, 2, 0, 0]) + change + bytes([7, 0])
    yield "merge", bytes([0, 7]) + bytes([1, 0]) * 8
    for row in range(2):
        yield "unseal", bytes([row, 0, 0, 0, 0])
        yield "unseal", bytes([row, 0, 0, 0, 1, 0, 20, 1, 0])
        yield "unseal", bytes([row, 1, 0, 0, 2, 0, 3, 0, 1, 0, 1, 1, 2])


def main():
    out = Path(sys.argv[1])
    count = {}
    for target, data in itertools.chain(seeds(), session_seeds(), client_seeds(), server_seeds()):
        folder = out / f"fuzz_{target}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
        count[target] = count.get(target, 0) + 1
    for target, n in sorted(count.items()):
        print(f"fuzz_{target}: {n} inputs")


if __name__ == "__main__":
    main()
