"""Payloads to compare decoders with: everything at its boundaries, random values in every form of
their lengths, the corpus of the fuzz target, and changes of all of these. Same seed, same payloads."""

import random
import struct

LENGTHS = (0, 1, 15, 16, 31, 32, 63, 64, 65, 255, 256, 65535, 65536)
NODES_MAX = 16384
SEED_OCTETS_MAX = 600  # where changes are seen
TEXTS = (b"", b"a", b"\x00", b"a\x00b", b"\x7f", b"\x80", b"\xc3\xa9", b"\xc3", b"\xc0\x80", b"\xc1\xbf",
         b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf", b"\xed\xa0\x80",
         b"\xed\xbf\xbf", b"\xee\x80\x80", b"\xef\xbb\xbf", b"\xef\xbb\xbfa", b"\xef\xbf\xbf",
         b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf",
         b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe",
         b"a\xf0\x9f\x98", b"\xf0\x9f\x98\x80", b"\xe2\x82", b"__proto__", b"constructor")
# Where nothing, eight, sixteen and thirty-two bits tell a length.
FORMS = {"str": (0xA0, 0xD9, 0xDA, 0xDB), "bin": (None, 0xC4, 0xC5, 0xC6),
         "array": (0x90, None, 0xDC, 0xDD), "map": (0x80, None, 0xDE, 0xDF)}
IN_ITSELF = {"str": 32, "array": 16, "map": 16}


def heads(kind, n):
    """All ways to begin something of this length, the shortest first."""
    fixed, *sized = FORMS[kind]
    if fixed is not None and n < IN_ITSELF[kind]:
        yield bytes([fixed | n])
    for tag, code, most in zip(sized, "BHI", (0xFF, 0xFFFF, 0xFFFFFFFF)):
        if tag is not None and n <= most:
            yield struct.pack(">B" + code, tag, n)


def numbers(n):
    """All ways to write a number that is not negative."""
    if n < 0x80:
        yield bytes([n])
    for i, code in enumerate("BHIQ"):
        if n < 1 << (8 << i):
            yield struct.pack(">B" + code, 0xCC + i, n)
        if n < 1 << ((8 << i) - 1):
            yield struct.pack(">B" + code, 0xD0 + i, n)


def text(s):
    return next(heads("str", len(s))) + s


def within(value, key=b"a"):
    return b"\x81" + text(key) + value


def at_boundaries():
    """One payload for each thing that can be just right or just wrong."""
    for n in LENGTHS:
        for kind in ("str", "bin"):
            for head in heads(kind, n):
                yield within(head + b"x" * n)
                yield within(head + b"x" * (n - 1) if n else head[:-1])
                yield within(head + b"x" * (n + 1))
    for n in (*LENGTHS, *range(NODES_MAX - 5, NODES_MAX + 1)):
        for head in heads("array", n):
            for inside in (n, n - 1, n + 1):
                yield within(head + b"\xc0" * max(inside, 0))
    for n in (*range(70), 255, 256, 300):
        for head in heads("map", n):
            for inside in (n, n - 1, n + 1):
                yield head + b"".join(text(b"k%d" % i) + b"\xc0" for i in range(inside))
                yield within(head + b"".join(text(b"k%d" % i) + b"\x00" for i in range(inside)))
    for kind in FORMS:
        for head in (struct.pack(">BI", FORMS[kind][3], n) for n in (2**16, 2**31, 2**32 - 1)):
            yield within(head)
            yield within(head + bytes(64))
    for bits in range(64):
        for n in ((1 << bits) - 1, 1 << bits, (1 << bits) + 1, 2**64 - 1):
            yield from (within(form) for form in numbers(n))
            yield from (form for form in numbers(n))
    for i, code in enumerate("bhiq"):
        for n in (-1, -(1 << ((8 << i) - 1)), -33 if i else -32):
            yield within(struct.pack(">B" + code, 0xD0 + i, n))
    for first in range(256):
        yield bytes([first])
        for tail in (b"", b"\x00", b"\x01a", b"\xff" * 9, bytes(20), b"\x00\x01a\xc0", b"a" * 40):
            yield within(bytes([first]) + tail)
            yield b"\x81" + bytes([first]) + tail + b"\xc0"
            yield bytes([first]) + tail
    for s in TEXTS:
        for head in heads("str", len(s)):
            yield within(head + s)
            yield b"\x81" + head + s + b"\xc0"
            yield within(b"\x92" + head + s + b"\x07")
        yield within(text(b"y" * 250 + s))
        yield within(text(s + b"y" * 250))
    for one in heads("str", 1):
        for other in heads("str", 1):
            yield b"\x82" + one + b"k\x01" + other + b"k\x02"
            yield b"\x82" + one + b"k\x01" + other + b"l\x02"
    for depth in (*range(12), 100, 511, 512, 513, 1023, 1024, 1025, 5000):
        yield within(b"\x91" * depth + b"\xc0")
        yield b"\x81\xa1a" * depth + b"\xc0"
        yield within(b"\x91\x81\xa1b" * depth + b"\xc0")
        yield b"\x91" * depth
    for width, code in ((4, 0xCA), (8, 0xCB)):
        for octets in (bytes(width), b"\xff" * width, b"\x3f\x80" + bytes(width - 2)):
            yield within(bytes([code]) + octets)
    for i in range(5):
        for kind in (0, 1, 0xFF):
            yield within(bytes([0xD4 + i, kind]) + bytes(1 << i))
    for n in (0, 1, 4, 8, 12, 255):
        yield within(bytes([0xC7, n, 0xFF]) + bytes(n))
        yield within(bytes([0xC8, 0, n, 5]) + bytes(n))
        yield within(bytes([0xC9, 0, 0, 0, n, 5]) + bytes(n))


class Payloads:
    def __init__(self, seed, corpus):
        self.random = random.Random(seed)
        self.fixed = [*at_boundaries(), *corpus]
        # What changes are made of; new ones take the place of old ones.
        self.seeds = [p for p in self.fixed if 1 < len(p) < SEED_OCTETS_MAX]

    def make(self, count):
        """The fixed ones first; then as many others as are wanted."""
        yield from self.fixed[:count]
        r = self.random
        for i in range(count - len(self.fixed)):
            if r.random() < 0.15:
                payload = self.map(0)
                if len(payload) < SEED_OCTETS_MAX:
                    self.seeds[i % len(self.seeds)] = payload
            else:
                payload = r.choice(self.seeds)
                for _ in range(r.choice((1, 1, 1, 2, 3))):
                    payload = self.changed(payload)
            yield payload

    def form(self, forms):
        """The shortest one mostly: who writes minimal forms writes nothing else."""
        forms = list(forms)
        return forms[0] if self.random.random() < 0.7 else self.random.choice(forms)

    def value(self, depth):
        r = self.random
        kind = r.randrange(10 if depth < 8 else 6)
        if kind == 0:
            return r.choice((b"\xc0", b"\xc2", b"\xc3"))
        if kind in (1, 2):
            return self.form(numbers(r.choice((r.getrandbits(r.randrange(1, 65)), r.randrange(300)))))
        if kind in (3, 4):
            s = self.text()
            return self.form(heads("str", len(s))) + s
        if kind == 5:
            n = r.choice((0, 8, 16, 32, r.randrange(40), r.randrange(300)))
            return self.form(heads("bin", n)) + r.randbytes(n)
        if kind < 8:
            n = r.choice((0, 1, 2, 3, r.randrange(18)))
            return self.form(heads("array", n)) + b"".join(self.value(depth + 1) for _ in range(n))
        return self.map(depth)

    def text(self):
        r = self.random
        if r.random() < 0.5:
            return r.choice((b"cmd", b"nonce", b"id", b"to", b"msg", b"ada", b"#ops", b"", b"\xc3\xa9"))
        points = (r.randrange(1, 0x80), r.randrange(0x80, 0x800), r.randrange(0xE000, 0x10000),
                  r.randrange(0x10000, 0x110000))
        return "".join(chr(r.choice(points)) for _ in range(r.randrange(12))).encode()

    def map(self, depth):
        n = self.random.choice((1, 2, 3, 4, self.random.randrange(9)))
        keys = list({self.text() for _ in range(n)})
        pairs = (self.form(heads("str", len(k))) + k + self.value(depth + 1) for k in keys)
        return self.form(heads("map", len(keys))) + b"".join(pairs)

    def changed(self, payload):
        r = self.random
        if not payload:
            return b"\x80"
        at = r.randrange(len(payload))
        upto = min(len(payload), at + r.choice((1, 1, 2, 4, 9)))
        how = r.randrange(7)
        if how == 0:
            return payload[:at] + bytes([payload[at] ^ 1 << r.randrange(8)]) + payload[at + 1:]
        if how == 1:
            return payload[:at] + bytes([r.randrange(256)]) + payload[at + 1:]
        if how == 2:
            return payload[:at] + bytes([r.randrange(0x80, 0x100)]) + payload[at:]
        if how == 3:
            return payload[:at] + payload[upto:]
        if how == 4:
            return payload[:at]
        if how == 5:
            return payload[:at] + payload[at:upto] * 2 + payload[upto:]
        other = r.choice(self.seeds)
        return payload[:at] + other[r.randrange(len(other)):]
