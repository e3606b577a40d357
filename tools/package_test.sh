#!/usr/bin/env bash
# package_test.sh: installs what package.sh made in a bare Debian 12 (bare.sh), with apt and thus with
# nothing but what the packages ask for, and lets tests/package/story.py live with it to the purge.
# Needs root; called by ./dev package test.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/bare.sh"
bare_namespaces "$@"

tree=$root/build/packages/tree
echo "== package test: a bare Debian in $tree"
bare_tree "$tree"
mkdir "$tree/packages"
cp "$root"/build/packages/*.deb "$tree/packages/"
cp "$root/tests/package/story.py" "$tree/packages/"
bare_enter "$tree"

install() { bare_run apt-get install -qy --no-install-recommends "$@"; }
{
  bare_run apt-get update -q
  find / -xdev -name '*moot*' -not -path '/packages*' | sort >/packages/before
  install /packages/mootd_*.deb /packages/moot_*.deb
} >/packages/log 2>&1 || { tail -n 30 /packages/log; echo "package test: mootd and moot do not install."; exit 1; }
bare_run mootd --version
bare_run moot --version
{
  install /packages/libmoot-dev_*.deb
  install g++ cmake make pkg-config python3 iproute2 systemd
} >>/packages/log 2>&1 || { tail -n 30 /packages/log; echo "package test: libmoot-dev does not install."; exit 1; }

# From here on there is no network: the server has the ports of loopback for itself.
bare_run unshare --net sh -c 'ip link set lo up && exec python3 /packages/story.py'
echo "== package test: all of it holds"
