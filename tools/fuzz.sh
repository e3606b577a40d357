#!/usr/bin/env bash
# fuzz.sh BIN_DIR SECONDS [TARGET|runs=N]...: runs every fuzz target found in BIN_DIR (or the named
# ones) for SECONDS each, as many at once as there are processors, and fails on any finding.
# runs=N ends a target after N executions, however long that takes.
# What a target finds new goes to BIN_DIR/../corpus; the committed corpus is only read.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${1:?usage: fuzz.sh BIN_DIR SECONDS [TARGET|runs=N]...}
seconds=${2:?usage: fuzz.sh BIN_DIR SECONDS [TARGET|runs=N]...}
shift 2
limit=(-max_total_time="$seconds")
targets=()
for arg in "$@"; do
  case $arg in
    runs=*) limit=(-runs="${arg#runs=}") ;;
    *) targets+=("fuzz_${arg#fuzz_}") ;;
  esac
done
if [ ${#targets[@]} -eq 0 ]; then
  for program in "$bin"/fuzz_*; do
    [ -x "$program" ] && targets+=("${program##*/}")
  done
fi
if [ ${#targets[@]} -eq 0 ]; then
  echo "fuzz.sh: there is no fuzz target in $bin; build them with ./dev fuzz."
  exit 1
fi

state=$(cd "$bin/.." && pwd)
mkdir -p "$state/corpus" "$state/artifacts" "$state/log"

run_one() {
  local target=$1 seeds="$root/fuzz/corpus/$1" status executions
  if [ ! -d "$seeds" ]; then
    echo "$target: fuzz/corpus/$target is missing; commit a corpus for it."
    return 1
  fi
  mkdir -p "$state/corpus/$target"
  "$bin/$target" "${limit[@]}" -print_final_stats=1 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$state/artifacts/$target-" \
    "$state/corpus/$target" "$seeds" >"$state/log/$target" 2>&1
  status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$state/log/$target")
  if [ $status -ne 0 ] || [ -z "$executions" ]; then
    tail -n 40 "$state/log/$target"
    echo "$target: FINDING (exit $status); the input is in $state/artifacts, the log in $state/log."
    return 1
  fi
  echo "$target: $executions executions, no finding"
}

bad=0
running=0
for target in "${targets[@]}"; do
  if [ $running -ge "$(nproc)" ]; then
    wait -n || bad=1
    running=$((running - 1))
  fi
  run_one "$target" &
  running=$((running + 1))
done
while [ $running -gt 0 ]; do
  wait -n || bad=1
  running=$((running - 1))
done
exit $bad
