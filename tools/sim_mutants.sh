#!/usr/bin/env bash
# sim_mutants.sh [SEEDS] [MUTANT...]: builds moot-sim with one rule broken at a time
# (src/channel/mutants.h) and prints the first seed that catches it, and by which invariant.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seeds=${1:-300}
shift || true
mutants=("$@")
[ ${#mutants[@]} -gt 0 ] || mapfile -t mutants < <(seq 1 22)
build=build/mutants

mkdir -p "$build"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMOOT_TESTS=OFF >/dev/null
for n in "${mutants[@]}"; do
  cmake -S . -B "$build" -DCMAKE_CXX_FLAGS="-DMOOT_MUTANT=$n" >/dev/null
  cmake --build "$build" --target moot-sim >/dev/null
  found=$("$build/bin/moot-sim" --seeds "$seeds" --stop 2>/dev/null | grep -m1 '^seed ' || true)
  printf 'm%02d  %s\n' "$n" "${found:-survives $seeds seeds}"
done
