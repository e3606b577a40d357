#!/usr/bin/env bash
# format.sh: fails when a C++ file that is or will be committed is not formatted, naming it.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
files=$(git ls-files -co --exclude-standard -- '*.h' '*.cc' 2>/dev/null | while read -r file; do
  [ ! -f "$file" ] || echo "$file"
done)
# A tree that came as an archive.
[ -n "$files" ] || files=$(find apps bench fuzz include src tests -name '*.h' -o -name '*.cc')
found=$(xargs clang-format-19 --dry-run -Werror <<<"$files" 2>&1) && exit 0
sed -n 's/^\([^:]*\):.*error: code should be clang-formatted.*/\1/p' <<<"$found" | uniq -c
echo "so many places are not formatted; ./dev fmt formats them."
exit 1
