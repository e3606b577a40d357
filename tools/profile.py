#!/usr/bin/env python3
"""profile.py BUILD_DIR [WORKLOAD...]: where mootd's time goes in the workloads of bench-peers.

Runs `bench-peers` for moot alone under `perf record` and sorts the samples of mootd by what it was
at: the system call it was in, else the function. One JSON object a workload and part on standard
output, which performance.py takes with the curves; microseconds are the part's share of what
bench-peers measured, the logins before the messages included. Needs linux-perf."""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

WORKLOADS = ("W1.1", "W1.64", "W2.100.1", "W2.100.16", "W2.1000.1", "W2.1000.16")
HERTZ = 4_000

# The first that is found in a sample's stack, innermost function first.
CALLS = {
    "writing to sockets": ("__x64_sys_sendto", "__x64_sys_sendmsg"),
    "reading from sockets": ("__x64_sys_recvfrom", "__x64_sys_recvmsg"),
    "waiting and waking": ("__x64_sys_epoll_wait", "__x64_sys_epoll_ctl", "__x64_sys_futex",
                           "__x64_sys_write"),
    "disk: write and sync": ("__x64_sys_fdatasync", "__x64_sys_fsync", "__x64_sys_pwrite64",
                             "__x64_sys_fcntl"),
}
SIGNATURES = ("permute_", "keccak", "MacLane", "MacKey", "sign_many", "Sha3")
SERVER, STORE, REST = "the server's own steps", "disk: SQLite's own work", "the kernel's rest"


def part_of(stack, main_thread):
    for function in stack:
        for part, calls in CALLS.items():
            if function.startswith(calls):
                return part
    if any(f.startswith(("entry_SYSCALL", "asm_")) for f in stack):
        return REST
    if not main_thread:
        return STORE
    return "signatures" if stack and any(s in stack[0] for s in SIGNATURES) else SERVER


def samples(recording):
    """Of each of mootd's samples: whether it is of the first thread, and its stack."""
    shown = subprocess.run(["perf", "script", "-i", recording, "--comms", "mootd", "-F",
                            "pid,tid,ip,sym"], capture_output=True, text=True, check=True).stdout
    for sample in shown.split("\n\n"):
        lines = sample.strip("\n").splitlines()
        if not lines or "/" not in lines[0]:
            continue
        pid, tid = lines[0].split()[0].split("/")
        yield pid == tid, [line.split(None, 1)[-1].strip() for line in lines[1:]]


def profile(build, workload, recording):
    bench = [build / "bin/bench-peers", "--config", "bench/peers/config", "--only", workload,
             "--with", "moot"]
    ran = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-g", "-a",
                          "-o", recording, "--", *bench], capture_output=True, text=True)
    rows = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    if ran.returncode != 0 or not rows:
        sys.exit(f"profile.py: {workload} did not run under perf:\n{ran.stderr}")
    parts = collections.Counter(part_of(stack, first) for first, stack in samples(recording))
    total = sum(parts.values())
    if total == 0:
        sys.exit(f"profile.py: perf saw nothing of mootd in {workload}.")
    for part, n in parts.most_common():
        yield {"profile": workload, "workload": rows[0]["workload"], "part": part,
               "share": round(n / total, 4), "median": round(rows[0]["median"] * n / total, 4)}


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: profile.py BUILD_DIR [WORKLOAD...]")
    if not shutil.which("perf"):
        sys.exit("profile.py: perf is not here; install linux-perf.")
    with tempfile.TemporaryDirectory() as folder:
        for workload in sys.argv[2:] or WORKLOADS:
            print(f"profile: {workload}", file=sys.stderr)
            for row in profile(pathlib.Path(sys.argv[1]), workload, f"{folder}/perf.data"):
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
