"""A real mootd on a free port of loopback, for tests of processes. Standard library only."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading


class Server:
    """One data directory and the mootd that runs on it, if one does."""

    def __init__(self, program, data_dir, args=(), env=None, log=None):
        self.program = str(program)
        self.data_dir = pathlib.Path(data_dir)
        self.args = list(args)
        self.env = {**os.environ, **(env or {})}
        self.port = 0
        self.tls_port = 0  # of the last start, where there is such a listener
        self.listening = []  # (kind, where) of the last start
        self.http_port = 0  # the same
        self.process = None
        # A file that stays, where its place is told.
        self._log = open(log, "a+b") if log else tempfile.TemporaryFile()
        self._log_at_start = 0

    def start(self, timeout=60):
        """Returns when it says that it is ready. A restart has the port of the first start."""
        self._log_at_start = self._log_size()
        self.process = subprocess.Popen(
            [self.program, "run", "--data-dir", self.data_dir, "--listen",
             f"127.0.0.1:{self.port}", *self.args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, env=self.env,
            text=True)
        self.listening = []
        watch = threading.Timer(timeout, self.process.kill)
        watch.start()
        try:
            for line in self.process.stdout:
                if found := re.fullmatch(r"listening (\S+) (.+)", line.strip()):
                    self.listening.append((found[1], found[2]))
                if found := re.fullmatch(r"listening plain \S+:(\d+)", line.strip()):
                    self.port = int(found[1])
                if found := re.fullmatch(r"listening tls \S+:(\d+)", line.strip()):
                    self.tls_port = int(found[1])
                if found := re.fullmatch(r"listening http \S+:(\d+)", line.strip()):
                    self.http_port = int(found[1])
                if line.strip() == "ready":
                    return self
        finally:
            watch.cancel()
        code = self.process.wait()
        raise AssertionError(f"mootd ended with {code} before it was ready:\n{self.log()}")

    def kill(self):
        """As a power cut would end it."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def stop(self, timeout=30):
        """As an operator would end it. The exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return code

    def admin(self, *args):
        """`mootd ARGS`, running or not. What it prints."""
        done = subprocess.run([self.program, *map(str, args), "--data-dir", self.data_dir],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise AssertionError(f"mootd {' '.join(map(str, args))}: {done.stderr}")
        return done.stdout

    def invite(self, uses=1):
        """The link of a new invitation."""
        return re.search(r"moot://[^\s']+", self.admin("invite", "--uses", uses))[0]

    def log(self, lines=20):
        """The last lines of all starts."""
        return self._log_from(0, lines)

    def log_since_start(self, lines=20):
        """The last lines of the last start."""
        return self._log_from(self._log_at_start, lines)

    def _log_from(self, begin, lines):
        # Read where nothing moves: the place of the next line is shared with the process.
        text = os.pread(self._log.fileno(), 1 << 24, max(begin, self._log_size() - (1 << 24)))
        return "\n".join(text.decode(errors="replace").splitlines()[-lines:])

    def _log_size(self):
        return os.fstat(self._log.fileno()).st_size

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Kills what still runs; from then on there is no log to be read."""
        if self.process is not None:
            self.kill()
        self._log.close()
