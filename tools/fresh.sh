#!/usr/bin/env bash
# fresh.sh [COMMAND]...: runs `./dev COMMAND` (demo, then test) on a clone of HEAD in a bare Debian 12
# (bare.sh). Needs root; called by ./dev fresh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/bare.sh"
bare_namespaces "$@"

tree=$root/build/fresh/tree
[ $# -gt 0 ] || set -- demo test
echo "== fresh: a bare Debian with a clone of $(git -C "$root" rev-parse --short HEAD)"
bare_tree "$tree"
git clone -q --no-local "$root" "$tree/moot"
bare_enter "$tree"

for command in "$@"; do
  echo "== fresh: ./dev $command"
  started=$SECONDS
  # shellcheck disable=SC2086  # a command may carry its arguments
  if ! bare_run /moot/dev $command; then
    echo "fresh: ./dev $command failed after $((SECONDS - started)) s; the tree is in $tree"
    exit 1
  fi
  echo "== fresh: ./dev $command took $((SECONDS - started)) s"
done
