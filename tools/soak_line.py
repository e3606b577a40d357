"""A connection of the soak's crowd: octets in, commands out, without waiting for either."""

import errno
import select
import socket

import moot_wire

IP_BIND_ADDRESS_NO_PORT = 24
READ_AT_ONCE = 1 << 16
# Of these the crowd wants to know no more than that they came in order and rightly signed.
SKIPPED = frozenset(("CH_STATUS", "CH_ELECTED", "CH_UJOIN", "CH_ULEAVE", "CH_MSG_ACK",
                     "CH_MSG_COMMIT", "UCNN", "UDCNN", "USR_ADD", "USR_RMD", "LST_CH"))


class Broken(Exception):
    """The server broke a rule of the protocol."""


class Line:
    def __init__(self, crowd, device, now):
        self.crowd, self.device, self.since = crowd, device, now
        self.key = device.key
        self.session = moot_wire.Session(self.key)
        self.greeting = None
        self.inside = False  # the signed SINFO came
        self.said_at = now
        self.unseen = False  # a MSG_ACK came and was not told as seen
        self.refs = {}  # nonce -> Said
        self.refused = set()  # nonces
        self.unsafe = []  # [(Said, nonce)] since the last INFO
        self.unsettled = []  # [(Said, sends)] acknowledged since the last INFO
        self.barriers = {}  # nonce -> (when, unsafe, unsettled, then)
        self.pulls = {}  # req -> (what takes the page, what asks again on another line)
        self.next_req = 1
        self._in, self._out = b"", b""
        self._events = 0
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((device.source, 0))
        self.fd = self.socket.fileno()
        code = self.socket.connect_ex((self.key.host, self.key.port))
        if code not in (0, errno.EINPROGRESS):
            self.socket.close()
            raise ConnectionError(errno.errorcode[code])
        self._want(select.EPOLLIN)

    def _want(self, events):
        if events == self._events:
            return
        poll = self.crowd.poll
        (poll.modify if self._events else poll.register)(self.fd, events)
        self._events = events

    def close(self, abruptly=False):
        if abruptly:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.crowd.poll.unregister(self.fd)
        self.socket.close()

    # ---- out

    def say(self, cmd, **fields):
        nonce, octets = self.session.octets_of(cmd, **fields)
        self.said_at = self.crowd.now
        self._out += octets
        if len(self._out) == len(octets):
            self.flush()
        return nonce

    def seen(self):
        """The last nonce of the server that was accepted."""
        self.unseen = False
        return (self.session._server_nonce - 1) % 2**64

    def barrier(self, then=None):
        """An INFO: its answer says that all before it is done, and safe."""
        nonce = self.say("INFO", seen=self.seen())
        self.barriers[nonce] = (self.crowd.now, self.unsafe, self.unsettled, then)
        self.unsafe, self.unsettled = [], []

    def flush(self):
        if not self._out:
            return
        try:
            self._out = self._out[self.socket.send(self._out):]
        except BlockingIOError:
            pass
        except OSError:
            return  # what came before it broke can still be read, and the end of it
        self._want(select.EPOLLIN | (select.EPOLLOUT if self._out else 0))

    # ---- in

    def frames(self):
        """The whole frames that have come: [(cmd, signature, payload)], and whether it has ended."""
        ended = False
        try:
            piece = self.socket.recv(READ_AT_ONCE)
            ended = not piece
        except BlockingIOError:
            return [], False
        except OSError:
            return [], True
        frames, self._in = moot_wire.split_frames(self._in + piece)
        return frames, ended

    def greeted(self, frame, wall_s):
        """The unsigned SINFO; answered with CNN, by the clock that it tells."""
        cmd, signature, payload = frame
        greeting = moot_wire.unpack(payload)
        if (cmd, signature, greeting["cmd"], greeting["nonce"]) != (
                "SINFO", moot_wire.SIGNATURE_OF_NOBODY, "SINFO", 0):
            raise Broken(f"no greeting: {greeting}")
        self.greeting = greeting
        self.session.ahead_s = greeting["now"] // 1000 - int(wall_s)
        self.say("CNN", id=self.key.account, kid=self.key.kid, srv=self.key.srv,
                 chal=greeting["chal"])

    def opened(self, frame):
        try:
            return self.session.opened(*frame, SKIPPED)
        except (AssertionError, ValueError, KeyError) as error:
            raise Broken(str(error)) from error

    def admitted(self, info):
        """The signed SINFO repeats the greeting but for `now` (protocol.md 5.3)."""
        for name in self.greeting.keys() - {"now", "nonce", "timestamp"}:
            if info.get(name) != self.greeting[name]:
                raise Broken(f"the signed SINFO has another {name} than the greeting: {info}")
        self.inside = True
