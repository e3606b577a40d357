#!/usr/bin/env bash
# package.sh: the .deb files of this checkout in build/packages, and what lintian says of them; a
# finding is a failure. Called by ./dev package.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/build/packages
source=$out/moot

rm -rf "$out"
mkdir -p "$source"
git -C "$root" ls-files -co --exclude-standard -z |
  (cd "$root" && while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    tar --null -cf - -T -) | tar -xf - -C "$source"
cd "$source"
# debhelper gives the build a home of its own, which must not empty the compiler cache.
if command -v ccache >/dev/null; then
  CCACHE_DIR=${CCACHE_DIR:-$(ccache -k cache_dir)}
  export CCACHE_DIR CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=1
fi
dpkg-buildpackage --build=binary --no-sign >"$out/build.log" 2>&1 ||
  { tail -n 40 "$out/build.log"; echo "package: the build failed; all of it is in $out/build.log"; exit 1; }
rm -rf "$source"
cd "$out"
lintian --allow-root --fail-on error,warning --display-info ./*.changes ||
  { echo "package: lintian found something, see above."; exit 1; }
for deb in *.deb; do
  printf '%s  %s octets\n' "$out/$deb" "$(stat -c %s "$deb")"
done
