"""What the tests of mootd as a process share: a server for a class of tests, and connections that
say any octets whatever. Standard library only."""

import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import moot_wire as wire  # noqa: E402
from moot_process import Server  # noqa: E402

MOOTD = os.environ["MOOTD"]
PATIENCE = 30.0  # seconds until a test gives up; nothing is asserted about time


def in_user_namespace(test):
    """For a test that starts something with `unshare --user`; some containers let nobody do that."""
    able = subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode == 0
    return unittest.skipUnless(able, "this system lets nobody make a user namespace")(test)


class ServerCase(unittest.TestCase):
    """One server for the tests of a class; each test has users of its own."""

    ARGS = ()
    HTTP = "off"

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        cls.server = Server(MOOTD, cls.dir / "data", ["--http-listen", cls.HTTP, *cls.ARGS])
        cls.server.start()
        cls._users = 0

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.close()
        shutil.rmtree(cls.dir, ignore_errors=True)

    def new_key(self, name=None):
        type(self)._users += 1
        name = name or f"user{type(self)._users}"
        return wire.Key.of_file(self.server.admin("user", "add", name))

    def connect(self, key=None):
        return wire.Peer(key or self.new_key(), PATIENCE)

    def raw(self, key=None):
        return Raw(key or self.new_key())

    def assert_said(self, raw, code):
        """The connection ends with a signed DCNN of this code."""
        frames = raw.rest()
        self.assertTrue(frames, "closed without a word")
        cmd, signature, payload = frames[-1]
        self.assertEqual(cmd, "DCNN")
        self.assertEqual(signature, wire.sign(raw.key.key, payload))
        self.assertEqual(wire.unpack(payload)["code"], code)

    def assert_silent(self, raw):
        """The connection ends, and nothing was said."""
        self.assertEqual(raw.rest(), [])


class Raw:
    """A connection that keeps no rules of its own."""

    def __init__(self, key, timeout=PATIENCE, wrap=None, port=None, connected=None):
        self.key = key
        self.socket = connected or socket.create_connection((key.host, port or key.port), timeout)
        if wrap:
            self.socket = wrap(self.socket)
        self._in = b""
        cmd, _, payload = self.frame()
        self.greeting = wire.unpack(payload)
        assert cmd == "SINFO", cmd
        self.nonce = int.from_bytes(os.urandom(8), "big")

    def cnn_fields(self, **changes):
        fields = {"id": self.key.account, "kid": self.key.kid, "srv": self.key.srv,
                  "chal": self.greeting["chal"]}
        fields.update(changes)
        return {k: v for k, v in fields.items() if v is not None}

    def payload(self, cmd, direction="c", nonce=None, seconds=None, **fields):
        """The next one in order, unless told otherwise."""
        if nonce is None:
            nonce = self.nonce
            self.nonce = (self.nonce + 1) % 2**64
        return wire.payload_of(cmd, direction, nonce, int(time.time()) if seconds is None else seconds,
                               fields)

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed already: what it said can still be read
        return self

    def send_frame(self, cmd, payload, key=None):
        return self.send(wire.frame(cmd, payload, key or self.key.key))

    def command(self, cmd, **fields):
        return self.send_frame(cmd, self.payload(cmd, **fields))

    def cnn(self, **changes):
        return self.send_frame("CNN", self.payload("CNN", **self.cnn_fields(**changes)))

    def open(self):
        """Through CNN, with the signed SINFO read."""
        self.cnn()
        cmd, _, payload = self.frame()
        assert cmd == "SINFO", (cmd, payload)
        return self

    def frame(self):
        while True:
            frames, left = wire.split_frames(self._in)
            if frames:
                cmd, signature, payload = frames[0]
                size = len(cmd) + len(str(len(payload))) + len(signature) + 3 + len(payload)
                self._in = self._in[size:]
                return frames[0]
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self._in += piece

    def rest(self):
        """The frames until the end of the connection, which must come."""
        try:
            while piece := self.socket.recv(65536):
                self._in += piece
        except ConnectionResetError:
            pass
        self.socket.close()
        return wire.split_frames(self._in)[0]

    def wait_for(self, cmd):
        while True:
            got, signature, payload = self.frame()
            if got == cmd:
                return wire.unpack(payload)

    def alive(self):
        """Whether it still answers."""
        nonce = self.nonce
        self.command("INFO")
        while True:
            cmd, _, payload = self.frame()
            if cmd == "SINFO" and wire.unpack(payload).get("ref") == nonce:
                return True


def somebody(account, srv="moot.local"):
    """Who a wall says he is: no key, no kid."""
    return wire.Key(account, None, None, srv, None, None)


class Home:
    """Somebody's device: a directory, and the `moot` commands that work in it."""

    def __init__(self, case, name):
        self.case, self.name = case, name
        self.dir = case.dir / f"home-{name}"
        self.key_file = self.dir / "key.toml"

    def join(self, link):
        done = self.run("join", link, "--as", self.name)
        self.case.assertEqual(done.returncode, 0, done.stderr)
        return self

    def with_key(self, text):
        """The device of a key file's text."""
        self.dir.mkdir(mode=0o700, exist_ok=True)
        self.key_file.unlink(missing_ok=True)
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(text)
        return self

    def args(self, *args):
        return [os.environ["MOOT"], "--home", str(self.dir), *map(str, args)]

    def run(self, *args):
        return subprocess.run(self.args(*args), capture_output=True, text=True, timeout=2 * PATIENCE,
                              check=False)

    def start(self, *args):
        """A process that the test ends by what it does, or the end of the test does."""
        process = subprocess.Popen(self.args(*args), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for clean in (process.stderr.close, process.stdout.close, process.wait, process.kill):
            self.case.addCleanup(clean)
        return process


def key_text(text, **changes):
    """A key file's text with some values changed and a check that fits."""
    names = ("moot_key", "account", "kid", "key", "srv", "address", "tls", "label")
    values = dict.fromkeys(names, "")
    for line in text.splitlines():
        name, equals, value = line.partition(" = ")
        if equals and name in values:
            values[name] = value.strip('"')
    values.update(changes)
    digest = hashlib.sha3_256("\n".join(values[n] for n in names).encode()).hexdigest()
    lines = [f"moot_key = {values['moot_key']}"]
    lines += [f'{n} = "{values[n]}"' for n in names[1:] if values[n]]
    return "\n".join([*lines, f'check = "{digest[:8]}"', ""])
