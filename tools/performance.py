#!/usr/bin/env python3
"""performance.py OUT_DIR POINTS ROWS...: docs/performance.md and its plots.

ROWS are files of JSON objects, one a line, each of one run of bench-peers; the tables are those of
the last one, the ratios to what has to be reached are told of all. POINTS is a file of the same
form, of curves (`moot-bench scale --json` and others) and of profiles (profile.py). OUT_DIR gets performance.md and a folder
performance/ with one SVG a workload and a curve."""

import json
import math
import os
import pathlib
import platform
import sys

# What has to be reached, against whom, in the same run (the best of those named).
GOALS = {
    "W1.1": ["ngircd"],
    "W1.64": ["nats-server"],
    "W2.100.1": ["inspircd"],
    "W2.100.16": ["inspircd"],
    "W2.1000.1": ["inspircd"],
    "W2.1000.16": ["inspircd"],
    "W3": ["mosquitto QoS 0"],
    "W4": ["mosquitto QoS 0"],
}

INTRO = """# What it costs, beside others

Made by `./dev bench --peers`, which runs all of it: moot, a bare relay, and the servers that Debian 12 has, the same work in one
run on one machine. Server processor time is what is compared, of all its processes, from the operating system's own accounting. Absolute
figures move with the machine; **what counts are the ratios of one run**.

- W1: 50 pairs, bodies of 100 octets; a delivery at B lets A send the next, *window* messages of a pair are under way. moot: PV_MSG to MSG, with ACK_MSG
  and MSG_ACK for every message, every frame signed and checked; the message is kept on disk where `offline.keep` asks for it.
- W2: one sender, a message counts when all have it. moot: a channel that the server keeps, with its fsync before anybody is told.
- W3, W4: {connections} connections that do nothing; what one of them keeps resident, and what its login cost.
- The server has a processor of its own, the load another one. Every server takes its turn {runs} times; median, and the smallest and largest in brackets. The
  others neither sign nor check nor store anything here. Their configurations are in `bench/peers/config/`: throttles off, no look-ups, loopback only.
- A run may be of fewer servers and workloads (`--with`, `--only`): what it left out is not on this page.
- *Ratio*: this server's median divided by moot's; above 1, moot is cheaper.
"""

GROWTH = """Both axes are logarithmic: a straight line that rises by one step of the grid per step is linear, a flat one does not
grow. Made by `moot-bench scale`, `reconcile_bench` and `store_bench`.
"""

PROFILE = """Samples of mootd in each workload, sorted by the system call it was in, else by the function (`tools/profile.py`, with
perf): microseconds of a delivery, and the share. What goes to sockets and to the disk is the kernel's work; the other servers
have the first as well, about what the bare relay costs in all, and not the second.
"""

CAVEATS = """## Caveats

- The two sides share one machine: the load's own processor time is not counted, but it shares caches and memory with the server.
- mosquitto and the XMPP servers take a quarter and a twentieth of the messages, so that a run ends; a cost per message is not changed by it.
- XMPP servers log in anonymous users, and their rooms tell the speaker too; that delivery is theirs and not counted.
- A server that answers with several processes or threads has only one processor here, as all have.
- An idle connection's octets are resident memory divided by connections: the kernel's socket buffers are not in it. What moot's are
  made of is told by name in [ADR 13](adr/0013-an-idle-connection-holds-little.md).
- At most eight logins are under way at a time, the same for all. The first login of a key in a day is also written to moot's store;
  those that are counted are not the first.
- "moot over TLS" is TLS 1.3 with one connection's frames of a turn in one record; "moot on two threads" shares its one processor
  between them, so it shows what passing from thread to thread costs, not what a second processor brings.
- "bare relay with io_uring" is the bare relay with the writes of a turn in one call ([ADR 12](adr/0012-writes-of-a-turn-in-one-call.md)).
"""


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    avx512 = "with" if " avx512f " in flags else "without"
    return f"{model}, {os.cpu_count()} processors, {avx512} AVX-512, Linux {platform.release()}"


def table(rows):
    moot = next((r for r in rows if r["server"] == "moot"), None)
    out = ["| server | version | median | spread | ratio | rate/s | p50 | p99 | p99.9 |",
           "|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        ratio = f"{r['median'] / moot['median']:.2f}" if moot and moot["median"] > 0 else ""
        timed = r["p50"] > 0
        out.append("| {} | {} | {} | {} .. {} | {} | {} | {} | {} | {} |".format(
            f"**{r['server']}**" if r is moot else r["server"], r["version"], figure(r["median"]),
            figure(r["min"]), figure(r["max"]), ratio, f"{r['rate']:,}" if timed else "",
            *(f"{r[p]:,.0f} us" if timed else "" for p in ("p50", "p99", "p999"))))
    return out


def figure(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def by_workload(rows):
    by_id = {}
    for r in rows:
        by_id.setdefault(r["id"], []).append(r)
    return by_id


def share(by_id, key):
    """Of one run: moot's row, the best rival's, the quotient of their medians; None: not in it."""
    rows = {r["server"]: r for r in by_id.get(key, [])}
    rivals = [rows[n] for n in GOALS[key] if n in rows]
    if "moot" not in rows or not rivals:
        return None
    best = min(rivals, key=lambda r: r["median"])
    return rows["moot"], best, rows["moot"]["median"] / best["median"]


def goals(runs):
    """A row a goal: the last run's figures, the quotients of every run."""
    out = ["| workload | moot | best of | its figure | moot / it | in every run | holds |",
           "|---|---|---|---|---|---|---|"]
    for key in GOALS:
        found = share(runs[-1], key)
        if not found:
            continue
        moot, best, quotient = found
        quotients = [s[2] for s in (share(run, key) for run in runs) if s]
        out.append(f"| {moot['workload']} | {figure(moot['median'])} | {best['server']} | "
                   f"{figure(best['median'])} | {quotient:.2f} | "
                   f"{', '.join(f'{q:.2f}' for q in quotients)} | "
                   f"{'yes' if max(quotients) <= 1 else 'no'} |")
    return out


def plot(rows):
    rows = sorted(rows, key=lambda r: r["median"])
    # Who is far behind would hide the differences between the others: his bar is cut.
    cut = 4 * sorted(r["median"] for r in rows)[len(rows) // 2]
    largest = min(cut, max(r["max"] for r in rows)) or 1
    height = 30 * len(rows) + 50
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" '
           'font-family="sans-serif" font-size="13">',
           f'<rect width="720" height="{height}" fill="#fff"/>',
           f'<text x="10" y="22" font-weight="bold">{rows[0]["workload"]}: {rows[0]["unit"]}</text>']
    for i, r in enumerate(rows):
        y = 40 + 30 * i
        width = 430 * min(r["median"], largest) / largest
        colour = "#2f6f4f" if r["server"].startswith("moot") else "#9aa5b1"
        if r["server"] == "bare relay":
            colour = "#d9dee4"
        out.append(f'<text x="165" y="{y + 15}" text-anchor="end">{r["server"]}</text>')
        out.append(f'<rect x="172" y="{y}" width="{width:.1f}" height="20" fill="{colour}"/>')
        beyond = " (bar cut)" if r["median"] > largest else ""
        out.append(f'<text x="{178 + width:.1f}" y="{y + 15}">{figure(r["median"])}{beyond}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def curve(points):
    """Both axes logarithmic; equal steps of the grid are factors of ten."""
    left, right, top, bottom = 80, 690, 50, 330
    xs = [math.log10(p["x"]) for p in points]
    ys = [math.log10(max(p["median"], 1e-6)) for p in points]
    x0, x1 = math.floor(min(xs)), max(math.ceil(max(xs)), math.floor(min(xs)) + 1)
    y0, y1 = math.floor(min(ys)), max(math.ceil(max(ys)), math.floor(min(ys)) + 1)

    def at(x, y):
        return (left + (right - left) * (x - x0) / (x1 - x0),
                bottom - (bottom - top) * (y - y0) / (y1 - y0))

    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 380" '
           'font-family="sans-serif" font-size="13">',
           '<rect width="720" height="380" fill="#fff"/>',
           f'<text x="10" y="22" font-weight="bold">{points[0]["workload"]}: '
           f'{points[0]["unit"]}</text>']
    for decade in range(x0, x1 + 1):
        x, _ = at(decade, y0)
        out.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#d9dee4"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
                   f'{10 ** decade:,}</text>')
    for decade in range(y0, y1 + 1):
        _, y = at(x0, decade)
        out.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#d9dee4"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">'
                   f'{10.0 ** decade:,.10g}</text>')
    out.append(f'<text x="{(left + right) / 2}" y="{bottom + 40}" text-anchor="middle">'
               f'{points[0]["x_name"]}</text>')
    places = [at(x, y) for x, y in zip(xs, ys)]
    out.append('<polyline fill="none" stroke="#2f6f4f" stroke-width="2" points="'
               + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) + '"/>')
    for (x, y), p in zip(places, points):
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#2f6f4f"/>')
        out.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">'
                   f'{figure(p["median"])}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def curves(points, folder):
    text = []
    for key, group in by_workload(points).items():
        group.sort(key=lambda p: p["x"])
        name = key.lower().replace(".", "-")
        (folder / "performance" / f"{name}.svg").write_text(curve(group), encoding="utf-8")
        first = group[0]
        text += [f"### {first['workload']}", "", f"In {first['unit']}.", "",
                 f"![{first['workload']}](performance/{name}.svg)", "",
                 f"| {first['x_name']} | " + " | ".join(f"{p['x']:,}" for p in group) + " |",
                 "|---" * (len(group) + 1) + "|",
                 "| median | " + " | ".join(figure(p["median"]) for p in group) + " |", ""]
    return ["## As the work grows", "", GROWTH, *text] if text else []


def profiles(points):
    if not points:
        return []
    by_id = {}
    for p in points:
        by_id.setdefault(p["profile"], {})[p["part"]] = p
    parts = sorted({p["part"] for p in points},
                   key=lambda part: -sum(w[part]["share"] for w in by_id.values() if part in w))

    def cell(w, part):
        return f"{figure(w[part]['median'])} ({w[part]['share']:.0%})" if part in w else ""

    return ["## Where the time goes", "", PROFILE,
            "| | " + " | ".join(by_id) + " |", "|---" * (len(by_id) + 1) + "|",
            *(f"| {part} | " + " | ".join(cell(w, part) for w in by_id.values()) + " |"
              for part in parts), ""]


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip().startswith("{")]


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: performance.py OUT_DIR POINTS ROWS...")
    folder = pathlib.Path(sys.argv[1])
    points, *files = [read(path) for path in sys.argv[2:]]
    rows = files[-1]
    if not rows:
        sys.exit(f"performance.py: {sys.argv[-1]} has no rows; run ./dev bench --peers.")
    (folder / "performance").mkdir(parents=True, exist_ok=True)
    connections = max((r.get("connections", 0) for r in rows), default=0)
    text = [INTRO.format(connections=f"{connections:,}" if connections else "10,000",
                         runs=max(r["runs"] for r in rows)),
            f"Measured on {machine()}.", "", "## What has to be reached", "",
            *goals([by_workload(each) for each in files]), ""]
    missing = [key for key in GOALS if not share(by_workload(rows), key)]
    if missing:
        text += [f"Not measured in the last run, or not beside the rival: {', '.join(missing)}.", ""]
    for key, group in by_workload(rows).items():
        name = key.lower().replace(".", "-")
        (folder / "performance" / f"{name}.svg").write_text(plot(group), encoding="utf-8")
        text += [f"## {group[0]['workload']}", "", f"In {group[0]['unit']}.", "",
                 f"![{group[0]['workload']}](performance/{name}.svg)", "", *table(group), ""]
    text += profiles([p for p in points if "profile" in p])
    text += curves([p for p in points if "profile" not in p], folder)
    text.append(CAVEATS)
    (folder / "performance.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
