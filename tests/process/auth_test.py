"""Who may speak: the AU rows of the catalogue that a running server shows."""

import os
import re
import unittest

from support import MOOTD, Raw, ServerCase, wire
import support


def flipped(signature, bit):
    raw = bytearray.fromhex(signature.decode())
    raw[bit // 8] ^= 1 << (bit % 8)
    return raw.hex().encode()


def frame_signed(cmd, payload, signature):
    return b"%s\n%d\n%s\n%s" % (cmd.encode(), len(payload), signature, payload)


class Authentication(ServerCase):
    ARGS = ("--set", "limits.commands_per_s=0")

    def test_AU_01_a_cnn_with_any_bit_of_its_signature_flipped_closes_silently(self):
        key = self.new_key()
        for bit in range(512):
            raw = self.raw(key)
            payload = raw.payload("CNN", **raw.cnn_fields())
            raw.send(frame_signed("CNN", payload, flipped(wire.sign(key.key, payload), bit)))
            self.assertEqual(raw.rest(), [], bit)

    def test_AU_01_a_later_frame_with_a_flipped_bit_closes_silently(self):
        key = self.new_key()
        for bit in (0, 7, 255, 511):
            raw = self.raw(key).open()
            before = raw.payload("INFO")
            raw.send(frame_signed("INFO", before, flipped(wire.sign(key.key, before), bit)))
            self.assertNotIn("DCNN", [cmd for cmd, _, _ in raw.rest()], bit)

    def test_AU_02_a_header_with_another_command_ends_with_proto(self):
        raw = self.raw().open()
        self.assert_said(raw.send_frame("KALIVE", raw.payload("INFO")), "proto")

    def test_AU_03_a_reflected_frame_ends_with_proto(self):
        for cmd in ("CH_MSG", "CH_VOTE"):
            with self.subTest(cmd):
                raw = self.raw().open()
                self.assert_said(raw.send_frame(cmd, raw.payload(cmd, direction="s")), "proto")

    def test_AU_03_the_servers_own_frames_are_no_frames_of_the_client(self):
        raw = self.raw()
        raw.cnn()
        cmd, signature, payload = raw.frame()
        raw.send(frame_signed(cmd, payload, signature))
        self.assert_said(raw, "proto")

    def test_AU_04_any_nonce_but_the_next_ends_with_proto(self):
        key = self.new_key()
        for step in (-1, 1, -2, 2**63):
            with self.subTest(step=step):
                raw = self.raw(key).open()
                raw.send_frame("INFO", raw.payload("INFO", nonce=(raw.nonce + step) % 2**64))
                self.assert_said(raw, "proto")

    def test_AU_04_nonces_go_round_at_two_to_the_64(self):
        raw = self.raw()
        raw.nonce = 2**64 - 2
        raw.open()
        self.assertTrue(raw.alive() and raw.alive() and raw.alive())
        self.assertEqual(raw.nonce, 2)

    def test_AU_05_a_second_cnn_on_a_connection_ends_with_proto(self):
        raw = self.raw().open()
        self.assert_said(raw.cnn(), "proto")

    def test_AU_05_a_recorded_session_is_refused_on_another_connection(self):
        raw = self.raw()
        record = wire.frame("CNN", raw.payload("CNN", **raw.cnn_fields()), raw.key.key)
        raw.send(record)
        raw.wait_for("SINFO")
        self.assert_said(self.raw(raw.key).send(record), "chal")

    def test_AU_05_a_cnn_for_another_server_name_is_told_so(self):
        self.assert_said(self.raw().cnn(srv="other.example"), "srv")

    def test_AU_05_a_nonce_that_was_used_is_refused_even_with_the_right_challenge(self):
        first = self.raw()
        used = first.nonce
        first.open()
        again = self.raw(first.key)
        again.nonce = used
        self.assert_said(again.cnn(), "replay")

    def test_AU_06_a_clock_900_seconds_off_is_taken_and_one_further_is_told(self):
        key = self.new_key()
        now = int(support.time.time())
        for off in (890, -890):
            raw = self.raw(key)
            raw.send_frame("CNN", raw.payload("CNN", seconds=now + off, **raw.cnn_fields()))
            raw.wait_for("SINFO")
        for off in (1000, -1000, 10**9):
            with self.subTest(off=off):
                raw = self.raw(key)
                raw.send_frame("CNN", raw.payload("CNN", seconds=now + off, **raw.cnn_fields()))
                self.assert_said(raw, "clock")

    def test_AU_07_a_cnn_without_the_challenge_or_with_anothers_is_told(self):
        key = self.new_key()
        self.assert_said(self.raw(key).cnn(chal=None), "chal")
        other = self.raw(key)
        self.assert_said(self.raw(key).cnn(chal=other.greeting["chal"]), "chal")

    def test_AU_11_zeros_are_no_signature(self):
        key = self.new_key()
        raw = self.raw(key)
        raw.send(frame_signed("CNN", raw.payload("CNN", **raw.cnn_fields()), b"0" * 128))
        self.assert_silent(raw)
        opened = self.raw(key).open()
        opened.send(frame_signed("INFO", opened.payload("INFO"), b"0" * 128))
        self.assertNotIn("DCNN", [cmd for cmd, _, _ in opened.rest()])

    def test_AU_13_a_channel_binding_without_tls_is_refused(self):
        self.assert_said(self.raw().cnn(cb=os.urandom(32)), "proto")

    def test_AU_14_an_unknown_user_and_a_revoked_key_close_like_a_wrong_signature(self):
        key = self.new_key()
        self.server.admin("key", "revoke", key.kid.hex())
        self.assert_silent(self.raw(key).cnn())
        self.assert_silent(self.raw(key).cnn(id="nobody-at-all"))
        self.assert_silent(self.raw(key).cnn(kid=b"\0" * 8))

    def test_AU_14_revoking_ends_the_live_connection_with_a_signed_reason(self):
        raw = self.raw().open()
        self.server.admin("key", "revoke", raw.key.kid.hex())
        self.assert_said(raw, "revoked")

    def test_AU_14_a_retiring_key_works_until_its_overlap_is_over(self):
        old = self.new_key("rotating")
        new = wire.Key.of_file(self.server.admin("key", "rotate", old.kid.hex(), "--overlap", "7d"))
        self.connect(old).close()
        self.connect(new).close()
        newest = wire.Key.of_file(
            self.server.admin("key", "rotate", new.kid.hex(), "--overlap", "0s"))
        self.assert_silent(self.raw(new).cnn())
        self.connect(newest).close()

    def test_AU_14_a_disabled_account_is_nobody_until_it_is_enabled(self):
        raw = self.raw(self.new_key("pausing")).open()
        self.server.admin("user", "disable", "pausing")
        self.assert_said(raw, "revoked")
        self.assert_silent(self.raw(raw.key).cnn())
        self.server.admin("user", "enable", "pausing")
        self.connect(raw.key).close()

    def test_AU_15_the_same_key_again_replaces_the_first_connection(self):
        first = self.raw().open()
        second = self.raw(first.key).open()
        self.assert_said(first, "replaced")
        self.assertTrue(second.alive())

    def test_a_cnn_without_a_kid_is_tried_against_every_key(self):
        self.new_key("many")
        second = wire.Key.of_file(self.server.admin("key", "add", "many", "--label", "two"))
        self.raw(second).cnn(kid=None).wait_for("SINFO")
        stranger = self.raw(second)
        payload = stranger.payload("CNN", **stranger.cnn_fields(kid=None))
        self.assert_silent(stranger.send_frame("CNN", payload, key=b"\7" * 32))

    def test_nothing_but_cnn_comes_first(self):
        raw = self.raw()
        self.assert_silent(raw.command("INFO"))

    def test_DO_10_a_clock_that_jumps_an_hour_ends_with_stale(self):
        now = int(support.time.time())
        for jump in (3600, -3600):
            with self.subTest(jump=jump):
                raw = self.raw().open()
                raw.send_frame("INFO", raw.payload("INFO", seconds=now + jump))
                self.assert_said(raw, "stale")


class Restarts(ServerCase):
    def test_AU_05_a_recorded_session_is_refused_after_a_restart(self):
        raw = self.raw()
        record = wire.frame("CNN", raw.payload("CNN", **raw.cnn_fields()), raw.key.key)
        raw.send(record)
        raw.wait_for("SINFO")
        self.server.kill()
        self.server.start()
        self.assert_said(self.raw(raw.key).send(record), "chal")


class LiteralCnn(ServerCase):
    """A listener that takes the founding note's CNN."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        cls.config = cls.dir / "mootd.toml"
        cls.config.write_text(
            '[[listen]]\naddress = "127.0.0.1:0"\n'
            '[[listen]]\naddress = "127.0.0.1:0"\nchallenge = "optional"\n')
        cls.start_with_two()

    @classmethod
    def start_with_two(cls):
        cls.process = support.subprocess.Popen(
            [MOOTD, "run", "-c", cls.config, "--http-listen", "off", "--data-dir",
             cls.server.data_dir],
            stdout=support.subprocess.PIPE, text=True)
        ports = []
        for line in cls.process.stdout:
            if found := re.fullmatch(r"listening plain \S+:(\d+)", line.strip()):
                ports.append(int(found[1]))
            if line.strip() == "ready":
                break
        cls.strict, cls.literal = ports

    @classmethod
    def stop_two(cls):
        cls.process.kill()
        cls.process.wait()
        cls.process.stdout.close()

    @classmethod
    def tearDownClass(cls):
        cls.stop_two()
        support.shutil.rmtree(cls.dir, ignore_errors=True)

    def literal_record(self, key):
        raw = Raw(key, port=self.literal)
        return wire.frame("CNN", raw.payload("CNN", id=key.account), key.key)

    def test_it_takes_a_cnn_of_an_id_alone(self):
        key = self.new_key()
        raw = Raw(key, port=self.literal)
        raw.send_frame("CNN", raw.payload("CNN", id=key.account)).wait_for("SINFO")

    def test_AU_05_a_literal_cnn_is_refused_again_also_after_a_restart(self):
        key = self.new_key()
        record = self.literal_record(key)
        Raw(key, port=self.literal).send(record).wait_for("SINFO")
        self.assert_said(Raw(key, port=self.literal).send(record), "replay")
        self.stop_two()
        self.start_with_two()
        self.assert_said(Raw(key, port=self.literal).send(record), "replay")

    def test_AU_08_a_key_that_once_answered_a_challenge_always_has_to(self):
        key = self.new_key()
        Raw(key, port=self.strict).open().socket.close()
        self.assert_said(Raw(key, port=self.literal).send(self.literal_record(key)), "chal")


if __name__ == "__main__":
    unittest.main()
