"""A program in a terminal of its own: what it draws as lines of text. Standard library only.

The terminal understands what ncurses says to a vt100 or an xterm. What it does not understand
is an error, so a screen is never half of what the program meant."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

CONTROL = re.compile(r"\x1b\[([?>]?)([0-9;]*)([@-~])|\x1b[()*+]([0-9A-Za-z])|\x1b([=>78DEMHc])")
UNFINISHED = re.compile(r"\x1b(\[[?>]?[0-9;]*)?$|\x1b[()*+]$")
# Modes, keypads, charsets and attributes of which the text does not depend.
SILENT = set("hlmntq")


def width_of(char):
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    def __init__(self, rows, columns):
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self.bells = 0
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, rows - 1
        self._last = " "

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def feed(self, data):
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._plain(text[at])
                at += 1
                continue
            if found := CONTROL.match(text, at):
                self._control(found)
                at = found.end()
            elif UNFINISHED.match(text, at):
                self._rest = text[at:]
                return
            else:
                raise AssertionError(f"the terminal does not know {text[at:at + 12]!r}")

    def _plain(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self._line_feed()
        elif char == "\b":
            self.column = max(self.column - 1, 0)
        elif char == "\t":
            self.column = min(self.column // 8 * 8 + 8, self.columns - 1)
        elif char == "\a":
            self.bells += 1
        elif char in "\x0e\x0f\x00":
            pass
        else:
            self._put(char)

    def _put(self, char):
        width = width_of(char)
        if width == 0:
            before = max(self.column - 1, 0)
            if self.cells[self.row][before] == "" and before > 0:
                before -= 1
            self.cells[self.row][before] += char
            return
        if self.column + width > self.columns:
            self.column = 0
            self._line_feed()
        self.cells[self.row][self.column] = char
        if width == 2:
            self.cells[self.row][self.column + 1] = ""
        self.column += width
        self._last = char

    def _line_feed(self):
        if self.row == self.bottom:
            self._scroll(1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def _scroll(self, n, top=None):
        top = self.top if top is None else top
        for _ in range(abs(n)):
            if n > 0:
                del self.cells[top]
                self.cells.insert(self.bottom, [" "] * self.columns)
            else:
                del self.cells[self.bottom]
                self.cells.insert(top, [" "] * self.columns)

    def _control(self, found):
        private, arguments, final, _, short = found.groups()
        if short == "M":
            if self.row == self.top:
                self._scroll(-1)
            else:
                self.row = max(self.row - 1, 0)
        elif short == "D":
            self._line_feed()
        elif short == "E":
            self.column = 0
            self._line_feed()
        if final is None or private or final in SILENT:
            return
        numbers = [int(n or 0) for n in arguments.split(";")]
        n = max(numbers[0], 1)
        line = self.cells[self.row]
        if final in "Hf":
            self.row = min(n, self.rows) - 1
            self.column = min(max((numbers + [1])[1], 1), self.columns) - 1
        elif final == "A":
            self.row = max(self.row - n, 0)
        elif final == "B":
            self.row = min(self.row + n, self.rows - 1)
        elif final == "C":
            self.column = min(self.column + n, self.columns - 1)
        elif final == "D":
            self.column = max(self.column - n, 0)
        elif final == "G":
            self.column = min(n, self.columns) - 1
        elif final == "d":
            self.row = min(n, self.rows) - 1
        elif final == "J":
            self._erase_line(numbers[0])
            below = range(self.row + 1, self.rows)
            above = range(0, self.row)
            for row in {0: [*below], 1: [*above], 2: [*above, *below]}[numbers[0]]:
                self.cells[row] = [" "] * self.columns
        elif final == "K":
            self._erase_line(numbers[0])
        elif final == "X":
            line[self.column:self.column + n] = [" "] * min(n, self.columns - self.column)
        elif final == "P":
            del line[self.column:self.column + n]
            line.extend([" "] * (self.columns - len(line)))
        elif final == "@":
            line[self.column:self.column] = [" "] * n
            del line[self.columns:]
        elif final == "L":
            self._scroll(-n, self.row)
        elif final == "M":
            self._scroll(n, self.row)
        elif final == "S":
            self._scroll(n)
        elif final == "T":
            self._scroll(-n)
        elif final == "r":
            self.top = n - 1
            self.bottom = (numbers + [0])[1] - 1 if len(numbers) > 1 else self.rows - 1
            self.row = self.column = 0
        elif final == "b":
            for _ in range(n):
                self._put(self._last)
        else:
            raise AssertionError(f"the terminal does not know {found[0]!r}")

    def _erase_line(self, how):
        begin = 0 if how in (1, 2) else self.column
        end = self.column + 1 if how == 1 else self.columns
        self.cells[self.row][begin:end] = [" "] * (end - begin)


class Terminal:
    """`with Terminal([program, ...]) as t`: types into it, waits for what it shows."""

    def __init__(self, command, rows=24, columns=80, env=None):
        self.command = [str(c) for c in command]
        self.screen = Screen(rows, columns)
        self.env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})}
        self.pid = None
        self.code = None
        self.open = True

    def __enter__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # The size has to be there before the program looks.
            self._set_size(0)
            os.execve(self.command[0], self.command, self.env)
        return self

    def __exit__(self, *_):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _set_size(self, fd):
        fcntl.ioctl(fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", self.screen.rows, self.screen.columns, 0, 0))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self._set_size(self.fd)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, timeout):
        """Takes what comes within the time; False when nothing came or the program ended."""
        if not self.open or not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.open = bool(data)
        self.screen.feed(data)
        return self.open

    def text(self):
        return "\n".join(self.screen.lines())

    def wait_for(self, what, timeout=20):
        """Until the screen shows `what`: a text, or something that takes the screen as a text."""
        good = what if callable(what) else lambda text: what in text
        until = time.monotonic() + timeout
        while not good(self.text()):
            left = until - time.monotonic()
            if left <= 0 or (not self.read(left) and not self.open):
                raise AssertionError(f"waited in vain for {what!r}:\n{self.text()}")
        return self.text()

    def wait_end(self, timeout=20):
        """The exit code."""
        until = time.monotonic() + timeout
        while self.open and time.monotonic() < until:
            self.read(until - time.monotonic())
        if self.open:
            raise AssertionError(f"it does not end:\n{self.text()}")
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code
