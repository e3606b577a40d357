#!/usr/bin/env bash
# tools/chaos.sh [ROUNDS] [--seed N] [--jobs N] [--bin DIR]: tools/chaos.py on the release build.
set -euo pipefail
exec python3 "$(dirname "$(readlink -f "$0")")/chaos.py" "$@"
