"""HAProxy as a front, as the package and docs/operations.md have it: the example without a change but
the port and the places of the certificates, which are made by the lines of the page."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from front_home import FrontHome, as_shipped
from support import HERE, MOOTD, Home, Server

PAGE = HERE.parent.parent / "docs" / "operations.md"
FRONT = "### A front with client certificates"
AT_MOOTD = "### Client certificates at mootd itself"


def lines_of_page(heading):
    """What is to be typed in a section of the page: its commands, each with the lines it goes on for."""
    section = PAGE.read_text().partition(f"\n{heading}\n")[2]
    section = re.split(r"\n#+ ", section)[0]
    blocks = re.findall(r"^```(.*?)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    commands, command = [], []
    for line in "".join(text for language, text in blocks if not language).splitlines():
        command.append(line)
        so_far = re.sub(r"\s+#.*", "", line)
        if so_far.endswith(("\\", "|")) or "\n".join(command).count('"') % 2:
            continue
        commands.append("\n".join(command))
        command = []
    return commands


def type_lines(case, folder, heading):
    """Types the lines of the page that make certificates, in a folder. What they print."""
    lines = [line for line in lines_of_page(heading) if re.match(r"umask |openssl |cat |printf ", line)]
    done = subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=folder, capture_output=True, text=True,
                          timeout=60, check=False)
    case.assertEqual(done.returncode, 0, done.stderr)
    return done.stdout


def pin_of(printed):
    """The one that the lines about a front print."""
    (pin,) = re.findall(r"(?m)^([0-9a-f]{64}) ", printed)
    return pin


class FrontCase(unittest.TestCase):
    IN_GROUP = False

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.home = FrontHome(self.dir, self.IN_GROUP)
        self.config = self.dir / "mootd.toml"
        self.config.write_text(self.home.block())
        self.server = Server(self.home.mootd, self.home.data,
                             ["--http-listen", "off", "-c", self.config, *self.home.args]).start()
        self.addCleanup(self.server.close)
        self.made = self.dir / "made"
        self.made.mkdir()

    def make(self, heading):
        return type_lines(self, self.made, heading)

    def front(self, *changes):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = self.home.front(self, listener, (
                ("/etc/moot/front.pem", str(self.made / "front.pem")),
                ("/etc/moot/clients.pem", str(self.made / "clients.pem")), *changes))
            return process, listener.getsockname()

    def device(self, address, pin):
        """Ada's, by the page."""
        host, port = address
        text = self.server.admin("user", "add", "ada", "--proxy-cn", "ada")
        for name, value in (("address", f"{host}:{port}"), ("tls", f"pin:{pin}")):
            text, n = re.subn(rf'(?m)^{name} = ".*"', f'{name} = "{value}"', text)
            self.assertEqual(n, 1, text)
        cert, key = self.made / "ada.pem", self.made / "ada.key"
        return Home(self, "ada").with_key(f'{text}cert = "{cert}"\ncert_key = "{key}"\n')


class ByThePage(FrontCase):
    def test_the_lines_of_the_page_make_a_front_and_let_ada_in(self):
        printed = self.make(FRONT)
        self.assertIn("subject=CN = ada\n", printed)
        self.assertEqual((self.made / "front.pem").stat().st_mode & 0o077, 0)
        _, address = self.front()
        listed = self.device(address, pin_of(printed)).run("users")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("ada", listed.stdout)

    def test_the_front_of_the_page_lets_nobody_else_in(self):
        pin = pin_of(self.make(FRONT))
        _, address = self.front()
        home = self.device(address, pin)
        (self.made / "ada.pem").write_bytes((self.made / "front.crt").read_bytes())
        (self.made / "ada.key").write_bytes((self.made / "front.key").read_bytes())
        self.assertEqual(home.run("users").returncode, 1)

    def test_the_front_of_the_page_is_the_shipped_one(self):
        """What the page says of the user and group, the example has."""
        section = PAGE.read_text().partition(f"\n{FRONT}\n")[2]
        self.assertIn("`group mootd`", re.split(r"\n#+ ", section)[0])
        self.assertIn("/usr/share/doc/mootd/examples/haproxy.cfg", section)


@as_shipped
class AsShipped(FrontCase):
    """The users, groups and modes of the packages; /etc/group has haproxy in the group mootd."""

    IN_GROUP = True
    OLD = ("group mootd", "group haproxy")

    def setUp(self):
        super().setUp()
        self.pin = pin_of(self.make(FRONT))

    def doctor(self):
        done = subprocess.run([self.home.mootd, "doctor", "--json", "-c", self.config, "--data-dir",
                               self.home.data], capture_output=True, text=True, timeout=60, check=False)
        found = {one["topic"]: one for one in map(json.loads, done.stdout.splitlines())}
        return found["front /run/moot/front"]["what"]

    def wait_for_user(self, process):
        """Until HAProxy has become its user, which is the last of what it does before it serves."""
        status = pathlib.Path(f"/proc/{process.pid}/status")
        while f"Uid:\t{self.home.front_uid}\t" not in (text := status.read_text()):
            self.assertIsNone(process.poll())
        return text

    def test_the_socket_has_the_modes_of_the_package(self):
        for path, mode in ((self.home.dir / "run", 0o750), (self.home.dir / "run" / "front", 0o660)):
            at = path.stat()
            self.assertEqual((at.st_mode & 0o777, at.st_uid, at.st_gid),
                             (mode, self.home.front_uid + 1, self.home.front_uid + 1))

    def test_the_example_comes_in_and_doctor_finds_nothing(self):
        process, address = self.front()
        listed = self.device(address, self.pin).run("users")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        groups = re.search(r"(?m)^Groups:(.*)$", self.wait_for_user(process))[1].split()
        self.assertEqual(groups, [])  # none of /etc/group
        self.assertEqual(self.doctor(), "no header was tried: whoever runs this is no front of it")

    def test_a_front_that_relies_on_etc_group_stays_outside_and_doctor_says_why(self):
        process, address = self.front(self.OLD)
        self.wait_for_user(process)
        told = self.doctor()
        self.assertIn(f"process {process.pid} of the front's user haproxy may not open /run/moot; write "
                      "`group mootd` into the `global` section of HAProxy", told)
        self.assertEqual(self.device(address, self.pin).run("users").returncode, 1)
        self.assertNotIn("proxy.", self.server.log(100_000))

    def test_without_a_front_doctor_tells_what_its_own_group_lacks(self):
        self.assertIn("no process of the front's user haproxy is seen, and with its own group alone it "
                      "may not open /run/moot; write `group mootd`", self.doctor())


class WithoutAFront(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mootd-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def test_the_lines_of_the_page_let_both_devices_in(self):
        for heading in ("## TLS", FRONT, AT_MOOTD):
            type_lines(self, self.dir, heading)
        config = self.dir / "mootd.toml"
        config.write_text('[[listen]]\naddress = "127.0.0.1:0"\ntransport = "tls"\nauth = "wall"\n' +
                          "".join(f'{key} = "{self.dir}/{name}.pem"\n' for key, name in
                                  (("cert", "cert"), ("key", "key"), ("client_ca", "clients"))))
        with Server(MOOTD, self.dir / "data", ["--http-listen", "off", "-c", config]) as server:
            for line in lines_of_page(AT_MOOTD):
                line, n = re.subn(r"^mootd (\w+ \w+)", rf"{MOOTD} \1 --data-dir {server.data_dir}", line)
                if n == 0:
                    continue
                done = subprocess.run(["sh", "-ec", line], cwd=self.dir, capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
            for device in ("ada", "tablet"):
                text = (self.dir / f"{device}.toml").read_text()
                cert, key = self.dir / f"{device}.pem", self.dir / f"{device}.key"
                listed = Home(self, device).with_key(
                    f'{text}cert = "{cert}"\ncert_key = "{key}"\n').run("users")
                self.assertEqual(listed.returncode, 0, listed.stderr)


if __name__ == "__main__":
    unittest.main()
