#!/usr/bin/env bash
# sim_mutants.sh [SEEDS] [MUTANT...]: builds moot-sim with rules to break (src/channel/mutants.h) and
# prints, for each of them, the first seed that catches it and by which invariant.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seeds=${1:-1000}
shift || true
mutants=("$@")
[ ${#mutants[@]} -gt 0 ] || mapfile -t mutants < <(seq 1 23)
build=build/mutants

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMOOT_TESTS=OFF -DMOOT_BENCH=OFF \
  -DMOOT_MUTANTS=ON >/dev/null
cmake --build "$build" --target moot-sim >/dev/null
# One seed after the other, so that it is the first; as many rules at once as there are cores.
printf '%s\n' "${mutants[@]}" | xargs -P "$(nproc)" -I '{}' sh -c '
  found=$("$1" --mutant "$3" --seeds "$2" --jobs 1 --stop --no-shrink 2>/dev/null |
    grep -m1 "^seed " || true)
  printf "m%02d  %s\n" "$3" "${found:-survives $2 seeds}"
' sh "$build/bin/moot-sim" "$seeds" '{}'
