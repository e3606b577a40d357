"""HTTP of mootd: what it counts is what was done, and bad requests get their answer."""

import http.client
import os
import re
import signal
import socket
import struct
import subprocess
import unittest

from support import MOOTD, PATIENCE, Raw, Server, ServerCase, wire

LIMIT_CONNS = 16  # limits::kHttpConns
LIMIT_HEADER = 8 * 1024  # limits::kHttpHeaderBytes


def get(port, path, method="GET", headers=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    c.request(method, path, headers=headers or {})
    answer = c.getresponse()
    body = answer.read().decode()
    c.close()
    return answer, body


def samples(text):
    """{'name{labels}': value} of a scrape."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


class Http(ServerCase):
    ARGS = ("--set", "threads=2")
    HTTP = "127.0.0.1:0"

    def setUp(self):
        self.port = self.server.http_port

    def scrape(self):
        answer, body = get(self.port, "/metrics")
        self.assertEqual(answer.status, 200)
        return samples(body)

    def raw_http(self, octets):
        """What comes back until the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as s:
            s.sendall(octets)
            got = b""
            while piece := s.recv(65536):
                got += piece
            return got

    def growth(self, before, name):
        return self.scrape()[name] - before[name]

    def test_it_lives_and_is_ready(self):
        for path in ("/livez", "/readyz"):
            answer, body = get(self.port, path)
            self.assertEqual((answer.status, body), (200, "ok\n"))
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertEqual(answer.headers["Connection"], "close")

    def test_head_has_the_length_and_no_body(self):
        answer, body = get(self.port, "/livez", "HEAD")
        self.assertEqual((answer.status, body, answer.headers["Content-Length"]), (200, "", "3"))

    def test_metrics_are_what_prometheus_reads(self):
        answer, body = get(self.port, "/metrics")
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
        label = name + r'="[^"\n]*"'
        helped, typed = set(), {}
        for line in body.splitlines():
            if found := re.fullmatch(rf"# HELP ({name}) .+", line):
                helped.add(found[1])
            elif found := re.fullmatch(rf"# TYPE ({name}) (counter|gauge)", line):
                typed[found[1]] = found[2]
            else:
                found = re.fullmatch(rf"({name})(\{{{label}(,{label})*\}})? [0-9.e+]+", line)
                self.assertIsNotNone(found, line)
                self.assertTrue(found[1].startswith("moot_"), line)
                self.assertIn(found[1], helped)
                self.assertEqual(typed[found[1]] == "counter", found[1].endswith("_total"), line)
        self.assertGreater(len(typed), 25)

    def test_frames_are_counted_by_command(self):
        ann, bob = self.connect(self.new_key("ann")), self.connect(self.new_key("bob"))
        before = self.scrape()
        ids = [wire.new_ulid() for _ in range(7)]
        for msg_id in ids:
            ann.send("PV_MSG", to="bob", msg_id=msg_id, msg=wire.text_content("hello"))
        for msg_id in ids:
            bob.wait_for("MSG", msg_id=msg_id)
            bob.send("ACK_MSG", **{"from": "ann"}, msg_id=msg_id)
        for msg_id in ids:
            ann.wait_for("MSG_ACK", msg_id=msg_id)
        now = self.scrape()
        for name, n in (('moot_frames_received_total{command="PV_MSG"}', 7),
                        ('moot_frames_received_total{command="ACK_MSG"}', 7),
                        ('moot_commands_sent_total{command="MSG"}', 7),
                        ('moot_commands_sent_total{command="MSG_ACK"}', 7)):
            self.assertEqual(now[name] - before[name], n, name)
        self.assertGreater(now["moot_received_bytes_total"], before["moot_received_bytes_total"])
        ann.close()
        bob.close()

    def test_sessions_and_cnn_are_counted(self):
        with Server(MOOTD, self.dir / "five", ["--http-listen", self.HTTP]) as server:
            peers = [wire.Peer(wire.Key.of_file(server.admin("user", "add", f"user{i}")), PATIENCE)
                     for i in range(5)]
            now = samples(get(server.http_port, "/metrics")[1])
            for peer in peers:
                peer.close()
        for name in ("moot_sessions", "moot_connections", "moot_users_online", "moot_accounts",
                     "moot_connections_accepted_total", "moot_cnn_total", "moot_cnn_admitted_total",
                     'moot_frames_received_total{command="CNN"}'):
            self.assertEqual(now[name], 5, name)

    def test_what_goes_to_the_disk_is_counted(self):
        before = self.scrape()
        self.new_key()  # answered once it is on disk
        now = self.scrape()
        for name in ("moot_store_commits_total", "moot_store_operations_total"):
            self.assertGreater(now[name], before[name])
        self.assertEqual(now["moot_store_waiting"], 0)

    def test_refusals_are_counted_by_code(self):
        raw = self.raw().open()
        before = self.scrape()
        raw.command("FLY")
        self.assertEqual(raw.wait_for("ERR")["code"], "unknown_command")
        raw.command("PV_MSG", to="nobody-there", msg_id=wire.new_ulid(), msg=b"x")
        self.assertEqual(raw.wait_for("ERR")["code"], "unknown_user")
        self.assertTrue(raw.alive())
        now = self.scrape()
        self.assertEqual(now['moot_refusals_total{code="unknown_command"}'] -
                         before['moot_refusals_total{code="unknown_command"}'], 1)
        self.assertEqual(now['moot_refusals_total{code="unknown_user"}'] -
                         before['moot_refusals_total{code="unknown_user"}'], 1)
        self.assertEqual(now['moot_frames_received_total{command="unknown"}'] -
                         before['moot_frames_received_total{command="unknown"}'], 1)
        again = Raw(raw.key).open()
        self.assert_said(raw, "replaced")
        self.assertEqual(self.growth(before, 'moot_disconnects_total{code="replaced"}'), 1)
        again.socket.close()

    def test_silent_closes_are_counted_by_reason(self):
        before = self.scrape()
        key = self.new_key()
        self.assert_silent(Raw(wire.Key(key.account, key.kid, bytes(32), key.srv, key.host,
                                        key.port)).cnn())
        self.assert_silent(self.raw(key).send(b"no frame\n"))
        now = self.scrape()
        for reason in ("auth_failure", "protocol_error"):
            name = f'moot_silent_closes_total{{reason="{reason}"}}'
            self.assertEqual(now[name] - before[name], 1, name)

    def test_what_a_slow_reader_leaves_is_in_the_queues_until_he_goes(self):
        ann, slow = self.connect(), Raw(self.new_key("slow")).open()
        while self.scrape()["moot_send_queue_bytes"] == 0:
            for _ in range(20):
                ann.send("PV_MSG", to="slow", msg_id=wire.new_ulid(), msg=os.urandom(16_000))
            ann.barrier()
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        slow.socket.close()
        ann.wait_for("UDCNN", id="slow")
        self.assertEqual(self.scrape()["moot_send_queue_bytes"], 0)
        ann.close()

    def test_the_lobby_is_counted_and_a_commit_in_it(self):
        before = self.scrape()
        self.assertEqual(before['moot_channels{status="server"}'], 1)
        ann = self.connect()
        lobby = ann.wait_for("CH_STATUS")["id"]
        msg_id = wire.new_ulid()
        ann.send("CH_MSG", id=lobby, msg_id=msg_id, msg=wire.text_content("all"))
        ann.wait_for("CH_MSG", msg_id=msg_id)
        self.assertEqual(self.growth(before, 'moot_channel_events_total{event="commit"}'), 1)
        ann.close()

    def test_no_names_are_told(self):
        ann = self.connect(self.new_key("ann-of-the-names"))
        ann.send("CH_CREATE", name="secret-place", keeper="server", visibility="public",
                 history="all")
        ann.barrier()
        _, body = get(self.port, "/metrics")
        self.assertNotIn("ann-of-the-names", body)
        self.assertNotIn("secret-place", body)
        self.assertNotIn("lobby", body)
        ann.close()

    def test_unknown_pages_and_methods_are_refused(self):
        for path in ("/", "/metrics/", "/favicon.ico", "/%6civez"):
            self.assertEqual(get(self.port, path)[0].status, 404, path)
        for method in ("PUT", "DELETE", "OPTIONS", "BREW"):
            answer, _ = get(self.port, "/metrics", method)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(answer.headers["Allow"], "GET, HEAD")

    def test_bad_http_is_400(self):
        for octets in (b"\r\n\r\nnonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n",
                       b"GET /livez HTTP/1.1\r\nbad header\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n",
                       b"GET /li\x00vez HTTP/1.1\r\n\r\n", b"CNN\n10\n" + b"0" * 128 + b"\n",
                       b"GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
            self.assertTrue(self.raw_http(octets).startswith(b"HTTP/1.1 400 "), octets)

    def test_a_header_has_a_bound(self):
        fits = b"GET /livez HTTP/1.1\r\nX: " + b"a" * (LIMIT_HEADER // 2) + b"\r\n\r\n"
        self.assertTrue(self.raw_http(fits).startswith(b"HTTP/1.1 200 "))
        long = b"GET /livez HTTP/1.1\r\nX: " + b"a" * (2 * LIMIT_HEADER) + b"\r\n\r\n"
        self.assertTrue(self.raw_http(long).startswith(b"HTTP/1.1 431 "))
        self.assertTrue(self.raw_http(b"G" * 3 * LIMIT_HEADER).startswith(b"HTTP/1.1 4"))

    def test_a_body_is_refused(self):
        for head in (b"Content-Length: 5\r\n\r\nhello", b"Content-Length: 99999999\r\n\r\n",
                     b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"):
            got = self.raw_http(b"GET /livez HTTP/1.1\r\n" + head)
            self.assertTrue(got.startswith(b"HTTP/1.1 413 "), (head, got))

    def test_a_second_request_of_a_connection_is_not_answered(self):
        got = self.raw_http(2 * b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(got.count(b"HTTP/1.1 200"), 1)

    def test_a_crowd_that_says_nothing_is_outlived(self):
        crowd = [socket.create_connection(("127.0.0.1", self.port), PATIENCE)
                 for _ in range(3 * LIMIT_CONNS)]
        # Behind them, no sooner than the first of them have had their time.
        answer, _ = get(self.port, "/livez")
        self.assertEqual(answer.status, 200)
        self.assertEqual(crowd[0].recv(1), b"")
        for s in crowd:
            s.close()

    def test_chat_goes_on_beside_scrapes_that_are_never_read(self):
        idle = []
        for _ in range(LIMIT_CONNS):
            s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.append(s)
        peer = self.connect()
        peer.barrier()
        peer.close()
        for s in idle:
            s.close()


class HttpOptions(ServerCase):
    def refused(self, *args):
        done = subprocess.run([MOOTD, "run", "--data-dir", self.dir / "x", "--listen",
                               "127.0.0.1:0", *args], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertNotIn("ready", done.stdout)
        return done

    def test_a_port_that_was_asked_for_and_is_taken_is_exit_1(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = self.refused("--http-listen", address)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--http-listen", done.stderr)

    def test_off_loopback_is_exit_78_unless_it_is_understood(self):
        done = self.refused("--http-listen", "0.0.0.0:0")
        self.assertEqual(done.returncode, 78)
        self.assertIn("insecure_plaintext", done.stderr)
        with Server(MOOTD, self.dir / "open", ["--http-listen", "0.0.0.0:0", "--set",
                                               "http.insecure_plaintext=I understand"]) as server:
            self.assertEqual(get(server.http_port, "/livez")[0].status, 200)

    def test_off_is_off(self):
        self.assertEqual(self.server.http_port, 0)  # of ServerCase, which has it off

    def test_who_stops_is_not_ready_and_lives(self):
        with Server(MOOTD, self.dir / "stops", ["--http-listen", "127.0.0.1:0"]) as server:
            key = wire.Key.of_file(server.admin("user", "add", "ann"))
            slow = Raw(key).open()
            server.process.send_signal(signal.SIGTERM)
            slow.wait_for("DCNN")  # it drains, until this connection is closed
            answer, body = get(server.http_port, "/readyz")
            self.assertEqual((answer.status, body), (503, "The server stops.\n"))
            self.assertEqual(get(server.http_port, "/livez")[0].status, 200)
            slow.socket.close()
            self.assertEqual(server.process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
