"""A member of a channel that its members keep, as real processes that are killed and come again, and
the judgement of what all of them have in the end. tools/chaos_channel.py and tools/soak.py use it."""

import collections
import json
import subprocess
import time

from chaos_home import Finding, Home, Moot, Sender


class Member(Home):
    """Who keeps a channel with others. `world` has besides what a home needs `heard` and `leader` of
    what replicas said, the latter by channel."""

    def __init__(self, world, name, channel, may_end=False):
        super().__init__(world, name)
        self.channel = channel
        self.posts = Sender(self, "#" + channel, "committed", may_end)
        self.senders = [self.posts]
        self.replica = None
        self.back_at = 0.0

    def ask(self, *args, timeout=600, check=True):
        return subprocess.run(self.moot(*args), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, check=check)

    def start(self):
        self.replica = Moot(self, ("replica", self.channel, "--json"), self.hear_replica)
        for sender in self.senders:
            sender.start()

    def hear_replica(self, line):
        self.world.heard[line["what"]] += 1
        if line["what"] == "leader" and line.get("leader"):
            self.world.leader[self.channel] = line["leader"]

    def processes(self):
        return [p for p in (self.replica, *(s.process for s in self.senders)) if p is not None]

    def kill(self):
        for process in self.processes():
            process.kill()
        for process in self.processes():
            process.let_go()
        self.replica = None
        for sender in self.senders:
            sender.process = None

    def running(self):
        return self.replica is not None

    def check_running(self):
        """None of its processes ends by itself, but for a sender that may; that one goes on."""
        if self.replica.poll() is not None:
            raise Finding(f"`moot replica` of {self.name} ended with {self.replica.poll()}")
        for sender in self.senders:
            if sender.process.poll() is None:
                continue
            if not sender.may_end or sender.process.returncode != 1:
                raise Finding(f"`moot send` of {self.name} ended with {sender.process.poll()}")
            sender.process.let_go()
            sender.start()


def verified(members, patience_s):
    """Until `moot verify` says on every one that its history is equal to the leader's, and all say
    the same. What it says."""
    end = time.monotonic() + patience_s
    while True:
        told = [m.ask("verify", m.channel, "--json", check=False) for m in members]
        states = {v.stdout.strip() for v in told}
        prints = {json.loads(s)["fingerprint"] for s in states if s}
        if all(v.returncode == 0 for v in told) and len(prints) == 1:
            return json.loads(told[0].stdout)
        if time.monotonic() > end:
            raise Finding("the histories do not become equal: " +
                          "; ".join(f"{v.returncode} {v.stdout.strip()} {v.stderr.strip()}"
                                    for v in told))


def history_of(member):
    done = member.ask("history", member.channel, "--json")
    return [(m["id"], m["from"], int(m["text"].split()[0]))
            for m in map(json.loads, done.stdout.splitlines())]


def judge(members, histories):
    """Finds what is wrong with histories that `members` have in the end."""
    for member, history in zip(members, histories):
        if history != histories[0]:
            raise Finding(f"the history of {member.name} is another than that of {members[0].name}")
    history = histories[0]
    if [h[0] for h in history] != sorted(h[0] for h in history):
        raise Finding("a history is not in its order")
    said = collections.Counter((author, number) for _, author, number in history)
    if twice := [s for s, n in said.items() if n > 1]:
        raise Finding(f"these stand in the history twice: {twice[:5]}")
    for member in members:
        for number in member.posts.confirmed:
            if (member.name, number) not in said:
                raise Finding(f"{member.name} {number} was committed and is in no history")
        for number in member.posts.left_behind:
            if (member.name, number) not in said:
                raise Finding(f"{member.name} {number} was in the outbox and never went")
    told = {member.name: member.posts.told for member in members}
    for author, number in said:
        if number >= told.get(author, 0):
            raise Finding(f"{author} {number} was never said")


def in_doubt(status):
    """How much `moot status --json` says is not told as committed yet."""
    return json.loads(status)["outbox"]


def judged(members, patience_s):
    """(how many messages, fingerprint) of histories that are what they have to be."""
    end = time.monotonic() + patience_s
    told = verified(members, patience_s)
    while True:
        stands = [m.ask("status", "--json").stdout for m in members]
        if time.monotonic() > end or not any(in_doubt(s) for s in stands):
            break
    for member, stand in zip(members, stands):
        if in_doubt(stand):
            raise Finding(f"{member.name} has something in doubt still: {stand.strip()}")
    histories = [history_of(m) for m in members]
    judge(members, histories)
    return len(histories[0]), told["fingerprint"]
