#!/usr/bin/env bash
# sources.sh: every C++ file that is or will be committed, one a line.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
files=$(git ls-files -co --exclude-standard -- '*.h' '*.cc' 2>/dev/null | while read -r file; do
  [ ! -f "$file" ] || echo "$file"
done)
# A tree that came as an archive.
[ -n "$files" ] || files=$(find apps bench examples fuzz include src tests -name '*.h' -o -name '*.cc')
echo "$files"
