#!/usr/bin/env python3
"""instructions.py [--write] PROGRAM BASELINE: what the server's hot paths cost, in instructions.

Runs PROGRAM (bench/instructions.cc) once for each path under callgrind and compares instructions a
time with BASELINE. Exits 1 when a path costs more than its baseline and ROOM; says when one costs
less. --write writes what was counted as the new baseline. No clock, no load and no wider processor
changes the figures; another compiler or another C library does."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The rest of what a count moves without a change of the code: alignment, an update of a library.
ROOM = 0.03
PATHS = ("relay", "relay_batch", "fan_out_100", "commit", "login", "verify", "verify_avx2")

HEAD = """# Instructions of the server's hot paths, a time each: see "Instructions" in docs/testing.md.
# `./dev instructions --write` makes this file.
"""

# Which memcpy the C library takes must not depend on the processor, nor where things lie on the
# environment.
ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-EVEX,-ERMS,-FSRM,"
                      "-SSSE3,-SSE4_1,-SSE4_2,-Fast_Unaligned_Copy:"
                      "glibc.cpu.x86_non_temporal_threshold=0xc0000:"
                      "glibc.cpu.x86_rep_movsb_threshold=0x40000000",
    "PATH": "/usr/bin:/bin",
}


def count(program, path):
    """Instructions a time; None where this processor cannot take the path."""
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=moot_counted",
             "--callgrind-out-file=" + str(Path(scratch, "out")), str(program), path],
            capture_output=True, text=True, env=ENVIRONMENT, cwd=scratch)
    if run.returncode != 0:
        sys.exit(f"instructions.py: `{program} {path}` under callgrind failed:\n{run.stderr}")
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if collected is None:
        sys.exit(f"instructions.py: callgrind counted nothing of {path}:\n{run.stderr}")
    times = int(run.stdout)
    if times == 0:
        return None
    if int(collected[1]) == 0:
        sys.exit(f"instructions.py: {path} never entered moot_counted (bench/still_server.h); "
                 "is the program stripped?")
    return round(int(collected[1]) / times)


def read_baseline(text):
    """Path to instructions. Every line that is no comment is `PATH NUMBER`."""
    baseline = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            path, number = line.split()
            baseline[path] = int(number)
    return baseline


def judge(counted, baseline):
    """Lines for people, and whether every path is within its room."""
    lines, good = [], True
    for path, now in counted.items():
        was = baseline.get(path)
        if now is None:
            lines.append(f"{path:12} not on this processor")
            continue
        if was is None:
            lines.append(f"{path:12} {now:9} has no baseline; `./dev instructions --write` makes one")
            good = False
            continue
        line = f"{path:12} {now:9} {now / was - 1:+7.2%} of {was}"
        if now > was * (1 + ROOM):
            line += (f"  TOO MANY: more than {ROOM:.0%} above. Look where with callgrind_annotate and mend "
                     "it, or say in the commit what is worth it and `./dev instructions --write`")
            good = False
        elif now < was * (1 - ROOM):
            line += "  cheaper: keep it with `./dev instructions --write`"
        lines.append(line)
    for path in baseline.keys() - counted.keys():
        lines.append(f"{path:12} has a baseline and is counted no more; `./dev instructions --write`")
        good = False
    return lines, good


def main(args):
    write = "--write" in args
    program, file = (Path(a).resolve() for a in args if a != "--write")
    baseline = read_baseline(file.read_text()) if file.exists() else {}
    counted = {path: count(program, path) for path in PATHS}
    lines, good = judge(counted, baseline)
    print("\n".join(lines))
    if write:
        rows = {p: n if n is not None else baseline.get(p) for p, n in counted.items()}
        file.write_text(HEAD + "".join(f"{p} {n}\n" for p, n in rows.items() if n is not None))
        return 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
