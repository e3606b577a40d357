"""The life of the packages in a bare Debian (tools/package_test.sh): what was installed runs as its unit
says, serves, is upgraded over itself, removed and purged. Run as root in that tree only."""

import grp
import os
import pathlib
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys

PATIENCE = 60
PACKAGES = pathlib.Path("/packages")
UNIT = pathlib.Path("/lib/systemd/system/mootd.service")
CONFIG = pathlib.Path("/etc/moot/mootd.toml")
DATA = pathlib.Path("/var/lib/moot")
LOG = PACKAGES / "server.log"
HOMES = pathlib.Path("/root/homes")


def expect(condition, what):
    if not condition:
        sys.exit(f"package test: {what}")


def run(*args, code=0, **more):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600, check=False,
                          stdin=subprocess.DEVNULL, **more)
    expect(done.returncode == code,
           f"`{' '.join(map(str, args))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def said(what):
    print(f"  {what}", flush=True)


class Service:
    """mootd as its unit starts it; this is the service manager."""

    def __init__(self):
        text = UNIT.read_text()
        self.unit = {}
        for key, value in re.findall(r"^(\w+)=(.*)$", text, re.M):
            self.unit.setdefault(key, value)
        self.log = LOG.open("ab")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        path = "/run/notify-test"
        pathlib.Path(path).unlink(missing_ok=True)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.env = {"NOTIFY_SOCKET": path, "PATH": "/usr/bin:/bin",
                    "WATCHDOG_USEC": str(int(self.unit["WatchdogSec"]) * 1_000_000)}

    def start(self):
        unit = self.unit
        self.process = subprocess.Popen(
            unit["ExecStart"].split(), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.log, user=unit["User"], group=unit["Group"], extra_groups=[], umask=int(unit["UMask"], 8), cwd="/")
        expect(self.hears("READY=1"), "mootd did not say READY=1")

    def hears(self, wanted):
        while True:
            try:
                state = self.socket.recv(4096).decode()
            except TimeoutError:
                return False
            if wanted in state.splitlines():
                return True

    def stop(self):
        self.process.terminate()
        expect(self.process.wait(PATIENCE) == 0, "mootd did not end with 0")


def mode(path):
    found = path.stat()
    return (pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name,
            stat.S_IMODE(found.st_mode))


def installed():
    expect(pwd.getpwnam("mootd").pw_dir == str(DATA), "the user mootd has another home")
    expect(mode(DATA) == ("mootd", "mootd", 0o700), f"{DATA} is {mode(DATA)}")
    expect(mode(CONFIG) == ("root", "root", 0o644), f"{CONFIG} is {mode(CONFIG)}")
    expect(str(CONFIG) in run("dpkg-query", "-W", "-f", "${Conffiles}", "mootd"), "no conffile")
    wanted = pathlib.Path("/etc/systemd/system/multi-user.target.wants/mootd.service")
    expect(wanted.is_symlink(), "the service is not enabled")
    run("systemd-analyze", "verify", "--man=no", UNIT)
    run("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", UNIT)
    run("mootd", "config", "check")
    expect(f'data_dir = "{DATA}"' in run("mootd", "config", "show"), "mootd reads another configuration")
    for page in ("man1/mootd.1.gz", "man5/mootd.toml.5.gz", "man1/moot.1.gz", "man5/moot-key.5.gz"):
        # A bare system of a container may leave man pages out.
        expect(f"/usr/share/man/{page}" in run("dpkg", "-L", "mootd", "moot"), f"no man page {page}")
    for program in ("mootd", "moot"):
        completed = run("bash", "-c", f". /usr/share/bash-completion/completions/{program}; "
                        f"COMP_WORDS=({program} sta); COMP_CWORD=1; _{program}; echo \"${{COMPREPLY[@]}}\"")
        expect(completed.strip() == "status", f"{program} sta<tab> gives {completed!r}")
    said("installed: user, directories, conffile, unit, man pages, completions")


def moot(name, *args, **more):
    return run("moot", "--home", HOMES / name, *args, **more)


def talk():
    for name in ("ada", "bob"):
        link = re.search(r"moot://[^\s']+", run("mootd", "invite"))[0]
        moot(name, "join", link, "--as", name)
    moot("ada", "send", "@bob", "through the packages", "--wait", "sent")
    follower = subprocess.Popen(["moot", "--home", str(HOMES / "bob"), "tail", "--follow", "--json"],
                                stdout=subprocess.PIPE, text=True)
    expect("through the packages" in follower.stdout.readline(), "bob did not get ada's message")
    moot("ada", "send", "@bob", "and again", "--wait", "acked")
    follower.terminate()
    follower.wait(PATIENCE)
    said("mootd runs as its unit says, and ada and bob have talked through it")


def build_example():
    source = pathlib.Path("/usr/share/doc/libmoot-dev/examples")
    run("cmake", "-S", source, "-B", "/root/by-cmake")
    run("cmake", "--build", "/root/by-cmake")
    flags = run("pkg-config", "--cflags", "--libs", "moot").split()
    run("g++", "-std=c++23", source / "echo_bot.cc", "-o", "/root/by-pkg-config", *flags)
    for name, bot in (("echo1", "/root/by-cmake/echo_bot"), ("echo2", "/root/by-pkg-config")):
        key = HOMES / f"{name}.key"
        key.write_text(run("mootd", "user", "add", name))
        key.chmod(0o600)
        process = subprocess.Popen([bot, str(key), str(HOMES / name)])
        follower = subprocess.Popen(["moot", "--home", str(HOMES / "ada"), "tail", f"@{name}", "--follow",
                                     "--json"], stdout=subprocess.PIPE, text=True)
        moot("ada", "send", f"@{name}", f"hello {name}", "--wait", "acked")
        heard = ""
        while f'"from":"{name}"' not in heard:
            heard = follower.stdout.readline()
            expect(heard, f"{name} did not answer")
        expect(f"hello {name}" in heard, f"{name} answered {heard}")
        for p in (process, follower):
            p.terminate()
            p.wait(PATIENCE)
    said("the example builds by CMake and by pkg-config, and answers")


def upgrade(service):
    with CONFIG.open("a") as config:
        config.write("\n[limits]\nmax_msg = 8192\n")
    run("apt-get", "install", "-qy", "--reinstall", *PACKAGES.glob("*.deb"))
    expect("max_msg = 8192" in CONFIG.read_text(), "the upgrade took the operator's configuration")
    expect("8192" in run("mootd", "config", "show"), "mootd does not read the operator's configuration")
    service.stop()
    service.start()
    expect("@bob" in run("mootd", "user", "list"), "the accounts are gone after the upgrade")
    moot("bob", "send", "@ada", "after the upgrade", "--wait", "sent")
    expect("and again" in moot("bob", "tail", "@ada"), "bob's history is gone after the upgrade")
    said("upgraded over itself: configuration, accounts and messages are there")


def restore(service):
    """Backup and restore of docs/operations.md, word for word but for the service manager."""
    vault = pathlib.Path("/srv/backup")
    vault.mkdir(mode=0o700)
    backup = vault / "copy.db"
    run("mootd", "backup", backup)
    expect(mode(backup) == ("root", "root", 0o600), f"{backup} is {mode(backup)}")
    run("mootd", "user", "add", "late", "--key-out", "/root/late.toml")
    service.stop()
    old = DATA.with_name("moot.old")
    run("mv", DATA, old)
    run("install", "-d", "-o", "mootd", "-g", "mootd", "-m", "700", DATA)
    expect("; the store needs master key" in run("mootd", "restore", backup), "restore names no master key")
    run("install", "-o", "mootd", "-g", "mootd", "-m", "600", old / "master.key", DATA / "master.key")
    run("runuser", "-u", "mootd", "--", "mootd", "audit", "verify")
    found = {path.name: mode(path)[:2] for path in DATA.iterdir()}
    expect(set(found.values()) == {("mootd", "mootd")}, f"{DATA} has {found}")
    service.start()
    expect("@late" not in run("mootd", "user", "list"), "what came after the backup is there")
    moot("bob", "send", "@ada", "after the restore", "--wait", "sent")
    for path in (old, vault):
        shutil.rmtree(path)
    said("backed up to root's directory and restored, and bob still logs in")


def left():
    """Whatever has the name, less what was there before the packages and what the test made."""
    before = set((PACKAGES / "before").read_text().splitlines())
    found = run("find", "/", "-xdev", "-name", "*moot*", "-not", "-path", "/packages*", "-not", "-path",
                "/root/*").splitlines()
    return {path for path in found if path not in before and not path.startswith("/var/cache/apt/")}


def remove():
    kept = {path.name for path in DATA.iterdir()}
    expect("master.key" in kept and "store.db" in kept, f"{DATA} has {kept}")
    run("apt-get", "remove", "-qy", "mootd", "moot", "libmoot-dev")
    expect(CONFIG.exists(), "remove took the configuration")
    for path in ("/usr/bin/mootd", "/usr/bin/moot", UNIT, "/usr/include/moot", "/usr/lib/tmpfiles.d/mootd.conf"):
        expect(not pathlib.Path(path).exists(), f"remove left {path}")
    run("apt-get", "purge", "-qy", "mootd")  # nothing is left of the other two
    expect({path.name for path in DATA.iterdir()} == kept, "purge took the operator's data")
    expect(left() == {str(DATA)}, f"purge left {sorted(left() - {str(DATA)})}")
    said(f"removed and purged: {DATA} is all there is")


def main():
    os.umask(0o022)
    HOMES.mkdir()
    installed()
    service = Service()
    service.start()
    talk()
    build_example()
    upgrade(service)
    restore(service)
    service.stop()
    # Root works on a stopped store, and its user can afterwards.
    expect("@ada" in run("mootd", "user", "list"), "root may not list the users")
    expect("@ada" in run("runuser", "-u", "mootd", "--", "mootd", "user", "list"), "its user may not")
    remove()


main()
