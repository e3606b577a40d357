"""What a unit file lets its service call, by the sets that systemd itself has."""

import re
import subprocess


def system_call_sets(text):
    """The answer of `systemd-analyze syscall-filter`: set -> the names in it, sets among them."""
    sets = {}
    for line in text.splitlines():
        if line.startswith("@"):
            members = sets.setdefault(line.strip(), set())
        elif (name := line.strip()) and not name.startswith("#"):
            members.add(name)
    return sets


def expand(name, sets):
    if not name.startswith("@"):
        return {name}
    return set().union(*(expand(member, sets) for member in sets[name]))


def allowed(unit, sets):
    """The calls that the lines SystemCallFilter= of a unit leave. The first line has to be a list of
    what is allowed; systemd adds @default to one."""
    lines = re.findall(r"^SystemCallFilter=(.*)$", unit, re.M)
    if not lines or lines[0].startswith("~"):
        raise ValueError("the unit has no list of allowed system calls")
    calls = expand("@default", sets)
    for line in lines:
        named = set().union(*(expand(name, sets) for name in line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def known_sets():
    done = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], check=True,
                          capture_output=True, text=True, timeout=60)
    return system_call_sets(done.stdout)


def calls_of(trace):
    """Which calls `strace -f` saw; a call that was cut in two has its name in the first half."""
    return set(re.findall(r"^(?:\d+ +)?(\w+)\(", trace, re.M))
