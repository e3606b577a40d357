#!/usr/bin/env bash
# tools/chaos.sh [ROUNDS] [--seed N] [--jobs N] [--bin DIR]: private messages, tools/chaos.py.
# tools/chaos.sh channel [--members N] [--seconds N] [--seed N] [--bin DIR]: tools/chaos_channel.py.
# tools/chaos.sh replays [N] [--seed N] [--bin DIR]: tools/chaos_replays.py.
# tools/chaos.sh soak [--minutes N] [--connections N] [--seed N] [--json] [--bin DIR]: tools/soak.py.
set -euo pipefail
tools=$(dirname "$(readlink -f "$0")")
if [ "${1:-}" = channel ]; then
  exec python3 "$tools/chaos_channel.py" "${@:2}"
fi
if [ "${1:-}" = soak ]; then
  exec python3 "$tools/soak.py" "${@:2}"
fi
if [ "${1:-}" = replays ]; then
  exec python3 "$tools/chaos_replays.py" "${@:2}"
fi
exec python3 "$tools/chaos.py" "$@"
