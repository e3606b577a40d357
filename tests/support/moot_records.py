"""Records of channels: who they are, and how two histories are compared (docs/protocol.md 4, 6.4).
Standard library only."""

import hashlib


def digest_of(channel, msg_id, author, msg):
    """A record's identity."""
    content = hashlib.sha3_256(msg).digest()
    return hashlib.sha3_256(b"ch-rec" + channel + msg_id + author.encode() + content).digest()


def fingerprint(digests):
    total = sum(int.from_bytes(d, "big") for d in digests) % 2**256
    head = total.to_bytes(32, "big") + len(digests).to_bytes(8, "big")
    return hashlib.sha3_256(head).digest()[:16]


def element(record):
    return record["id"] + record["digest"][:8]


def ms_of(msg_id):
    return int.from_bytes(msg_id[:6], "big")
