#!/usr/bin/env bash
# format_test.sh: format.sh passes over a formatted tree, and finds and names a file that is not.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree"/{tools,apps,bench,examples,fuzz,include,src,tests}
cp "$here"/tools/{format,sources}.sh "$tree/tools"
cp "$here/.clang-format" "$tree"
echo 'int good();' >"$tree/src/good.h"
"$tree/tools/format.sh"
echo 'int   bad( );' >"$tree/src/bad.h"
if told=$("$tree/tools/format.sh"); then
  echo "a file that is not formatted passed"
  exit 1
fi
grep -q 'src/bad\.h' <<<"$told"
