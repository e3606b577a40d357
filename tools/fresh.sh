#!/usr/bin/env bash
# fresh.sh [COMMAND]...: runs `./dev COMMAND` (demo, then test) on a clone of HEAD in a bare Debian 12
# that debootstrap makes in build/fresh. Needs root; called by ./dev fresh.
#
# The bare system is kept in build/fresh/base, every run works on a copy. All mounts live in a mount
# namespace of this run and every process in a process namespace, so nothing stays behind however the
# run ends. The package sources are those this machine uses.
set -euo pipefail

if [ -z "${MOOT_FRESH_NAMESPACE:-}" ]; then
  MOOT_FRESH_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child -- "$0" "$@"
fi

root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/fresh
base=$work/base
tree=$work/tree
release=bookworm
[ $# -gt 0 ] || set -- demo test

# "URI SUITE COMPONENT" of each of this machine's sources that belongs to the release.
sources() {
  apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' |
    sed -n "s/^Packages Debian \(.* $release[a-z-]* .*\)/\1/p" | sort -u
}

mkdir -p "$work"
if [ ! -f "$base/.complete" ]; then
  mirror=$(sources | sed -n "s/ $release main$//p" | head -n 1)
  if [ -z "$mirror" ]; then
    echo "fresh: apt on this machine has no source for Debian $release; add one and run apt-get update."
    exit 1
  fi
  echo "== fresh: a bare Debian $release in $base"
  rm -rf --one-file-system "$base"
  debootstrap --variant=minbase --include=ca-certificates,git "$release" "$base" "$mirror" \
    >"$work/debootstrap.log" || { tail -n 20 "$work/debootstrap.log"; exit 1; }
  touch "$base/.complete"
fi

echo "== fresh: a copy of it, with a clone of $(git -C "$root" rev-parse --short HEAD)"
rm -rf --one-file-system "$tree"
cp -a --reflink=auto "$base" "$tree"
sources | sed 's/^/deb /' >"$tree/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::https?::Proxy ' >"$tree/etc/apt/apt.conf.d/80proxy" || true
cp -L /etc/resolv.conf /etc/hosts "$tree/etc/"
git clone -q --no-local "$root" "$tree/moot"

mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount -t sysfs -o ro sysfs "$tree/sys"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$tree/dev/pts"
# Downloaded packages are kept for the next run.
mkdir -p "$work/debs/partial"
mount --bind "$work/debs" "$tree/var/cache/apt/archives"
mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
[ -c "$tree/dev/ptmx" ] && mount --bind "$tree/dev/pts/ptmx" "$tree/dev/ptmx"

# The tree becomes the root of this namespace: chroot alone would forbid user namespaces, in which
# one of the tests runs the server.
cd "$tree"
mkdir -p .outside
pivot_root . .outside
cd /
umount -l /.outside
rmdir /.outside

for command in "$@"; do
  echo "== fresh: ./dev $command"
  started=$SECONDS
  # shellcheck disable=SC2086  # a command may carry its arguments
  if ! /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    TERM="${TERM:-dumb}" /moot/dev $command </dev/null; then
    echo "fresh: ./dev $command failed after $((SECONDS - started)) s; the tree is in $tree"
    exit 1
  fi
  echo "== fresh: ./dev $command took $((SECONDS - started)) s"
done
