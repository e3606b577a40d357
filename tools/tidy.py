#!/usr/bin/env python3
"""tidy.py [ROOT]: what compilers cannot see. Prints `path:line: what` for each finding and exits 1
when there is one. Rules: docs/architecture.md, and docs/adr/0002 for the one exception."""

import re
import subprocess
import sys
from pathlib import Path

from tidy_cpp import await_findings, code_only, line_of, without_comments

CORES = {"base", "crypto", "model", "wire", "session", "channel", "server", "client"}
SHELLS = {"seal", "text", "store", "sim", "net"}

# Which folders of src/ a folder may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "crypto": {"base"},
    "seal": {"base"},
    "text": {"base"},
    "model": {"base"},
    "wire": {"model", "crypto", "base"},
    "session": {"wire", "model", "crypto", "base"},
    "channel": {"model", "crypto", "base"},
    "store": {"model", "seal", "crypto", "base"},
    "server": {"channel", "session", "wire", "model", "crypto", "base"},
    "client": {"include", "channel", "session", "wire", "model", "crypto", "base"},
    "net": CORES | {"include", "seal", "text", "store"},
    "sim": CORES | {"include", "seal", "text", "store"},
    "include": set(),  # the public headers of the client library: they stand alone
    "examples": {"include"},
    "apps": CORES | SHELLS | {"include"},
    "tests": CORES | SHELLS | {"include", "apps"},
    "fuzz": CORES | SHELLS | {"include", "apps"},
    "bench": CORES | SHELLS | {"include", "apps"},
}

# One library, one door: header prefix -> the folders that may include it.
DOORS = {
    "hwy/": {"crypto"},
    "sodium": {"seal"},
    "utf8proc": {"text"},
    "sqlite3": {"store"},
    "boost/": {"net"},
    "openssl/": {"net"},
    "prometheus/": {"net"},
    "CLI/": {"apps"},
    "toml++/": {"apps"},
    "curses": {"apps"},
    "ncurses": {"apps"},
    "spdlog/": {"net", "apps"},
    "fmt/": {"net", "apps"},
    "benchmark/": {"bench"},
    "liburing": {"bench"},
    "gtest/": set(),
    "gmock/": set(),
    "rapidcheck": set(),
    "nlohmann/": set(),
    "msgpack": set(),
}
# What a test beside its code may use on top of its folder's doors: OpenSSL is the oracle.
TEST_DOORS = {"gtest/", "gmock/", "rapidcheck", "nlohmann/", "openssl/"}
# What crosses modules may use the doors of the modules it crosses.
ACROSS_DOORS = {
    "tests": TEST_DOORS | {"boost/", "sqlite3"},
    "bench": {"openssl/"},
    "fuzz": {"openssl/"},
}

POSIX = re.compile(
    r"(sys|netinet|arpa|net|linux)/\w+\.h|(unistd|fcntl|poll|signal|termios|pwd|grp|dlfcn|dirent|"
    r"errno|pthread|netdb|syslog|spawn|langinfo|locale|stdlib|stdio|string|time|wchar|getopt|ftw|"
    r"execinfo|sched|glob|malloc)\.h")
POSIX_FOLDERS = {"store", "net", "apps", "tests", "bench"}

# Standard headers that stand for a file, a thread, a clock or a random source.
IMPURE_HEADERS = {
    "fstream", "iostream", "filesystem", "thread", "mutex", "shared_mutex", "condition_variable",
    "future", "semaphore", "latch", "barrier", "stop_token", "random", "ctime", "csignal", "syncstream",
}
IMPURE_CALLS = [
    (r"\b(?:system|steady|high_resolution|utc|file)_clock\b", "reads a clock"),
    (r"\b(?:clock_gettime|gettimeofday|localtime(?:_r)?|gmtime(?:_r)?|timespec_get)\s*\(", "reads a clock"),
    (r"(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)", "reads a clock"),
    (r"\brandom_device\b", "asks for randomness"),
    (r"(?<![\w.>])(?:std::|::)?(?:s?rand|rand_r|[dlm]rand48|arc4random\w*|getrandom|getentropy)\s*\(",
     "asks for randomness"),
    (r"\brandombytes_\w+", "asks for randomness"),
    (r"\b(?:fopen|freopen|fdopen|tmpfile)\s*\(", "opens a file"),
    (r"\bstd::(?:cout|cerr|clog|cin)\b", "uses a stream"),
    (r"(?<![\w.>])(?:std::)?(?:f?printf|f?puts|putchar|fwrite)\s*\(", "prints"),
    (r"\bstd::(?:jthread|thread|async|this_thread|mutex|call_once)\b", "uses threads"),
    (r"\bgetenv\s*\(", "reads the environment"),
]
CLOCK_AND_RANDOM = {"reads a clock", "asks for randomness"}
# The check that prints before it aborts.
PRINTS = {"src/base/check.cc"}
# Where the system's randomness enters: libsodium's door.
RANDOM_DOOR = {"seal"}

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.])sleep\s*\(|\btime\.sleep\s*\(")


def folder_of(path):
    parts = path.split("/")
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    return parts[0] if parts[0] in MAY_INCLUDE else None


def is_test(path):
    return path.startswith("tests/") or re.search(r"_test(_\w+)?\.(h|cc)$", path) is not None


def check_includes(path, text, known, report):
    folder = folder_of(path)
    for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]*)[>"]', without_comments(text), re.M):
        line, quote, name = line_of(text, m.start()), m[1], m[2]
        if quote == '"':
            check_own_include(path, folder, line, name, known, report)
        else:
            check_library_include(path, folder, line, name, report)


def check_own_include(path, folder, line, name, known, report):
    found = next((p for p in (f"src/{name}", f"include/{name}", name) if p in known), None)
    if found is None or found == name and name.startswith(("src/", "include/")):
        report(path, line, f'"{name}" is no file of ours: include by path from src/, libraries with <>')
        return
    target = folder_of(found)
    if target != folder and target not in MAY_INCLUDE[folder]:
        report(path, line, f"{folder} may not include {target}")


def check_library_include(path, folder, line, name, report):
    door = next((prefix for prefix in DOORS if name.startswith(prefix)), None)
    if door:
        allowed = folder in DOORS[door] or door in ACROSS_DOORS.get(folder, set())
        if not allowed and not (is_test(path) and door in TEST_DOORS):
            where = ", ".join(sorted(DOORS[door])) or "tests"
            report(path, line, f"<{name}> has its door elsewhere: {where}")
    elif POSIX.fullmatch(name):
        if folder not in POSIX_FOLDERS and not is_test(path):
            report(path, line, f"<{name}> belongs to a shell, not to {folder}")
    elif "/" in name or "." in name:
        report(path, line, f"<{name}> is unknown: give it a door in tools/tidy.py")
    elif folder in CORES and name in IMPURE_HEADERS and not is_test(path):
        report(path, line, f"<{name}> in a core: time, randomness, files and threads stay outside")


def check_purity(path, text, report):
    folder = folder_of(path)
    if is_test(path) or folder not in CORES | {"seal", "text", "store", "sim"}:
        return
    code = code_only(text)
    for pattern, what in IMPURE_CALLS:
        if folder not in CORES and what not in CLOCK_AND_RANDOM:
            continue
        if (path in PRINTS and what == "prints") or (folder in RANDOM_DOOR and what == "asks for randomness"):
            continue
        for m in re.finditer(pattern, code):
            report(path, line_of(code, m.start()), f"{m[0].strip()} {what}: it comes into {folder} as a value")


def check_coroutines(path, text, report):
    folder = folder_of(path)
    if folder in CORES | {"seal", "text", "store", "sim"}:
        for m in re.finditer(r"\bco_(?:await|return|yield)\b", code_only(text)):
            report(path, line_of(text, m.start()), "coroutines live in src/net only")
    for line, what in await_findings(text):
        report(path, line, what)


def check_text(path, text, report):
    for m in UNFINISHED.finditer(text):
        report(path, line_of(text, m.start()), f"{m[0]}: do it now, or file it where work is filed")
    if is_test(path):
        searched = text if path.endswith(".py") else code_only(text)
        for m in SLEEP.finditer(searched):
            report(path, line_of(text, m.start()), "a test never sleeps: wait for the event itself")


def check_orphans(files, texts, report):
    built = set()
    for path in files:
        if path.endswith("CMakeLists.txt"):
            base = path.removesuffix("CMakeLists.txt")
            built |= {base + name for name in re.findall(r"[\w./-]+\.cc\b", texts[path])}
    included = set()
    for path in files:
        if path.endswith((".h", ".cc")):
            included |= set(re.findall(r'#[ \t]*include[ \t]*["<]([^">\n]+)[">]', without_comments(texts[path])))
    for path in files:
        if path.endswith(".cc") and path not in built:
            report(path, 1, "no CMakeLists.txt builds this file")
        name = path.removeprefix("src/").removeprefix("include/")
        if path.endswith(".h") and not path.startswith("include/") and name not in included:
            report(path, 1, "nothing includes this header")


# Which page a comment means by its name.
PAGES = {"protocol": "docs/protocol.md", "security": "docs/design/security.md",
         "replication": "docs/design/replication.md", "interface": "docs/design/interface.md"}


def sections_of(page):
    """The numbers of a page's headings, and those of the items of its numbered lists (`5.7`)."""
    found, section = set(), ""
    for line in page.splitlines():
        if heading := re.match(r"#+ (\d+(?:\.\d+)?)\.? ", line):
            section = heading[1]
            found.add(section)
        elif item := re.match(r"(\d+)\. ", line):
            found.add(f"{section}.{item[1]}")
    return found


def check_citations(path, text, sections, report):
    for cited in re.finditer(r"\b(protocol|security|replication|interface)\.md (\d+(?:\.\d+)?)", text):
        page, number = PAGES[cited[1]], cited[2]
        if number not in sections.get(page, ()):
            report(path, line_of(text, cited.start()), f"{page} has no section {number}")


def check_tree(texts):
    """texts: path -> content of every file of the tree. Returns the findings, sorted."""
    findings = []

    def report(path, line, what):
        findings.append((path, line, what))

    sections = {page: sections_of(texts[page]) for page in PAGES.values() if page in texts}
    for path, text in texts.items():
        if path.endswith((".h", ".cc", ".py", ".sh")) and not path.startswith("tools/tidy"):
            check_citations(path, text, sections, report)
        if path not in PAGES.values() and not path.startswith("tools/tidy"):
            check_text(path, text, report)
        if not path.endswith((".h", ".cc")):
            continue
        if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
            report(path, 1, "#pragma once is missing")
        if folder_of(path) not in MAY_INCLUDE:
            report(path, 1, "this folder has no rule in tools/tidy.py")
            continue
        check_includes(path, text, set(texts), report)
        check_purity(path, text, report)
        check_coroutines(path, text, report)
    check_orphans(list(texts), texts, report)
    return sorted(findings)


def read_tree(root):
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
        check=True, capture_output=True, text=True).stdout
    kinds = (".h", ".cc", ".inc", ".py", ".mjs", ".ts", ".sh", ".cmake", "CMakeLists.txt")
    paths = [p for p in listed.split("\0")
             if (p.endswith(kinds) or p in PAGES.values()) and (Path(root) / p).is_file()]
    return {p: (Path(root) / p).read_text(encoding="utf-8") for p in sorted(paths)}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).resolve().parent.parent)
    texts = read_tree(root)
    findings = check_tree(texts)
    for path, line, what in findings:
        print(f"{path}:{line}: {what}")
    print(f"tidy: {len(texts)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
