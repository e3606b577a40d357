"""The crowd of a soak: some thousand connections in one thread, each of which says something now and
then, goes and comes again. What it says and hears goes into the ledger (soak_ledger.py)."""

import heapq
import os
import queue
import random
import select
import threading
import time
import traceback

import moot_wire
from chaos_home import words
from moot_records import digest_of
from soak_line import Broken, Line

HANDSHAKE_S = 20
HANDSHAKES = 100  # at once; a server gives each of them ten seconds
ANSWER_S = 45  # to an INFO; over: a connection is given up, as clients do
CALL_S = 120
AGAIN_S = 20  # until what was not acknowledged is sent again
QUIET_S = 60  # until a KALIVE
OUTBOX = 40
TO_HOMES = 0.05  # of the private messages
LOST_BEFORE_ACK = 0.02  # of connections that got a MSG
RECEIPTS_OF = 50  # members: the most with which a channel wants them
# ERR codes after which a message stays where it is and is tried again.
LATER = frozenset(("queue_full", "busy", "rate", "limit"))
# Why a server may end a connection that keeps the rules.
ENDS = frozenset(("shutdown", "stale", "timeout", "sendq", "clock", "limit"))


class Device:
    """One key; its memory is a disk that is never lost."""

    def __init__(self, number, key):
        self.number, self.key, self.account = number, key, key.account
        self.source = f"127.0.0.{2 + number % 32}"
        self.books = []
        self.replicas = {}
        self.outbox = {}  # id -> Said, until it is acknowledged
        self.trusting = number % 4 == 0  # sends nothing again that a barrier said is safe
        self.line = None
        self.owed = []  # what the judgement asked of a line that ended: done on the next one
        self.private_ms = self.channel_ms = 0  # the server's clocks against this one

    def enters(self, book):
        self.books.append(book)
        self.replicas[book] = os.urandom(16)


class Crowd(threading.Thread):
    """`rate`: messages a second of all together; `churn`: connections a second that go."""

    def __init__(self, devices, ledger, homes, rate, churn, seed):
        super().__init__(daemon=True)
        self.devices, self.ledger, self.homes = devices, ledger, homes
        self.rate, self.churn = rate, churn
        self.accounts = sorted({d.account for d in devices})
        self.random = random.Random(seed)
        self.poll = select.epoll()
        self.lines = {}  # fd -> Line
        self.inside = 0
        self.speaking = self.churning = False
        self.now = time.monotonic()
        self.serial = 0
        self.counts = ledger.counts
        self._timers, self._n = [], 0
        self._calls = queue.SimpleQueue()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._ended = False

    # ---- the thread

    def run(self):
        try:
            self.poll.register(self._bell, select.EPOLLIN)
            for device in self.devices:
                self.after(self.random.uniform(0, 3), self.connect, device)
            self.after(1, self.speak)
            self.after(1, self.drop_somebody)
            self.after(1, self.sweep)
            while not self._ended:
                self.turn()
        except Exception:
            self.ledger.found("the crowd itself failed: " + traceback.format_exc())
        finally:
            for line in list(self.lines.values()):
                line.close()
            self.poll.close()

    def turn(self):
        wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else 1.0
        events = self.poll.poll(min(wait, 1.0), 512)
        self.now = time.monotonic()
        for fd, event in events:
            if fd == self._bell:
                os.eventfd_read(fd)
                while not self._calls.empty():
                    self._calls.get()()
            elif (line := self.lines.get(fd)) is not None:
                if event & select.EPOLLOUT:
                    line.flush()
                if event & ~select.EPOLLOUT:
                    self.read(line)
        while self._timers and self._timers[0][0] <= self.now:
            _, _, what, args = heapq.heappop(self._timers)
            what(*args)

    def after(self, seconds, what, *args):
        self._n += 1
        heapq.heappush(self._timers, (self.now + seconds, self._n, what, args))

    def call(self, what, *args):
        """In the crowd's thread, from another one. What it returns."""
        answer = queue.SimpleQueue()

        def run():
            try:
                answer.put((what(*args), None))
            except Exception as error:
                answer.put((None, error))

        self._calls.put(run)
        os.eventfd_write(self._bell, 1)
        try:
            value, error = answer.get(timeout=CALL_S)
        except queue.Empty:
            raise TimeoutError(f"the crowd did not answer within {CALL_S} s") from None
        if error is not None:
            raise error
        return value

    def end(self):
        self._ended = True
        os.eventfd_write(self._bell, 1)
        self.join(30)
        os.close(self._bell)

    # ---- connections

    def connect(self, device):
        if device.line is not None:
            return
        if len(self.lines) - self.inside >= HANDSHAKES:
            self.after(self.random.uniform(0.02, 0.2), self.connect, device)
            return
        try:
            device.line = Line(self, device, self.now)
        except OSError:
            self.counts["connections refused"] += 1
            self.after(self.random.uniform(0.3, 1.5), self.connect, device)
            return
        self.lines[device.line.fd] = device.line

    def lose(self, line, wait, abruptly=False):
        device = line.device
        self.inside -= line.inside
        del self.lines[line.fd]
        line.close(abruptly)
        device.owed += [again for _, again in line.pulls.values() if again is not None]
        device.owed += [lambda next_line, then=then: next_line.barrier(then)
                        for _, _, _, then in line.barriers.values() if then is not None]
        device.line = None
        self.after(wait, self.connect, device)

    def read(self, line):
        device = line.device
        try:
            frames, ended = line.frames()
            for frame in frames:
                if device.line is not line:
                    return  # it was left in the middle of them
                if line.greeting is None:
                    line.greeted(frame, time.time())
                else:
                    self.hear(line, line.opened(frame))
        except Broken as broken:
            self.ledger.found(f"{device.account}: {broken}")
            ended = True
        if ended and device.line is line:
            self.counts["connections ended"] += 1
            self.lose(line, self.random.uniform(0.2, 3))

    def come_in(self, line, info):
        device = line.device
        line.admitted(info)
        self.inside += 1
        self.counts["sessions"] += 1
        device.private_ms = device.channel_ms = info["now"] - int(time.time() * 1000)
        for book in device.books:
            line.say("CH_ATTACH", id=book.id, replica=device.replicas[book])
            if self.random.random() < 0.5:
                self.pull(line, book, book.newest if any(book.newest) else None)
        for said in list(device.outbox.values()):
            self.transmit(device, said)
        owed, device.owed = device.owed, []
        for ask in owed:
            ask(line)
        line.barrier()

    def drop_somebody(self):
        if self.churning:
            device = self.random.choice(self.devices)
            if self.is_in(device):
                self.counts["connections dropped"] += 1
                if how := self.random.randrange(3):
                    if how == 1:
                        device.line.say("DCNN", seen=device.line.seen())
                    elif self.speaking:  # gone before anything of it can be answered
                        self.say_something(device)
                self.lose(device.line, self.random.expovariate(1 / 4), abruptly=how == 2)
        self.after(self.random.expovariate(self.churn), self.drop_somebody)

    def sweep(self):
        for device in self.devices:
            line = device.line
            if line is None:
                continue
            if not line.inside:
                if self.now - line.since > HANDSHAKE_S:
                    self.counts["handshakes given up"] += 1
                    self.lose(line, self.random.uniform(0.2, 3))
                continue
            oldest = next(iter(line.barriers.values()), None)
            if oldest is not None and self.now - oldest[0] > ANSWER_S:
                self.counts["connections without an answer"] += 1
                self.lose(line, self.random.uniform(0.2, 3))
                continue
            for said in list(device.outbox.values()):
                if self.now - said.tried_at > AGAIN_S:
                    self.transmit(device, said)
            if line.unseen or self.now - line.said_at > QUIET_S:
                line.say("KALIVE", seen=line.seen())
        self.after(2, self.sweep)

    # ---- saying

    def speak(self):
        if self.speaking:
            device = self.random.choice(self.devices)
            if self.is_in(device):
                self.say_something(device)
        self.after(self.random.expovariate(self.rate), self.speak)

    def say_something(self, device):
        if len(device.outbox) >= OUTBOX:
            return
        if device.books and self.random.random() < 0.5:
            self.post(device, self.random.choice(device.books))
        else:
            homes = self.homes and self.random.random() < TO_HOMES
            self.write(device, self.random.choice(self.homes if homes else self.accounts))

    def text(self):
        self.serial += 1
        return moot_wire.text_content(f"{self.serial} {words(self.random)}")

    def new_id(self, ahead_ms, newest=bytes(16)):
        """The greater of the server's clock and what is a little above the newest id that is known: not
        the next one, which everybody would take where the clock stands behind it."""
        ms = int(time.time() * 1000) + ahead_ms
        made = ms.to_bytes(6, "big") + self.random.randbytes(10)
        above = int.from_bytes(newest, "big") + 1 + self.random.getrandbits(48)
        return max(made, above.to_bytes(16, "big")) if any(newest) else made

    def write(self, device, to):
        said = self.ledger.say(device, to, self.new_id(device.private_ms), self.text())
        device.outbox[said.id] = said
        self.transmit(device, said)

    def post(self, device, book):
        said = book.say(device, self.new_id(device.channel_ms, book.newest), self.text())
        device.outbox[said.id] = said
        self.transmit(device, said)
        return said

    def transmit(self, device, said):
        line = device.line
        if isinstance(said.to, str):
            nonce = line.say("PV_MSG", to=said.to, msg_id=said.id, msg=said.msg)
        else:
            again = {"retry": True} if said.sends else {}
            nonce = line.say("CH_MSG", id=said.to.id, msg_id=said.id, msg=said.msg, **again)
        said.sends += 1
        self.counts["sent again"] += said.sends > 1
        said.tried_at = self.now
        said.note(f"sent by {device.number}, the {said.sends}. time")
        line.refs[nonce] = said
        line.unsafe.append((said, nonce))
        if self.random.random() < 1 / 3:
            line.barrier()

    def pull(self, line, book, anchor, then=None, **proof):
        """`then(page)` for each page; asks on as long as there is more."""

        def page(c):
            for record in c["messages"]:
                said = book.on_page(record)
                if said is not None and said.origin is line.device:
                    line.device.outbox.pop(said.id, None)
            if then is not None:
                then(c)
            if c["more"]:
                self.pull(line, book, c["upto"], then)

        again = None if then is None else lambda other: self.pull(other, book, anchor, then, **proof)
        line.pulls[line.next_req] = (page, again)
        line.say("CH_PULL", id=book.id, anchor=anchor, req=line.next_req, **proof)
        line.next_req += 1

    # ---- hearing

    def hear(self, line, c):
        cmd = c["cmd"]
        if not line.inside:
            if cmd == "SINFO":
                self.come_in(line, c)
                return
            if cmd != "DCNN":
                raise Broken(f"before SINFO came {c}")
        getattr(self, "on_" + cmd.lower(), self.on_other)(line, c)

    def on_other(self, line, c):
        if len(c) > 1:  # else it was skipped
            raise Broken(f"a command that nobody expects: {c}")

    def on_sinfo(self, line, c):
        barrier = line.barriers.pop(c.get("ref"), None)
        if barrier is None:
            return
        _, unsafe, unsettled, then = barrier
        for said, nonce in unsafe:
            line.refs.pop(nonce, None)
            if nonce not in line.refused:
                said.safe = True
                said.note("safe by a barrier")
                if line.device.trusting:
                    line.device.outbox.pop(said.id, None)
        for said, sends in unsettled:
            self.ledger.settle(line.device, said, sends)
        if then is not None:
            then()

    def on_msg(self, line, c):
        said = self.ledger.heard(line.device, c, self.homes)
        if said is None:
            return
        if self.churning and self.random.random() < LOST_BEFORE_ACK:
            self.counts["connections dropped"] += 1
            self.lose(line, self.random.expovariate(1 / 4), abruptly=True)
            return
        line.say("ACK_MSG", **{"from": c["from"]}, msg_id=c["msg_id"])
        said.acks_sent += "to" not in c
        said.note(f"acknowledged by {line.device.number}")
        line.unsettled.append((said, said.sends))
        if self.random.random() < 1 / 4:
            line.barrier()

    def on_msg_ack(self, line, c):
        line.unseen = True
        said = self.ledger.acknowledged(line.device, c)
        if said is not None and said.origin is line.device:
            line.device.outbox.pop(said.id, None)

    def on_ch_msg(self, line, c):
        book = self.ledger.books.get(c["id"])
        if book is None:
            raise Broken(f"a message of a channel that is not there: {c}")
        said = book.heard(line.device, c)
        if said is None:
            return
        if said.origin is line.device:
            line.device.outbox.pop(said.id, None)
        elif len(book.members) <= RECEIPTS_OF and self.random.random() < 0.1:
            line.say("ACK_CH_MSG", id=said.id, channel=book.id,
                     digest=digest_of(book.id, said.id, said.author, said.msg))

    def on_ch_append(self, line, c):
        asked = line.pulls.pop(c["req"], None)
        if asked is None:
            raise Broken(f"a page that nobody asked for: {c}")
        asked[0](c)

    def on_err(self, line, c):
        code = c["code"]
        self.counts[f"ERR {code}"] += 1
        said = line.refs.pop(c["ref"], None)
        line.refused.add(c["ref"])
        if c["ref_cmd"] in ("ACK_MSG", "ACK_CH_MSG") and code == "unknown_msg":
            return
        if said is None or (code != "bad_time" and code not in LATER):
            self.ledger.found(f"{line.device.account} was refused: {c}")
            return
        said.refused += 1
        said.note(f"refused: {code}")
        if code == "bad_time":
            self.set_clock(line.device, said, c["now"])

    def set_clock(self, device, said, now_ms):
        """A new id where nobody can have the old one; else it waits until its time has come."""
        ahead = now_ms - int(time.time() * 1000)
        private = isinstance(said.to, str)
        if private:
            device.private_ms = ahead
        else:
            device.channel_ms = ahead
        if said.sends > said.refused or said.safe or said.acked or said.id not in device.outbox:
            return
        del device.outbox[said.id]
        if private:
            self.ledger.renumbered(said, self.new_id(ahead))
        else:
            said.to.renumbered(said, self.new_id(ahead))
        device.outbox[said.id] = said
        self.transmit(device, said)

    def on_dcnn(self, line, c):
        code = c["code"]
        self.counts[f"DCNN {code}"] += 1
        if code not in ENDS:
            self.ledger.found(f"{line.device.account}'s connection was ended: {c}")
        # The server spreads them itself.
        self.lose(line, c.get("retry_s", 0) + self.random.uniform(0.2, 2))

    # ---- for whoever conducts it, through call()

    def missing(self):
        return [d.number for d in self.devices if not self.is_in(d)]

    def waiting(self):
        """Messages that wait for their acknowledgement."""
        return sum(len(d.outbox) for d in self.devices)

    def burst(self, n):
        """So many say something at once. How much is unacknowledged then."""
        for device in self.random.sample(self.devices, min(n, len(self.devices))):
            if self.is_in(device):
                self.say_something(device)
        return self.waiting()

    def say_everywhere(self):
        """One in each channel says something: [Said]."""
        return [self.post(self.random.choice([d for d in book.members if self.is_in(d)]), book)
                for book in self.ledger.books.values()]

    @staticmethod
    def is_in(device):
        return device.line is not None and device.line.inside

    def ask(self, device, what):
        """`what(line)`, now or when there is one."""
        if self.is_in(device):
            what(device.line)
        else:
            device.owed.append(what)

    def barrier_for_all(self, then):
        for device in self.devices:
            self.ask(device, lambda line: line.barrier(then))
