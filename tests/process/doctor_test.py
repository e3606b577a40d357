"""`mootd doctor`: a line for each thing, and what to do about it."""

import grp
import json
import os
import pathlib
import pwd
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import unittest

from support import MOOTD, PATIENCE, Server

as_root = unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


class DoctorCase(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = self.dir / "data"
        self.mootd("user", "add", "ann")

    def mootd(self, *args, limit=None):
        return subprocess.run([MOOTD, *map(str, args), "--data-dir", self.data], capture_output=True,
                              text=True, timeout=60, preexec_fn=limit, check=False)

    def doctor(self, *args, limit=None):
        """The exit code, and {topic: (verdict, the rest)}."""
        done = self.mootd("doctor", "--set", "public_address=127.0.0.1:7667", *args, limit=limit)
        lines = {}
        for line in done.stdout.splitlines():
            if found := re.fullmatch(r"(.+?): (good|look|BAD|skipped)(?:, (.*))?", line):
                lines[found[1]] = (found[2], found[3] or "")
        return done.returncode, lines

    def listening(self, address):
        config = self.dir / "mootd.toml"
        config.write_text(f'[[listen]]\naddress = "{address}"\n')
        return "-c", config


class Doctor(DoctorCase):
    def certificate(self, days):
        key, cert = self.dir / "key.pem", self.dir / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days), "-keyout", key,
                        "-out", cert, "-subj", "/CN=x"], check=True, capture_output=True)
        config = self.dir / "tls.toml"
        config.write_text(f'[[listen]]\naddress = "127.0.0.1:0"\ntransport = "tls"\ncert = "{cert}"\n'
                          f'key = "{key}"\n')
        return f"certificate {cert}", ("-c", config)

    def test_in_json_there_is_an_object_for_each_line(self):
        args = self.listening("127.0.0.1:0")
        _, lines = self.doctor(*args)
        done = self.mootd("doctor", "--json", "--set", "public_address=127.0.0.1:7667", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(all(list(one) == ["topic", "verdict", "what"] for one in told), told)
        self.assertEqual([one["topic"] for one in told if one["topic"] != "server"], list(lines))
        by_topic = {one["topic"]: one for one in told}
        self.assertEqual(by_topic["port 127.0.0.1:0"]["verdict"], "good")
        self.assertEqual(by_topic["store"],
                         {"topic": "store", "verdict": "good", "what": "every seal opens"})
        self.assertEqual(by_topic["backup"]["verdict"], "look")
        self.assertIn("run `mootd backup FILE`", by_topic["backup"]["what"])
        self.assertIn("; 1 account, 0 online", by_topic["server"]["what"])

    def test_nothing_wrong_is_exit_0(self):
        code, lines = self.doctor(*self.listening("127.0.0.1:0"))
        self.assertEqual(code, 0, lines)
        self.assertEqual(lines["configuration"][0], "good")
        self.assertEqual(lines["port 127.0.0.1:0"], ("good", "free"))
        self.assertIn(lines["clock"][0], ("good", "look"))
        self.assertIn("fsync", lines["disk"][1])
        self.assertEqual(list(self.data.glob("doctor.*")), [])

    def test_a_port_of_another_program_is_bad(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            code, lines = self.doctor(*self.listening(address))
        self.assertEqual(code, 1)
        self.assertEqual(lines[f"port {address}"][0], "BAD")
        self.assertIn("choose another", lines[f"port {address}"][1])

    def test_the_ports_of_the_running_server_are_its_own(self):
        with Server(MOOTD, self.data, ["--http-listen", "off"]) as server:
            code, lines = self.doctor(*self.listening(f"127.0.0.1:{server.port}"))
            asked = re.findall(r'admin\.command.*command="?(\w+)', server.log(1000))
        self.assertEqual(code, 0)
        self.assertEqual(lines[f"port 127.0.0.1:{server.port}"][0], "good")
        self.assertEqual(asked, ["status", "doctor"])  # and nothing twice

    def outlive(self):
        """The same key's certificate of one day in 2020."""
        (self.dir / "index.txt").touch()
        (self.dir / "ca.cnf").write_text(
            "[ca]\ndefault_ca = one\n[one]\ndatabase = index.txt\nnew_certs_dir = .\n"
            "rand_serial = yes\npolicy = any\n[any]\ncommonName = supplied\n")
        for line in ("req -new -key key.pem -subj /CN=x -out x.csr",
                     "ca -batch -notext -selfsign -config ca.cnf -keyfile key.pem -in x.csr -md sha256 "
                     "-startdate 20200101000000Z -enddate 20200102000000Z -out cert.pem"):
            subprocess.run(["openssl", *line.split()], cwd=self.dir, check=True, capture_output=True)

    def test_a_certificate_has_its_days(self):
        for days, verdict, words in ((400, "good", "399 days left, pin "), (5, "look", "4 days left")):
            topic, args = self.certificate(days)
            code, lines = self.doctor(*args)
            self.assertEqual((code, lines[topic][0]), (0, verdict))
            self.assertIn(words, lines[topic][1])

    def test_a_certificate_that_is_over_is_bad(self):
        topic, args = self.certificate(5)
        self.outlive()
        code, lines = self.doctor(*args)
        self.assertEqual((code, lines[topic][0]), (1, "BAD"))
        self.assertIn("it is over; make one for the same key", lines[topic][1])

    def test_a_certificate_that_is_none_is_bad(self):
        topic, args = self.certificate(5)
        (self.dir / "cert.pem").write_text("none")
        code, lines = self.doctor(*args)
        self.assertEqual((code, lines[topic][0]), (1, "BAD"))

    @as_root
    def test_a_key_that_the_servers_user_cannot_read_is_bad(self):
        topic, args = self.certificate(400)
        nobody = pwd.getpwnam("nobody")
        self.dir.chmod(0o711)
        for path in (self.data, *self.data.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        key = self.dir / "key.pem"
        key.chmod(0o600)
        (self.dir / "cert.pem").chmod(0o644)
        for configured in ((), ("--set", 'user="nobody"')):
            with self.subTest(configured=configured):
                code, lines = self.doctor(*args, *configured)
                self.assertEqual((code, lines[topic][0]), (1, "BAD"))
                self.assertIn(f"the server's user, nobody, cannot read {key} (Permission denied)",
                              lines[topic][1])
        os.chown(key, nobody.pw_uid, -1)
        self.assertEqual(self.doctor(*args)[1][topic][0], "good")
        self.assertEqual(self.doctor(*args, "--set", 'user="daemon"')[1][topic][0], "BAD")
        os.chown(key, 0, pwd.getpwnam("daemon").pw_gid)
        key.chmod(0o640)
        self.assertEqual(self.doctor(*args, "--set", 'user="daemon"')[1][topic][0], "good")
        for path in (self.data, *self.data.iterdir()):
            os.chown(path, 0, 0)
        self.assertEqual(self.doctor(*args)[1][topic][0], "good", "root reads it all the same")

    def test_few_descriptors_are_told(self):
        _, lines = self.doctor(*self.listening("127.0.0.1:0"), limit=few_descriptors)
        self.assertEqual(lines["descriptors"][0], "look")
        self.assertIn("256", lines["descriptors"][1])
        self.assertIn("LimitNOFILE", lines["descriptors"][1])

    def test_the_descriptors_of_a_running_server_are_its_own(self):
        args = self.listening("127.0.0.1:0")
        with Server(MOOTD, self.data, ["--http-listen", "off"]) as server:
            _, lines = self.doctor(*args, limit=few_descriptors)
            self.assertEqual(lines["descriptors"][0], "good", "the asker's own limit is not its")
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (256, 256))
            _, lines = self.doctor(*args)
            self.assertEqual(lines["descriptors"][0], "look")
            self.assertIn("256, one for each connection", lines["descriptors"][1])

    def test_the_port_of_http_is_looked_at_like_the_others(self):
        args = self.listening("127.0.0.1:0")
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        code, lines = self.doctor(*args, "--set", f"http.listen={address}")
        self.assertEqual((code, lines[f"port {address}"]), (0, ("good", "free")))
        code, lines = self.doctor(*args, "--set", "http.listen=off")
        self.assertEqual((code, [topic for topic in lines if topic.startswith("port ")]),
                         (0, ["port 127.0.0.1:0"]))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            code, lines = self.doctor(*args, "--set", f"http.listen={address}")
        self.assertEqual((code, lines[f"port {address}"][0]), (1, "BAD"))
        self.assertIn("http.listen: cannot listen on", lines[f"port {address}"][1])
        self.assertIn("choose another", lines[f"port {address}"][1])

    def test_the_port_of_http_of_a_running_server_is_its_own(self):
        with Server(MOOTD, self.data, ["--http-listen", "127.0.0.1:0"]):
            code, lines = self.doctor(*self.listening("127.0.0.1:0"))
        self.assertEqual((code, lines["port 127.0.0.1:0"]), (0, ("good", "the running server's")))

    def test_the_port_of_http_that_nobody_asked_for_may_be_anothers(self):
        try:
            taken = socket.create_server(("127.0.0.1", 7680))
        except OSError:
            self.skipTest("another program has the port")
        args = self.listening("127.0.0.1:0")
        with taken:
            code, lines = self.doctor(*args)
            self.assertEqual((code, lines["port 127.0.0.1:7680"][0]), (0, "look"))
            self.assertIn("will go without", lines["port 127.0.0.1:7680"][1])
            with Server(MOOTD, self.data) as server:
                self.assertIn("http.off", server.log())
                code, lines = self.doctor(*args)
        self.assertEqual((code, lines["port 127.0.0.1:7680"][0]), (0, "look"))
        self.assertIn("which goes without; set `http.listen`", lines["port 127.0.0.1:7680"][1])

    def test_the_last_backup_has_its_age(self):
        args = self.listening("127.0.0.1:0")
        _, lines = self.doctor(*args)
        self.assertEqual(lines["backup"][0], "look")
        self.assertIn("none yet", lines["backup"][1])
        self.assertEqual(self.mootd("backup", self.dir / "copy.db").returncode, 0)
        _, lines = self.doctor(*args)
        self.assertEqual(lines["backup"], ("good", "the last was today"))
        with sqlite3.connect(self.data / "store.db") as db:
            db.execute("UPDATE audit SET line = replace(line, substr(line, instr(line, '\"ts\":') + 6, 10),"
                       " '2026-01-05') WHERE line LIKE '%\"action\":\"backup\"%'")
        db.close()
        _, lines = self.doctor(*args)
        self.assertEqual(lines["backup"][0], "look")
        self.assertRegex(lines["backup"][1], r"the last was \d+ days ago; run `mootd backup FILE`")

    def test_no_directory_yet_is_told(self):
        shutil.rmtree(self.data)
        code, lines = self.doctor(*self.listening("127.0.0.1:0"))
        self.assertEqual(code, 1)  # there is no store to look at
        self.assertEqual(lines["disk"][0], "look")


class Fronts(DoctorCase):
    """Where a front comes in: what it may, and what the server heard from it."""

    def setUp(self):
        super().setUp()
        self.path = self.dir / "front"

    def fronted(self, *blocks):
        """A configuration with these fronts."""
        config = self.dir / "fronts.toml"
        config.write_text("".join(
            f'[[listen]]\naddress = "{at}"\ntransport = "proxy"\nauth = "wall"\n{who}\n'
            for at, who in blocks))
        return "-c", config

    def own(self):
        return self.fronted((self.path, f"proxy_uids = [{os.getuid()}]"))

    def running(self, args):
        server = Server(MOOTD, self.data, ["--http-listen", "off", *args]).start()
        self.addCleanup(server.__exit__)
        return server

    def say(self, octets, at=None):
        """On a connection that is then closed without a word."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(str(at or self.path))
            s.sendall(octets)
            try:
                self.assertEqual(s.recv(1), b"")
            except ConnectionResetError:
                pass

    def test_a_header_from_here_is_taken(self):
        args = self.own()
        code, lines = self.doctor(*args)
        self.assertEqual(code, 0)
        self.assertEqual(lines[f"front {self.path}"],
                         ("skipped", "a header is tried while the server runs"))
        server = self.running(args)
        code, lines = self.doctor(*args)
        self.assertEqual(code, 0)
        self.assertEqual(lines[f"front {self.path}"], ("good", "a header from here is taken"))
        self.assertEqual(lines["headers of fronts"],
                         ("good", "0 taken and 0 refused since the start"))
        self.assertNotIn("proxy.", server.log(1000))  # looking is nothing to warn of

    def test_what_is_wrong_with_most_headers_is_told_with_its_cure(self):
        args = self.own()
        self.running(args)
        plain = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)
        self.say(plain)
        _, lines = self.doctor(*args)
        self.assertEqual(lines["headers of fronts"][0], "look")
        self.assertIn("the client spoke no TLS; TLS has to end in the front", lines["headers of fronts"][1])
        for _ in range(2):
            self.say(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 7700\r\n")
        _, lines = self.doctor(*args)
        self.assertIn("0 taken and 3 refused since the start, most of these because of: no header of "
                      "version 2; ", lines["headers of fronts"][1])
        self.assertIn("`send-proxy-v2-ssl-cn`, and not `send-proxy`", lines["headers of fronts"][1])

    def test_who_is_no_front_is_named(self):
        args = self.fronted(("127.0.0.1:0", 'proxy_peers = ["192.0.2.4"]'))
        server = self.running(args)
        where = dict(server.listening)["proxy"]
        host, port = where.rsplit(":", 1)
        with socket.create_connection((host, int(port)), PATIENCE) as s:
            self.assertEqual(s.recv(1), b"")
        code, lines = self.doctor(*args)
        self.assertEqual((code, lines["front 127.0.0.1:0"][0]), (0, "skipped"))
        self.assertIn("no header was tried", lines["front 127.0.0.1:0"][1])
        told = [json.loads(line) for line in self.mootd("doctor", "--json", *args).stdout.splitlines()]
        self.assertIn({"topic": "front 127.0.0.1:0", "verdict": "skipped",
                       "what": "no header was tried: whoever runs this is no front of it"}, told)
        verdict, what = lines["strangers at 127.0.0.1:0"]
        self.assertEqual(verdict, "look")
        self.assertIn("the last from 127.0.0.1; if that is the front, add it to proxy_peers", what)

    def test_a_user_that_may_not_open_the_socket_is_told(self):
        daemon = pwd.getpwnam("daemon").pw_uid
        args = self.fronted((self.path, f"proxy_uids = [{daemon}]"))
        server = self.running(args)
        _, lines = self.doctor(*args)
        verdict, what = lines[f"front {self.path}"]
        self.assertEqual(verdict, "look")
        self.assertIn(f"user daemon is seen, and with its own group alone it may not open {self.dir};",
                      what)
        self.assertIn("in a directory that the group may enter", what)
        os.chmod(self.dir, 0o755)
        _, lines = self.doctor(*args)
        self.assertIn(f"it may not open {self.path};", lines[f"front {self.path}"][1])
        if os.getuid() == 0:  # who else can give it to a group
            os.chown(self.path, -1, grp.getgrnam("games").gr_gid)
            _, lines = self.doctor(*args)
            self.assertIn("write `group games` into the `global` section of HAProxy",
                          lines[f"front {self.path}"][1])
            self.assertIn("`usermod -aG games daemon`", lines[f"front {self.path}"][1])
        os.chmod(self.path, 0o666)
        _, lines = self.doctor(*args)
        self.assertEqual(lines[f"front {self.path}"],
                         ("skipped", "no header was tried: whoever runs this is no front of it"))
        server.stop()
        args = self.fronted((self.path, "proxy_uids = [4711]"))
        _, lines = self.doctor(*args)
        self.assertIn("nobody has the uid 4711", lines[f"front {self.path}"][1])

    @unittest.skipUnless(os.geteuid() == 0, "only root can start something as somebody else")
    def test_a_front_is_judged_by_the_groups_that_it_has(self):
        user, games = pwd.getpwnam("bin"), grp.getgrnam("games").gr_gid
        args = self.fronted((self.path, f"proxy_uids = [{user.pw_uid}]"))
        self.running(args)
        os.chmod(self.dir, 0o755)
        os.chown(self.path, -1, games)
        topic, nothing = f"front {self.path}", "no header was tried: whoever runs this is no front of it"

        def front(group, *further):
            process = subprocess.Popen(["sleep", "600"], user=user.pw_uid, group=group,
                                       extra_groups=further)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            return process

        front(games)
        front(user.pw_gid, games)
        _, lines = self.doctor(*args)
        self.assertEqual(lines[topic], ("skipped", nothing))
        outside = front(user.pw_gid)
        _, lines = self.doctor(*args)
        self.assertEqual(lines[topic][0], "look")
        self.assertIn(f"process {outside.pid} of the front's user bin may not open {self.path}; ",
                      lines[topic][1])
        outside.kill()
        outside.wait()
        _, lines = self.doctor(*args)
        self.assertEqual(lines[topic], ("skipped", nothing))

    def test_fronts_whom_every_local_user_can_be_are_told(self):
        for address, peers, told in (("127.0.0.1:0", "192.0.2.4", False), ("127.0.0.1:0", "127.0.0.1", True),
                                     ("127.0.0.1:0", "127.0.0.2", True), ("127.0.0.1:0", "127.0.0.0/8", True),
                                     ("[::1]:0", "::1", True), ("[::1]:0", "2001:db8::/32", False)):
            code, lines = self.doctor(*self.fronted((address, f'proxy_peers = ["192.0.2.9", "{peers}"]')))
            self.assertEqual((code, f"peers of {address}" in lines), (0, told), peers)
            if told:
                verdict, what = lines[f"peers of {address}"]
                self.assertEqual(verdict, "look")
                self.assertIn("every user of this machine can be a front there", what)
                self.assertIn("a unix socket, with proxy_uids", what)

    def test_a_server_with_another_configuration_is_told(self):
        self.running(self.listening("127.0.0.1:0"))
        code, lines = self.doctor(*self.own())
        self.assertEqual((code, lines[f"front {self.path}"][0]), (1, "BAD"))
        self.assertIn("restart mootd", lines[f"front {self.path}"][1])


if __name__ == "__main__":
    unittest.main()
