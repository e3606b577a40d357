"""A home, the `moot` processes that work in it and are killed, and what they say. What tools/chaos.py,
tools/chaos_member.py and with it the soak are made of."""

import json
import subprocess
import threading


class Finding(Exception):
    """Something that must not be."""


def words(random):
    """A text to say: short, rarely long, of characters of one to four octets."""
    length = 2000 if random.random() < 0.02 else random.randint(0, 100)
    return "".join(random.choices("abcdefghij äöü€🌳", k=length)).strip() + "."


class Home:
    """`world` has `dir`, `moot`, `changed`, `progress` and `found(what)`."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.home = world.dir / name
        self.log = open(world.dir / f"{name}.log", "a+b")

    def moot(self, *args):
        return [str(self.world.moot), "--home", str(self.home), *args]

    def last_words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace").splitlines()[-6:]


class Moot(subprocess.Popen):
    """A `moot` at work in a home; `hear` is told each whole line that it prints, once."""

    def __init__(self, home, args, hear, stdin=subprocess.DEVNULL):
        super().__init__(home.moot(*args), stdin=stdin, stdout=subprocess.PIPE, stderr=home.log)
        self._home, self._hear = home, hear
        self._hearing = threading.Thread(target=self._hear_lines, daemon=True)
        self._hearing.start()

    def _hear_lines(self):
        world = self._home.world
        with self.stdout:
            for line in self.stdout:
                if not line.endswith(b"\n"):
                    break  # cut by the kill
                with world.changed:
                    try:
                        self._hear(json.loads(line))
                    except (ValueError, LookupError) as error:
                        world.found(f"{self._home.name} said {line!r}: {error!r}")
                    world.progress += 1
                    world.changed.notify_all()

    def let_go(self):
        """Hears the last words of a process that ends."""
        self.wait()
        self._hearing.join()
        if self.stdin:
            try:
                self.stdin.close()
            except BrokenPipeError:
                pass  # of what it was told last


class Sender:
    """A `moot send TARGET -` of a home: texts that begin with their number, and what became of them."""

    def __init__(self, home, target, wait, may_end=False):
        self.home, self.target, self.wait, self.may_end = home, target, wait, may_end
        self.told = 0  # handed to the process, ever
        self.unsure = set()  # of these: the process that had it died before it said what became of it
        self.here = set()  # handed to the process of now
        self.confirmed = set()
        self.left_behind = set()  # it ended and said that these are in the outbox
        self.process = None

    def start(self):
        self.unsure |= self.here - self.confirmed
        self.here = set()
        self.process = Moot(self.home, ("send", self.target, "-", "--wait", self.wait, "--timeout",
                                        "2400s", "--json"), self.hear, subprocess.PIPE)

    def hear(self, told):
        number = int(told["text"].split()[0])
        if told["state"] == self.wait:
            self.confirmed.add(number)
        elif self.may_end and told["state"] in ("queued", "sent", "pending"):
            self.left_behind.add(number)
        else:
            self.home.world.found(f"`moot send` of {self.home.name} said {told}")

    def say(self, texts):
        """Hands them to the process; what a dead one gets is lost, and known to be unsure."""
        lines = b""
        for text in texts:
            self.here.add(self.told)
            lines += f"{self.told} {text}\n".encode()
            self.told += 1
        try:
            self.process.stdin.write(lines)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def waiting(self):
        return self.here - self.confirmed
