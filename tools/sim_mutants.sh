#!/usr/bin/env bash
# sim_mutants.sh [SEEDS] [RULE...]: builds moot-sim with rules to break (src/channel/mutants.h) and
# prints, for each of them, the first seed that catches it and by which invariant. Fails when a rule
# can be broken and none of the seeds notices.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seeds=${1:-1000}
shift || true
rules=("$@")
[ ${#rules[@]} -gt 0 ] || mapfile -t rules < <(seq 1 23)
build=build/mutants

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMOOT_TESTS=OFF -DMOOT_BENCH=OFF \
  -DMOOT_MUTANTS=ON >/dev/null
cmake --build "$build" --target moot-sim >/dev/null
# One seed after the other, so that it is the first; as many rules at once as there are cores. A
# child that fails makes xargs fail, after the others are done.
printf '%s\n' "${rules[@]#m}" | xargs -P "$(nproc)" -I '{}' sh -c '
  rule=${3#0}
  status=0
  said=$("$1" --mutant "$rule" --seeds "$2" --jobs 1 --stop --no-shrink 2>/dev/null) || status=$?
  found=$(printf "%s\n" "$said" | grep -m1 "^seed ") || found=
  if [ -z "$found" ] && [ "$status" -ne 0 ]; then
    found="moot-sim failed with $status and named no seed"
  elif [ -n "$found" ]; then
    status=0
  else
    found="survives $2 seeds"
    status=1
  fi
  printf "m%02d  %s\n" "$rule" "$found"
  [ "$status" -eq 0 ]
' sh "$build/bin/moot-sim" "$seeds" '{}'
