"""What mootd logs: codes and fields, nothing that is secret, nothing foreign unescaped."""

import json
import os
import re
import signal
import socket
import struct
import time
import unittest

from support import MOOTD, PATIENCE, Raw, Server, ServerCase, wire

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Log(ServerCase):
    FORMAT = "json"

    def setUp(self):
        self.logged = Server(MOOTD, self.dir / self.id(),
                             ["--http-listen", "127.0.0.1:0", "--log-level", "debug",
                              "--log-format", self.FORMAT]).start()
        self.addCleanup(self.logged.__exit__)

    def lines(self):
        return self.logged.log(10**9).splitlines()

    def own(self, lines):
        """Without what is said to a person."""
        return [line for line in lines if not line.startswith("mootd: ")]

    def admin_raw(self, octets):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(str(self.logged.data_dir / "admin.sock"))
            s.sendall(struct.pack(">I", len(octets)) + octets)
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass

    def live(self):
        """A day in the life: who comes, says things, is refused, is thrown out."""
        secrets = []
        keys = {}
        for name in ("ann", "bob"):
            text = self.logged.admin("user", "add", name)
            keys[name] = wire.Key.of_file(text)
            secrets += [keys[name].key.hex(), keys[name].kid.hex()]
        link = self.logged.invite()
        secrets.append(link.rpartition("#")[2])
        ann, bob = (wire.Peer(keys[n], PATIENCE) for n in ("ann", "bob"))
        body = wire.text_content("a-canary-nobody-may-see")
        msg_id = wire.new_ulid()
        ann.send("PV_MSG", to="bob", msg_id=msg_id, msg=body)
        bob.wait_for("MSG", msg_id=msg_id)
        secrets += ["a-canary-nobody-may-see", body.hex()]
        wrong = Raw(wire.Key("ann", keys["ann"].kid, os.urandom(32), keys["ann"].srv, "127.0.0.1",
                             self.logged.port))
        secrets.append(wrong.greeting["chal"].hex())
        self.assert_silent(wrong.cnn())
        self.assert_silent(Raw(keys["ann"]).send(b"no frame\n\n"))
        raw = Raw(keys["ann"])
        payload = raw.payload("CNN", **raw.cnn_fields())
        secrets.append(wire.sign(raw.key.key, payload).decode())
        raw.send_frame("CNN", payload)
        raw.frame()
        secrets.append((self.logged.data_dir / "master.key").read_text().strip())
        self.logged.admin("master", "rotate")
        secrets.append((self.logged.data_dir / "master.key").read_text().strip())
        self.logged.admin("key", "revoke", "--all", "bob")
        bob.close()
        raw.socket.close()
        self.logged.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.logged.stop(), 0)
        return secrets

    def test_every_line_is_one_object_with_time_level_and_event(self):
        self.live()
        events = set()
        for line in self.own(self.lines()):
            one = json.loads(line)
            self.assertRegex(one["at"], f"^{STAMP}$")
            self.assertIn(one["level"], ("debug", "info", "warning", "warn", "error"))
            self.assertRegex(one["event"], r"^[a-z]+(\.[a-z_]+)+$")
            events.add(one["event"])
        for expected in ("server.ready", "conn.open", "auth.ok", "auth.failed", "admin.command",
                         "conn.closed", "config.reloaded", "server.stopping", "server.stopped"):
            self.assertIn(expected, events)

    def test_no_secret_no_payload_and_no_address_of_a_client(self):
        secrets = self.live()
        log = self.logged.log(10**9)
        for secret in secrets:
            self.assertNotIn(secret, log)
            self.assertNotIn(secret.upper(), log)
        self.assertNotRegex(log.replace(f"127.0.0.1:{self.logged.port}", "LISTENER"),
                            r"\b127\.0\.0\.1:\d+")

    def test_an_end_of_line_from_outside_ends_no_line(self):
        before = len(self.lines())
        forged = 'status\n{"event":"forged"}\r\x1b[2J"\\'
        text = forged.encode()
        self.admin_raw(struct.pack(">I", len(text)) + text)  # a request of one text, the command
        new = self.own(self.lines()[before:])
        self.assertEqual([json.loads(line)["command"] for line in new
                          if json.loads(line)["event"] == "admin.command"], [forged])
        self.assertTrue(all(json.loads(line)["event"] != "forged" for line in new))
        self.assertFalse(re.search(r"[\x00-\x1f\x7f-\xff]", "".join(new)))

    def test_a_flood_is_cut_and_the_rest_counted(self):
        key = wire.Key.of_file(self.logged.admin("user", "add", "ann"))
        for _ in range(1_000):
            with socket.create_connection((key.host, key.port), PATIENCE) as s:
                s.sendall(b"x")
        wire.Peer(key, PATIENCE).close()
        told = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:  # until the second is over, and one more line
            wire.Peer(key, PATIENCE).close()
            told = [json.loads(line)["lines"] for line in self.own(self.lines())
                    if json.loads(line)["event"] == "log.left_out"]
            if told:
                break
        self.assertTrue(told)
        self.assertGreater(sum(told), 0)


class TextLog(ServerCase):
    def test_lines_have_time_level_code_and_fields(self):
        with Server(MOOTD, self.dir / "text", ["--http-listen", "off"]) as server:
            server.admin("user", "add", "ann")
            lines = [line for line in server.log(100).splitlines() if not line.startswith("mootd: ")]
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, rf"^{STAMP} [a-z]+ +[a-z_.]+( [a-z_]+=(\"[^\"]*\"|[^ \"]+))*$")


class Reload(ServerCase):
    def test_what_changed_is_told_key_by_key(self):
        config = self.dir / "mootd.toml"
        config.write_text('timeout_s = 100\n[limits]\nmax_msg = 9000\n')
        with Server(MOOTD, self.dir / "reload", ["--http-listen", "off", "-c", config]) as server:
            raw = Raw(wire.Key.of_file(server.admin("user", "add", "ann"))).open()
            config.write_text('timeout_s = 70\nuser = "nobody"\n[limits]\nmax_msg = 9000\n')
            server.process.send_signal(signal.SIGHUP)
            raw.wait_for("SINFO")
            server.admin("status")  # the turn of the reload is over
            log = server.log(100)
            self.assertRegex(log, r"config\.changed key=timeout_s from=100 to=70\n")
            self.assertRegex(log, r'config\.after_restart key=user from="[^\n]*" to="[^\n]*nobody')
            self.assertNotIn("max_msg", log)
            before = server.log(100).count("config.changed")
            config.write_text('timeout_s = 60\nname = "other"\n')
            server.process.send_signal(signal.SIGHUP)
            server.admin("status")
            self.assertIn("config.kept", server.log(100))
            self.assertEqual(server.log(100).count("config.changed"), before)
            raw.socket.close()


if __name__ == "__main__":
    unittest.main()
