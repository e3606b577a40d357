"""Where the shipped example of HAProxy can run as it is: with the users and groups of the packages, and
`mootd` as its own user with a socket in /run/moot, as its unit makes that. Root alone can do it; for
everybody else the front and `mootd` are of one user and in a directory of the test."""

import os
import pathlib
import subprocess
import unittest

from support import HERE, MOOTD

EXAMPLE = HERE.parent.parent / "contrib" / "haproxy" / "haproxy.cfg"

# Seen by the command behind it alone: who is in /etc/passwd and /etc/group, and what is in /run.
_INSIDE = """
mount --bind "$0/passwd" /etc/passwd
mount --bind "$0/group" /etc/group
mount -t tmpfs tmpfs /run
mkdir /run/moot
mount --bind "$0/run" /run/moot
exec "$@"
"""


def _able():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"],
        capture_output=True).returncode == 0


AS_SHIPPED = _able()
as_shipped = unittest.skipUnless(
    AS_SHIPPED, "only root, where it may mount, has the users and the directory of the packages")


class FrontHome:
    """`front_in_group`: whether /etc/group has haproxy in the group mootd."""

    def __init__(self, directory, front_in_group=False):
        self.dir = pathlib.Path(directory) / "system"
        self.dir.mkdir()
        self.mootd, self.args, self.data = MOOTD, [], pathlib.Path(directory) / "data"
        self.sockets, self.front_uid = self.dir, os.getuid()
        if not AS_SHIPPED:
            return
        # No process of another test has them.
        self.front_uid = 20_000 + 2 * os.getpid() % 40_000
        self._users(front_in_group)
        for path, mode in ((self.dir / "run", 0o750), (self.data, 0o700)):  # as the unit has them
            path.mkdir(mode=mode)
            os.chown(path, self.front_uid + 1, self.front_uid + 1)
        self.dir.parent.chmod(0o711)
        self.mootd = self.dir / "mootd"
        self.mootd.write_text(f"#!/bin/sh\nexec unshare --mount sh -ec '{_INSIDE}' {self.dir} {MOOTD} "
                              '"$@"\n')
        self.mootd.chmod(0o755)
        self.args = ["--set", 'user="mootd"']
        self.sockets = pathlib.Path("/run/moot")

    def _users(self, front_in_group):
        ids = (("haproxy", self.front_uid, ""),
               ("mootd", self.front_uid + 1, "haproxy" if front_in_group else ""))
        for name in ("passwd", "group"):
            lines = [line for line in pathlib.Path("/etc", name).read_text().splitlines()
                     if not line.startswith(("haproxy:", "mootd:"))]
            lines += [f"{user}:x:{n}:{n}::/:/usr/sbin/nologin" if name == "passwd" else
                      f"{user}:x:{n}:{members}" for user, n, members in ids]
            (self.dir / name).write_text("\n".join(lines) + "\n")
            (self.dir / name).chmod(0o644)

    def command(self, *command):
        """As it is to be started there."""
        if not AS_SHIPPED:
            return list(map(str, command))
        return ["unshare", "--mount", "sh", "-ec", _INSIDE, *map(str, (self.dir, *command))]

    def block(self, name="front", more=""):
        """The [[listen]] of a front that is a wall."""
        return (f'[[listen]]\naddress = "{self.sockets}/{name}"\ntransport = "proxy"\nauth = "wall"\n'
                f"proxy_uids = [{self.front_uid}]\n{more}")

    def front(self, case, listener, changes):
        """HAProxy with the example and these changes, taking connections of `listener` until the test
        ends. Its place is changed, and, where it cannot be as shipped, that of the socket and its user."""
        text = EXAMPLE.read_text()
        if not AS_SHIPPED:
            changes = (("    user haproxy\n    group mootd\n", ""), *changes)
        changes = (("unix@/run/moot/front", f"unix@{self.sockets}/front"),
                   (":7700", f"fd@{listener.fileno()}"), *changes)
        for old, new in changes:
            case.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        config = self.dir / f"haproxy-{listener.fileno()}-{os.urandom(4).hex()}.cfg"
        config.write_text(text)
        process = subprocess.Popen(self.command("haproxy", "-db", "-q", "-f", config),
                                   pass_fds=[listener.fileno()])
        case.addCleanup(process.wait)
        case.addCleanup(process.kill)
        return process
