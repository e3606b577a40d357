"""Frames and payloads outside the grammar and the profile: the FR and MP rows of the catalogue."""

import select
import unittest

import support
from support import PATIENCE, ServerCase, wire

SIG = b"a" * 128


def header(cmd=b"CNN", length=b"10", sig=SIG):
    return cmd + b"\n" + length + b"\n" + sig + b"\n"


class Frames(ServerCase):
    ARGS = ("--set", "cnn_timeout_s=600")

    def both_refuse(self, octets):
        """Silently before CNN; afterwards with a signed DCNN or silently, never with an answer."""
        key = self.new_key()
        self.assert_silent(self.raw(key).send(octets))
        opened = self.raw(key).open().send(octets)
        said = [cmd for cmd, _, _ in opened.rest()]
        self.assertNotIn("ERR", said)
        self.assertEqual(said[-1:], ["DCNN"])

    def test_FR_01_a_header_of_163_octets_closes(self):
        self.both_refuse(header(cmd=b"A" * 25))
        self.both_refuse(b"A" * 163)

    def test_FR_02_a_carriage_return_closes(self):
        self.both_refuse(b"INFO\r\n10\n" + SIG + b"\n")

    def test_FR_03_a_length_that_is_no_plain_number_closes(self):
        for length in (b"0", b"04", b"+4", b" 4", b"0x4", b"99999999", b"-1", b""):
            with self.subTest(length=length):
                self.both_refuse(header(length=length))

    def test_FR_04_upper_case_digits_in_the_signature_close(self):
        self.both_refuse(header(sig=b"A" * 128))

    def test_FR_05_a_signature_of_127_or_129_digits_closes(self):
        self.both_refuse(header(sig=b"a" * 127) + b"x")
        self.both_refuse(header(sig=b"a" * 129))

    def test_FR_06_a_command_in_lower_case_closes(self):
        self.both_refuse(header(cmd=b"info"))

    def test_FR_07_a_frame_that_does_not_go_on_closes(self):
        # cnn_timeout_s is far away: only the deadline of the frame can end this.
        self.assert_silent(self.raw().send(b"C"))

    def test_FR_07_a_frame_begun_behind_a_whole_one_has_to_go_on_as_well(self):
        for before in (0, 1):  # octets of the whole one that come alone
            with self.subTest(before=before):
                raw = self.raw().open()
                whole = wire.frame("INFO", raw.payload("INFO"), raw.key.key)
                if before:
                    raw.send(whole[:before])
                    self.connect().barrier()  # they have been read
                raw.send(whole[before:] + b"I")
                self.assertIn("ref", raw.wait_for("SINFO"))
                self.assert_said(raw, "timeout")

    def trickle(self, raw, octets):
        """One octet after the other, each a while after the one before, until the server ends it.
        How many it took."""
        self.assertGreater(len(octets), PATIENCE / 0.5)
        for n, octet in enumerate(octets[:int(PATIENCE / 0.5)]):
            try:
                if select.select([raw.socket], [], [], 0.5)[0]:
                    piece = raw.socket.recv(65536)
                    raw._in += piece
                    said = [cmd for cmd, _, _ in wire.split_frames(raw._in)[0]]
                    if not piece or "DCNN" in said:
                        return n
                raw.send(bytes([octet]))
            except (ConnectionResetError, BrokenPipeError):  # it ended while an octet was on its way
                return n
        self.fail("it takes a trickle")

    def test_FR_07_DO_01_octets_that_trickle_close_before_cnn(self):
        raw = self.raw()
        self.assertGreater(self.trickle(raw, header()), 2)
        self.assert_silent(raw)

    def test_FR_07_DO_01_a_header_that_trickles_ends_with_timeout(self):
        raw = self.raw().open()
        whole = wire.frame("INFO", raw.payload("INFO"), raw.key.key)
        self.assertGreater(self.trickle(raw, whole), 2)
        self.assert_said(raw, "timeout")

    def test_FR_07_DO_01_a_payload_below_its_rate_ends_with_timeout(self):
        raw = self.raw().open()
        payload = raw.payload("PV_MSG", to="nobody", msg_id=wire.new_ulid(), msg=b"x" * 16_000)
        whole = wire.frame("PV_MSG", payload, raw.key.key)
        begun = len(whole) - len(payload) + 100
        raw.send(whole[:begun])
        self.assertGreater(self.trickle(raw, whole[begun:]), 2)
        self.assert_said(raw, "timeout")

    def test_FR_08_two_frames_in_one_segment_and_one_in_many(self):
        raw = self.raw().open()
        first, second = raw.payload("INFO"), raw.payload("INFO")
        raw.send(wire.frame("INFO", first, raw.key.key) + wire.frame("INFO", second, raw.key.key))
        refs = {raw.wait_for("SINFO")["ref"] for _ in range(2)}
        self.assertEqual(len(refs), 2)
        frame = wire.frame("INFO", raw.payload("INFO"), raw.key.key)
        for octet in frame:
            raw.send(bytes([octet]))
        self.assertIn("ref", raw.wait_for("SINFO"))

    def test_a_frame_behind_the_cnn_in_one_segment_is_handled(self):
        raw = self.raw()
        cnn = wire.frame("CNN", raw.payload("CNN", **raw.cnn_fields()), raw.key.key)
        info = wire.frame("INFO", raw.payload("INFO"), raw.key.key)
        raw.send(cnn + info)
        self.assertNotIn("ref", raw.wait_for("SINFO"))
        self.assertIn("ref", raw.wait_for("SINFO"))

    def test_more_than_1024_octets_before_cnn_close(self):
        self.assert_silent(self.raw().send(header(length=b"1025")))

    def test_a_payload_over_max_frame_ends_with_proto(self):
        self.assert_said(self.raw().open().send(header(cmd=b"PV_MSG", length=b"262145")), "proto")


# Payloads outside the profile: a good envelope around something bad.
def with_envelope(raw, extra_pairs, tail):
    nonce = raw.nonce
    raw.nonce = (nonce + 1) % 2**64
    good = wire.payload_of("INFO", "c", nonce, int(support.time.time()), {})
    assert good[0] == 0x84
    return bytes([0x84 + extra_pairs]) + good[1:] + tail


MANY_NODES = b"\xdc\x40\x00" + b"\xc0" * 16384

BAD = {
    "MP_01_a_duplicate_key": (1, wire.pack("cmd") + wire.pack("INFO")),
    "MP_02_a_key_that_is_a_number": (1, b"\x01\x01"),
    "MP_03_ext": (1, wire.pack("x") + b"\xd4\x01\x00"),
    "MP_04_float": (1, wire.pack("x") + b"\xcb" + b"\x00" * 8),
    "MP_05_an_array32_bomb": (1, wire.pack("x") + b"\xdd\xff\xff\xff\xff"),
    "MP_05_a_map32_bomb": (1, wire.pack("x") + b"\xdf\xff\xff\xff\xff"),
    "MP_06_chained_array16": (1, wire.pack("x") + b"\xdc\xff\xff" * 300),
    "MP_07_depth_9": (1, wire.pack("x") + b"\x91" * 8 + b"\xc0"),
    "MP_08_more_than_16384_nodes": (1, wire.pack("x") + MANY_NODES),
    "MP_09_bad_utf8": (1, wire.pack("x") + b"\xa2\xc3\x28"),
    "MP_10_nul_in_a_text": (1, wire.pack("x") + b"\xa1\x00"),
    "MP_11_an_octet_behind_the_map": (0, b"\xc0"),
}


class Payloads(ServerCase):
    def refuse(self, name):
        pairs, tail = BAD[name]
        raw = self.raw().open()
        self.assert_said(raw.send_frame("INFO", with_envelope(raw, pairs, tail)), "proto")

    def test_MP_12_a_top_level_that_is_no_map_ends_with_proto(self):
        for payload in (b"\x90", b"\xc0", b"\x01", b"\xa1x"):
            with self.subTest(payload=payload):
                self.assert_said(self.raw().open().send_frame("INFO", payload), "proto")

    def test_before_cnn_the_same_payloads_close_silently(self):
        key = self.new_key()
        for name, (pairs, tail) in BAD.items():
            with self.subTest(name):
                raw = self.raw(key)
                payload = raw.payload("CNN", **raw.cnn_fields())
                raw.send_frame("CNN", bytes([payload[0] + pairs]) + payload[1:] + tail)
                self.assert_silent(raw)

    def test_depth_8_and_unknown_keys_are_taken(self):
        raw = self.raw().open()
        payload = with_envelope(raw, 1, wire.pack("x") + b"\x91" * 7 + b"\xc0")
        raw.send_frame("INFO", payload)
        self.assertIn("ref", raw.wait_for("SINFO"))


for _name in BAD:
    setattr(Payloads, f"test_{_name}_ends_with_proto", lambda self, n=_name: self.refuse(n))

if __name__ == "__main__":
    unittest.main()
