"""A recorded session is worth nothing to whoever plays it back. tools/chaos.py begins with this."""

import json
import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "support"))
import moot_process  # noqa: E402
import moot_wire  # noqa: E402
from chaos_home import Finding  # noqa: E402

# The rates of a person would make the rounds long; several servers run at once.
OPTIONS = ("--http-listen", "off", "--set", "limits.commands_per_s=0", "--set",
            "limits.bytes_per_s=0")


class Tap(threading.Thread):
    """Stands between clients and a server; keeps what each client said."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sessions = []
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            said = bytearray()
            self.sessions.append(said)
            threading.Thread(target=self.relay, args=(client, said), daemon=True).start()

    def relay(self, client, said):
        with client, socket.create_connection(("127.0.0.1", self.to)) as server:
            other = {client: server, server: client}
            while True:
                for end in select.select(list(other), [], [])[0]:
                    try:
                        octets = end.recv(65536)
                    except ConnectionError:
                        octets = b""
                    if not octets:
                        return
                    if end is client:
                        said += octets
                    other[end].sendall(octets)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self.join()
        self.listener.close()


def answer_to(port, octets):
    """All that a server says to these octets before it hangs up: (command, code)."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        try:
            s.sendall(octets)
            while piece := s.recv(65536):
                got += piece
        except ConnectionError:
            pass
    frames, rest = moot_wire.split_frames(got)
    return [(cmd, moot_wire.unpack(payload).get("code")) for cmd, _, payload in frames], rest


def recorded_sessions(programs, patience_s):
    """How many recordings were refused. Raises a Finding at the first that was not."""
    mootd, moot = programs
    place = pathlib.Path(tempfile.mkdtemp(prefix="moot-recorded-"))
    server = moot_process.Server(mootd, place / "data", OPTIONS)
    other = moot_process.Server(mootd, place / "other", OPTIONS)
    tap = None
    tried = 0

    def run(name, *args):
        return subprocess.run([str(moot), "--home", str(place / name), *args], check=True,
                              capture_output=True, text=True, timeout=patience_s).stdout

    def refused(where, port):
        nonlocal tried
        for i, octets in enumerate(recorded):
            # Its challenge is an old one: after the greeting a word about that at most.
            said = answer_to(port, octets)
            if said not in (([("SINFO", None)], b""), ([("SINFO", None), ("DCNN", "chal")], b"")):
                raise Finding(f"recorded session {i} was answered by {where}: {said}")
            tried += 1

    try:
        server.start()
        tap = Tap(server.port)
        run("bob", "join", server.invite(), "--as", "bob")
        link = server.invite().replace(f":{server.port}/", f":{tap.port}/")
        run("ada", "join", link, "--as", "ada")
        run("ada", "send", "@bob", "said once", "--wait", "sent", "--timeout", "60s")
        recorded = [bytes(s) for s in tap.sessions]
        if len(recorded) != 2 or not all(s.startswith(b"CNN\n") for s in recorded):
            raise Finding(f"not what was to be recorded: {[s[:8] for s in recorded]}")

        refused("the server", server.port)
        copy = place / "copy"
        server.admin("backup", copy)
        server.kill()
        server.start()
        refused("the restarted server", server.port)

        other.admin("restore", copy)
        shutil.copy(place / "data" / "master.key", place / "other" / "master.key")
        other.start()
        refused("another server with the same keys", other.port)

        # The key itself is good, with both: it is the recording that is refused.
        key = moot_wire.Key.of_file((place / "ada" / "key.toml").read_text())
        for port in (server.port, other.port):
            key.port = port
            moot_wire.Peer(key).close()
        texts = [json.loads(m)["text"] for m in run("bob", "tail", "--json").splitlines()]
        if texts != ["said once"]:
            raise Finding(f"bob got {texts}")
        shutil.rmtree(place)
        return tried
    finally:
        if tap:
            tap.close()
        for s in (server, other):
            s.close()
