#!/usr/bin/env python3
"""completions.py OUT PROGRAM...: completions of each program's commands and options for bash, zsh and
fish under OUT, as they are found under /usr/share. The programs' own --help is what they are made of."""

import pathlib
import re
import subprocess
import sys


def helped(program, path):
    return subprocess.run([program, *path, "--help"], check=True, capture_output=True, text=True,
                          timeout=60).stdout


def parse(text):
    """Of a --help: [(subcommand, what)] and [(names of an option, takes a value, choices, what)]."""
    commands, options, section = [], [], ""
    for line in text.splitlines():
        if found := re.fullmatch(r"(\w+):", line):
            section = found[1]
        elif not line.strip():
            section = ""
        elif section == "Subcommands" and (found := re.match(r"  (\S+)\s{2,}(.*)", line)):
            commands.append((found[1], found[2]))
        elif section == "Options" and (found := re.match(r"  (-\S+)( [^ ].*?)?(?:\s{2,}(.*))?$", line)):
            value = (found[2] or "").strip()
            choices = re.search(r"\{([^}]*)\}", value)
            options.append((found[1].split(","), bool(value), choices[1].split(",") if choices else [],
                            found[3] or ""))
    return commands, options


def tree(program):
    """Every path of subcommands -> what parse says of it."""
    found, waiting = {}, [()]
    while waiting:
        path = waiting.pop(0)
        found[path] = parse(helped(program, path))
        waiting += [(*path, name) for name, _ in found[path][0]]
    return found


def words(entry):
    commands, options = entry
    return [name for name, _ in commands] + [name for names, *_ in options for name in names]


def bash(name, paths):
    cases = [f'    "{" ".join(path)}") words="{" ".join(words(entry))}" ;;' for path, entry in paths.items()]
    known = " | ".join(f'"{" ".join(path)}"' for path in paths if path)
    choices = {option: c for _, options in paths.values() for names, _, c, _ in options if c for option in names}
    chosen = [f'    {option}) COMPREPLY=($(compgen -W "{" ".join(c)}" -- "$cur")); return ;;'
              for option, c in choices.items()]
    return "\n".join([
        f"# Completions of {name} for bash.",
        f"_{name}() {{",
        '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word words=',
        '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '    case "${path:+$path }$word" in',
        f"      {known}) path=${{path:+$path }}$word ;;",
        "    esac",
        "  done",
        '  case "$prev" in', *chosen, "  esac",
        '  case "$path" in', *cases, "  esac",
        '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "}",
        f"complete -o bashdefault -o default -F _{name} {name}", ""])


def zsh(name, paths):
    cases = []
    for path, entry in paths.items():
        offered = [(command, what) for command, what in entry[0]]
        offered += [(option, what) for names, _, _, what in entry[1] for option in names]
        lines = " ".join("'" + (w + ":" + what).replace("'", "'\\''") + "'" for w, what in offered)
        cases.append(f"    '{' '.join(path)}') offered=({lines}) ;;")
    known = "|".join(f"'{' '.join(path)}'" for path in paths if path)
    return "\n".join([
        f"#compdef {name}", f"# Completions of {name} for zsh.", "local at= word", "local -a offered",
        "for word in ${words[2,CURRENT-1]}; do", '  case "${at:+$at }$word" in',
        f"    ({known}) at=\"${{at:+$at }}$word\" ;;", "  esac", "done",
        'case "$at" in', *cases, "esac",
        f"_describe -o '{name}' offered || _files", ""])


def fish_quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(name, paths):
    lines = [f"# Completions of {name} for fish."]
    for path, (commands, options) in paths.items():
        here = [f"__fish_seen_subcommand_from {word}" for word in path]
        deeper = [command for command, _ in commands]
        if deeper:
            here.append(f"not __fish_seen_subcommand_from {' '.join(deeper)}")
        when = f" -n {fish_quoted('; and '.join(here))}" if here else ""
        for command, what in commands:
            lines.append(f"complete -c {name} -f{when} -a {command} -d {fish_quoted(what)}")
        for names, value, choices, what in options:
            flags = "".join(f" -l {n[2:]}" if n.startswith("--") else f" -s {n[1:]}" for n in names)
            wants = f" -x -a {fish_quoted(' '.join(choices))}" if choices else " -r" if value else ""
            lines.append(f"complete -c {name}{when}{flags}{wants} -d {fish_quoted(what)}")
    return "\n".join(lines) + "\n"


def main():
    out = pathlib.Path(sys.argv[1])
    for program in sys.argv[2:]:
        name = pathlib.Path(program).name
        paths = tree(program)
        for file, make in ((f"bash-completion/completions/{name}", bash),
                           (f"zsh/vendor-completions/_{name}", zsh),
                           (f"fish/vendor_completions.d/{name}.fish", fish)):
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            (out / file).write_text(make(name, paths), encoding="utf-8")


if __name__ == "__main__":
    main()
