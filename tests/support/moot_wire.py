"""The protocol's frames in a few lines of Python, for tests that need a peer of their own.

An implementation apart from the project's: msgpack, HMAC and nonces are written here again, from
docs/protocol.md, so that a mistake would have to be made twice. Standard library only.
"""

import base64
import hmac
import os
import socket
import time

SIGNATURE_OF_NOBODY = b"0" * 128
_MASK = (1 << 64) - 1


# ---- msgpack: nil, bool, uint, str, bin, array, map -------------------------------------------


def pack(value):
    """Minimal forms, as writers must. Text is str, octets are bytes."""
    if value is None:
        return b"\xc0"
    if value is True:
        return b"\xc3"
    if value is False:
        return b"\xc2"
    if isinstance(value, int):
        if value < 0x80:
            return bytes([value])
        for code, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
            if value < 1 << (8 * size):
                return bytes([code]) + value.to_bytes(size, "big")
        raise ValueError("an integer has at most 64 bits")
    if isinstance(value, str):
        octets = value.encode()
        if len(octets) < 32:
            return bytes([0xA0 | len(octets)]) + octets
        return _sized(len(octets), ((0xD9, 1), (0xDA, 2), (0xDB, 4))) + octets
    if isinstance(value, (bytes, bytearray)):
        return _sized(len(value), ((0xC4, 1), (0xC5, 2), (0xC6, 4))) + bytes(value)
    if isinstance(value, (list, tuple)):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else _sized(len(value), ((0xDC, 2),))
        return head + b"".join(pack(v) for v in value)
    if isinstance(value, dict):
        head = bytes([0x80 | len(value)]) if len(value) < 16 else _sized(len(value), ((0xDE, 2),))
        return head + b"".join(pack(k) + pack(v) for k, v in value.items())
    raise TypeError(f"{type(value).__name__} has no form in the profile")


def _sized(length, forms):
    for code, size in forms:
        if length < 1 << (8 * size):
            return bytes([code]) + length.to_bytes(size, "big")
    raise ValueError("too long")


def unpack(octets):
    """The one value that `octets` holds; ValueError when they hold anything else."""
    value, end = _unpack(octets, 0)
    if end != len(octets):
        raise ValueError("octets after the value")
    return value


def _unpack(o, at):
    if at >= len(o):
        raise ValueError("cut short")
    code, at = o[at], at + 1
    if code < 0x80:
        return code, at
    if code < 0x90:
        return _unpack_map(o, at, code & 0x0F)
    if code < 0xA0:
        return _unpack_array(o, at, code & 0x0F)
    if code < 0xC0:
        return _take(o, at, code & 0x1F, text=True)
    if code == 0xC0:
        return None, at
    if code in (0xC2, 0xC3):
        return code == 0xC3, at
    sizes = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD9: 1, 0xDA: 2,
             0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
    if code not in sizes:
        raise ValueError(f"type {code:#x} is outside the profile")
    raw, at = _take(o, at, sizes[code])
    n = int.from_bytes(raw, "big")
    if 0xCC <= code <= 0xCF:
        return n, at
    if code <= 0xC6:
        return _take(o, at, n)
    if code <= 0xDB:
        return _take(o, at, n, text=True)
    return _unpack_array(o, at, n) if code <= 0xDD else _unpack_map(o, at, n)


def _take(o, at, n, text=False):
    if n > len(o) - at:
        raise ValueError("cut short")
    piece = bytes(o[at : at + n])
    return (piece.decode() if text else piece), at + n


def _unpack_array(o, at, n):
    out = []
    for _ in range(n):
        value, at = _unpack(o, at)
        out.append(value)
    return out, at


def _unpack_map(o, at, n):
    out = {}
    for _ in range(n):
        key, at = _unpack(o, at)
        if key in out:
            raise ValueError("a key twice")
        out[key], at = _unpack(o, at)
    return out, at


# ---- frames ------------------------------------------------------------------------------------


def sign(key, payload):
    """Hex; behind a wall there is no key, and nobody signs."""
    if key is None:
        return SIGNATURE_OF_NOBODY
    return hmac.digest(key, payload, "sha3_512").hex().encode()


def frame(cmd, payload, key):
    return b"%s\n%d\n%s\n%s" % (cmd.encode(), len(payload), sign(key, payload), payload)


def payload_of(cmd, direction, nonce, seconds, fields):
    return pack({"cmd": cmd, "dir": direction, "nonce": nonce, "timestamp": seconds, **fields})


def split_frames(octets):
    """([(cmd, signature, payload)], what is left over): the whole frames at the front."""
    frames = []
    while True:
        parts = octets.split(b"\n", 3)
        if len(parts) < 4:
            break
        cmd, length, signature, rest = parts
        if len(rest) < int(length):
            break
        frames.append((cmd.decode(), signature, rest[: int(length)]))
        octets = rest[int(length) :]
    return frames, octets


# ---- keys --------------------------------------------------------------------------------------


class Key:
    """What a key file or an invitation holds."""

    def __init__(self, account, kid, key, srv, host, port):
        self.account, self.kid, self.key, self.srv = account, kid, key, srv
        self.host, self.port = host, port

    @staticmethod
    def of_file(text):
        values = {}
        for line in text.splitlines():
            name, _, value = line.partition(" = ")
            values[name.strip()] = value.strip().strip('"')
        host, _, port = values["address"].rpartition(":")
        return Key(values["account"], bytes.fromhex(values["kid"]), bytes.fromhex(values["key"]),
                   values["srv"], host, int(port))

    @staticmethod
    def of_link(link):
        address, _, token = link.removeprefix("moot://").partition("/#")
        host, _, port = address.rpartition(":")
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if raw[40] != 0:
            raise ValueError("an invitation over TLS")
        return Key("invite", raw[:8], raw[8:40], raw[41:].decode(), host, int(port))


def new_ulid():
    return int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)


def text_content(text):
    return pack({"t": "text", "b": text})


# ---- a connection ------------------------------------------------------------------------------


class Session:
    """The two ends' nonces and signatures after the greeting, without a socket."""

    def __init__(self, key):
        self.key = key
        self.ahead_s = 0  # the clock of this side, against the machine's
        self._nonce = int.from_bytes(os.urandom(8), "big")
        self._server_nonce = ~self._nonce & _MASK

    def octets_of(self, cmd, **fields):
        """The next frame of this side, and the nonce that goes with it."""
        nonce = self._nonce
        self._nonce = (nonce + 1) & _MASK
        payload = payload_of(cmd, "c", nonce, int(time.time()) + self.ahead_s, fields)
        return nonce, frame(cmd, payload, self.key.key)

    def opened(self, cmd, signature, payload, skipped=frozenset()):
        """The next command of the server; of one that is skipped nothing but its name and nonce are
        looked at."""
        if not hmac.compare_digest(signature, sign(self.key.key, payload)):
            raise AssertionError(f"{cmd} has a wrong signature")
        nonce = self._server_nonce
        self._server_nonce = (nonce + 1) & _MASK
        if cmd in skipped:
            # Writers put the keys of the envelope first (protocol.md 2). Behind the head of the map:
            begin = b"\xa3cmd%s\xa3dir\xa1s\xa5nonce%s" % (pack(cmd), pack(nonce))
            if begin not in (payload[1 : 1 + len(begin)], payload[3 : 3 + len(begin)]):
                raise AssertionError(f"{cmd} has a wrong envelope: {payload[:64]}")
            return {"cmd": cmd}
        command = unpack(payload)
        if (command["cmd"], command["dir"], command["nonce"]) != (cmd, "s", nonce):
            raise AssertionError(f"{cmd} has a wrong envelope: {command}")
        return command


class Peer(Session):
    """A client that says exactly what it is told to, and checks all that it is told."""

    def __init__(self, key, timeout=20.0, **cnn):
        super().__init__(key)
        self.commands = []  # what came and nobody waited for yet: payloads, in order
        self._in = b""
        self._socket = socket.create_connection((key.host, key.port), timeout)
        _, signature, payload = self._frame()
        greeting = unpack(payload)
        if signature != SIGNATURE_OF_NOBODY or greeting["cmd"] != "SINFO":
            raise AssertionError(f"no greeting: {greeting}")
        self.send("CNN", id=key.account, kid=key.kid, srv=key.srv, chal=greeting["chal"],
                  **cnn)
        self.info = self.wait_for("SINFO")

    def send(self, cmd, **fields):
        """The nonce that went with it."""
        nonce, octets = self.octets_of(cmd, **fields)
        self._socket.sendall(octets)
        return nonce

    def receive(self):
        return self.opened(*self._frame())

    def wait_for(self, cmd, **fields):
        """The first command of this name with these fields; others are kept in order."""

        def fits(c):
            return c["cmd"] == cmd and all(c.get(k) == v for k, v in fields.items())

        for i, c in enumerate(self.commands):
            if fits(c):
                return self.commands.pop(i)
        while True:
            came = self._commands()
            for i, c in enumerate(came):
                if fits(c):
                    self.commands += came[i + 1 :]
                    return c
                if c["cmd"] == "DCNN":
                    raise AssertionError(f"waiting for {cmd}, the server ended it: {c}")
                self.commands.append(c)

    def take_waiting(self):
        """What has come by now, without waiting for more."""
        timeout = self._socket.gettimeout()
        self._socket.setblocking(False)
        try:
            while True:
                self.commands += self._commands()
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(timeout)

    def barrier(self):
        """All that was said before is done and on disk (protocol.md 5.7)."""
        return self.wait_for("SINFO", ref=self.send("INFO"))

    def close(self):
        self._socket.close()

    def _commands(self):
        command = self.receive()
        return command["cmds"] if command["cmd"] == "BATCH" else [command]

    def _frame(self):
        while True:
            frames, _ = split_frames(self._in)
            if frames:
                cmd, signature, payload = frames[0]
                self._in = self._in[len(cmd) + len(str(len(payload))) + len(signature) + 3
                                    + len(payload) :]
                return cmd, signature, payload
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError("the server closed the connection")
            self._in += piece
