# shellcheck shell=bash
# Sourced by what needs a bare Debian 12 (fresh.sh, package_test.sh), as root:
#
#   bare_namespaces "$@"     starts the script again with mounts and processes of its own, once
#   bare_tree DIR            makes DIR a copy of the bare system, made by debootstrap if need be
#   bare_enter DIR           makes DIR the root of this script
#   bare_run COMMAND...      runs a command in a plain environment
#
# The bare system is kept in build/fresh/base, and so are the packages that apt has loaded, in
# build/fresh/debs. All mounts live in the namespace, and every process in the other, so nothing stays
# behind however the run ends. The package sources are those this machine uses.
bare_release=bookworm
bare_work=$root/build/fresh

bare_namespaces() {
  [ -n "${MOOT_BARE_NAMESPACES:-}" ] ||
    MOOT_BARE_NAMESPACES=1 exec unshare --mount --pid --fork --kill-child -- "$0" "$@"
}

# "URI SUITE COMPONENT" of each of this machine's sources that belongs to the release.
bare_sources() {
  apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' |
    sed -n "s/^Packages Debian \(.* ${bare_release}[a-z-]* .*\)/\1/p" | sort -u
}

bare_base() {
  local base=$bare_work/base mirror
  [ ! -f "$base/.complete" ] || return 0
  mirror=$(bare_sources | sed -n "s/ $bare_release main$//p" | head -n 1)
  if [ -z "$mirror" ]; then
    echo "apt on this machine has no source for Debian $bare_release; add one and run apt-get update."
    exit 1
  fi
  echo "== a bare Debian $bare_release in $base"
  mkdir -p "$bare_work"
  rm -rf --one-file-system "$base"
  debootstrap --variant=minbase --include=ca-certificates,git "$bare_release" "$base" "$mirror" \
    >"$bare_work/debootstrap.log" || { tail -n 20 "$bare_work/debootstrap.log"; exit 1; }
  touch "$base/.complete"
}

bare_tree() {
  bare_base
  rm -rf --one-file-system "$1"
  mkdir -p "$1"
  cp -a --reflink=auto "$bare_work/base/." "$1"
  bare_sources | sed 's/^/deb /' >"$1/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::https?::Proxy ' >"$1/etc/apt/apt.conf.d/80proxy" || true
  cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
}

# The tree becomes the root of the namespace: chroot alone would forbid user namespaces, in which one
# of the tests runs the server.
bare_enter() {
  local tree=$1
  mount --bind "$tree" "$tree"
  mount -t proc proc "$tree/proc"
  mount -t sysfs -o ro sysfs "$tree/sys"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$tree/dev/pts"
  mkdir -p "$bare_work/debs/partial"
  mount --bind "$bare_work/debs" "$tree/var/cache/apt/archives"
  mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
  if [ -c "$tree/dev/ptmx" ]; then mount --bind "$tree/dev/pts/ptmx" "$tree/dev/ptmx"; fi
  cd "$tree"
  mkdir -p .outside
  pivot_root . .outside
  cd /
  umount -l /.outside
  rmdir /.outside
}

bare_run() {
  /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}
