#!/usr/bin/env bash
# format.sh: fails when a C++ file that is or will be committed is not formatted, naming it.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
files=$(tools/sources.sh) || exit 1
found=$(xargs clang-format-19 --dry-run -Werror <<<"$files" 2>&1) && exit 0
sed -n 's/^\([^:]*\):.*error: code should be clang-formatted.*/\1/p' <<<"$found" | uniq -c
echo "so many places are not formatted; ./dev fmt formats them."
exit 1
