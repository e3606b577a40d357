#!/usr/bin/env python3
"""performance.py ROWS OUT_DIR: docs/performance.md and its plots from the rows of bench-peers.

ROWS is a file of JSON objects, one a line, of one run. OUT_DIR gets performance.md and a folder
performance/ with one SVG a workload."""

import json
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
- *Ratio*: this server's median divided by moot's; above 1, moot is cheaper.
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


def goals(by_id):
    out = ["| workload | moot | best of | its figure | moot / it | holds |", "|---|---|---|---|---|---|"]
    for key, names in GOALS.items():
        rows = {r["server"]: r for r in by_id.get(key, [])}
        rivals = [rows[n] for n in names if n in rows]
        if "moot" not in rows or not rivals:
            continue
        best = min(rivals, key=lambda r: r["median"])
        share = rows["moot"]["median"] / best["median"]
        out.append(f"| {rows['moot']['workload']} | {figure(rows['moot']['median'])} | {best['server']} | "
                   f"{figure(best['median'])} | {share:.2f} | {'yes' if share <= 1 else 'no'} |")
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


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: performance.py ROWS OUT_DIR")
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if line.strip()]
    if not rows:
        sys.exit(f"performance.py: {sys.argv[1]} has no rows; run ./dev bench --peers.")
    by_id = {}
    for r in rows:
        by_id.setdefault(r["id"], []).append(r)
    folder = pathlib.Path(sys.argv[2])
    (folder / "performance").mkdir(parents=True, exist_ok=True)
    connections = max((r.get("connections", 0) for r in rows), default=0)
    text = [INTRO.format(connections=f"{connections:,}" if connections else "10,000",
                         runs=max(r["runs"] for r in rows)),
            f"Measured on {machine()}.", "", "## What has to be reached", "", *goals(by_id), ""]
    for key, group in by_id.items():
        name = key.lower().replace(".", "-")
        (folder / "performance" / f"{name}.svg").write_text(plot(group), encoding="utf-8")
        text += [f"## {group[0]['workload']}", "", f"In {group[0]['unit']}.", "",
                 f"![{group[0]['workload']}](performance/{name}.svg)", "", *table(group), ""]
    text.append(CAVEATS)
    (folder / "performance.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
