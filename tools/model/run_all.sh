#!/bin/bash
# run_all.sh [good|mut]: the exhaustive checks, then the mutations; exits 1 when one of them does
# not end as expected. Needs spin and gcc (`./dev model` installs both). MEM (MiB), TMO (s) per check.
unexpected=0
here=$(cd "$(dirname "$0")" && pwd); W=${W:-$(mktemp -d)}; MEM=${MEM:-6000}; TMO=${TMO:-600}
check() { # expectation name defines [pan flags] [cc flags]
  v=UNEXPECTED; d=$W/$2; mkdir -p "$d"; cd "$d" || exit 1; cp "$here/channel.pml" .
  spin $3 -a channel.pml >spin.out 2>&1 || { echo "$2: spin failed"; unexpected=1; return; }
  cc="${5:--DSAFETY -DCOLLAPSE}"; pf="$4"
  # mutations: a randomised bitstate search finds a counterexample sooner; one that takes a false
  # turn early does not come back in time, so several are begun
  tries=1 t=$TMO seed=${SEED:-7}
  if [ "$1" != ok ] && [ -z "$5" ]; then
    cc="-DSAFETY -DBITSTATE -DT_RAND -DP_RAND"; pf="-w32"
    [ "$1" = bad ] && tries=30 t=$((TMO / 30)) pf="-w26"
  fi
  gcc -w -O2 $cc -DMEMLIM=$MEM -DVECTORSZ=2048 -o pan pan.c >cc.out 2>&1 || { echo "$2: cc failed"; unexpected=1; return; }
  for ((i = 0; i < tries; i++)); do
    rs=; [[ $cc == *RAND* ]] && rs=-RS$((seed + i))
    timeout $t ./pan -m1000000 $rs $pf >pan.out 2>&1; rc=$?
    grep -q 'errors: [1-9]' pan.out && break
  done
  e=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out | head -1)
  st=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out | head -1)
  de=$(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' pan.out | head -1)
  me=$(sed -n 's/^ *\([0-9.]*\).*total actual memory usage.*/\1/p' pan.out | head -1)
  ti=$(sed -n 's/.*elapsed time \([0-9.e+]*\) seconds.*/\1/p' pan.out | head -1)
  as=$(grep -m1 -E '^pan:.*(assertion violated|invalid end|non-progress cycle|acceptance)' pan.out | cut -c1-90)
  full=exhaustive; grep -qE 'Search not completed|max search depth too small' pan.out && full=stopped; [ $rc = 124 ] && full=timeout
  [ "$1" = ok ] && [ "$e" = 0 ] && [ $full = exhaustive ] && v=ok
  [ "$1" = bad ] && [ -n "$e" ] && [ "$e" != 0 ] && v=caught
  [ "$1" = covered ] && [ "$e" = 0 ] && v=survived
  [ $v = UNEXPECTED ] && unexpected=1
  echo "$v | $2 | $3 | states=$st depth=$de mem=${me}MB t=${ti}s $full | $as"
}
HC="-DSAFETY -DHC4"   # hash-compact: 64+ bit signatures instead of full states
# The last who was there at a commit goes away for ever, while those who come lack the message.
SPLIT="-DN=4 -DM=1 -DDISC=1 -DONLY=2 -DLEAVE=1 -DONLYLEAVE0 -DLEADER=0 -DOFF=8"
# A moment after a commit (HELD): who heard of it merges (I), who did not proposes it (J), and leaders come and go.
TOLD="-DN=4 -DM=1 -DDISC=0 -DLEAVE=1 -DONLYLEAVE0 -DNOLEADER -DHELD=3 -DHEARD=2"
TOLD2="-DN=4 -DM=1 -DDISC=1 -DONLY=2 -DLEAVE=1 -DONLYLEAVE0 -DLEADER=2 -DHELD=3 -DOFF=8"
good() {
  check ok  A  "-DN=3 -DM=1 -DDISC=2"
  check ok  B  "-DN=3 -DM=2 -DDISC=1" "-w26" "$HC"
  check ok  B2 "-DN=3 -DM=2 -DDISC=2 -DONLY=2 -DLEADER=0"
  check ok  C  "-DN=4 -DM=1 -DDISC=1"
  check ok  D  "-DN=3 -DM=1 -DDISC=1 -DSRV=1" "-w26" "$HC"
  check ok  D2 "-DN=3 -DM=1 -DDISC=0 -DSRV=1 -DSEEN"
  check ok  D3 "-DN=3 -DM=1 -DDISC=0 -DSRV=2"
  check ok  E  "-DN=4 -DM=1 -DDISC=0 -DLEAVE=1"
  check ok  E2 "$SPLIT" "-w26" "$HC"
  check ok  E3 "$SPLIT -DNO_RECENT" "-w26" "$HC"   # the relay forgot that it was committed
  check ok  F1 "-DN=4 -DM=1 -DDISC=0 -DFORGE=1"
  check ok  F2 "-DN=4 -DM=1 -DDISC=0 -DFORGE=2"
  check ok  F4 "-DN=4 -DM=1 -DDISC=1 -DONLY=0 -DFORGE=1 -DLEADER=1"
  check ok  F3 "-DN=4 -DM=1 -DDISC=1 -DONLY=0 -DFORGE=2" "-w26" "$HC"
  check ok  G  "-DN=3 -DM=1 -DDISC=1 -DDEPOSE=1"
  check ok  H  "-DN=3 -DM=1 -DDISC=1 -DNOLEADER"
  check ok  I  "$TOLD"
  check ok  J  "$TOLD2" "-w26" "$HC"
  check ok  L  "-DN=3 -DM=1 -DDISC=1 -DSTOP" "-l" "-DNP -DNOFAIR -DCOLLAPSE"
}
mut() {
  check bad m01 "-DN=3 -DM=1 -DDISC=1 -DMUT_ACK_BEFORE_FSYNC"
  check bad m02 "-DN=3 -DM=1 -DDISC=2 -DMUT_ONLINE_AT_COMMIT"
  check bad m03 "-DN=4 -DM=1 -DDISC=0 -DMUT_HALF"
  check bad m04 "-DN=3 -DM=1 -DDISC=1 -DMUT_DROP_INFLIGHT_ACKERS"
  check bad m05 "-DN=4 -DM=1 -DDISC=1 -DMUT_IGNORE_GAP -DMUT_NO_REPLAY"
  check bad m06 "-DN=3 -DM=2 -DDISC=1 -DONLY=2 -DMUT_ANCHOR_ONLY"
  check bad m07 "-DN=3 -DM=1 -DDISC=2 -DMUT_TIMEFRAME_OF_LIST"
  check bad m08 "-DN=3 -DM=1 -DDISC=2 -DMUT_NO_MERGE"
  check bad m09 "-DN=4 -DM=1 -DDISC=0 -DFORGE=1 -DNO_STAMP -DMUT_NO_CONFIRM"
  check bad m10 "-DN=4 -DM=1 -DDISC=0 -DFORGE=2 -DNO_STAMP"
  check bad m12 "$SPLIT -DNO_RECENT -DMUT_NO_REPROPOSE_MERGE"
  check bad m13 "-DN=4 -DM=1 -DDISC=0 -DSRV=1 -DLEAVE=1 -DMUT_AUTHOR_ONLY_RETRY"
  check bad m14 "-DN=4 -DM=1 -DDISC=0 -DLEAVE=1 -DMUT_LEAVER_COUNTS"
  check bad m15 "-DN=3 -DM=1 -DDISC=0 -DMUT_RETRY_STORM -DNO_RECENT"
  check bad m16 "-DN=3 -DM=1 -DDISC=2 -DMUT_RECENT_TO_SENDER_ONLY"
  check bad m17 "-DN=3 -DM=1 -DDISC=0 -DSRV=1 -DMUT_RESTAMP"
  check bad m18 "-DN=3 -DM=1 -DDISC=0 -DSRV=1 -DSEEN -DMUT_ELECTION_RESET"
  check bad m20 "-DN=4 -DM=1 -DDISC=1 -DONLY=0 -DFORGE=2 -DMUT_APPEND_UNCHECKED" "" "-DSAFETY -DCOLLAPSE"
  check bad m23 "$TOLD2 -DMUT_TOLD_WITHOUT_LEADER" "-w26" "$HC"
  check bad m24 "$TOLD -DMUT_MERGE_TOLD_ALONE"
  check bad m25 "$TOLD -DMUT_MERGE_UNTOLD"
  check bad m26 "$SPLIT -DMUT_LIVE_KEPT"
  # Mutations nobody can notice: another rule covers each of them.
  check covered m05a "-DN=4 -DM=1 -DDISC=1 -DONLY=2 -DLEADER=0 -DMUT_IGNORE_GAP"
  check covered m05b "-DN=4 -DM=1 -DDISC=1 -DONLY=2 -DLEADER=0 -DMUT_NO_REPLAY"
  check covered m11 "-DN=3 -DM=1 -DDISC=0 -DSRV=1 -DMUT_CONFIRM_COMMITTED_ONLY -DMUT_NO_REPROPOSE_MERGE"
  check covered m19 "-DN=4 -DM=1 -DDISC=1 -DONLY=2 -DLEADER=0 -DMUT_NO_RESNAP"
  check covered m22 "-DN=3 -DM=1 -DDISC=1 -DMUT_REFUSED_FOREVER"
  check covered m21 "-DN=4 -DM=1 -DDISC=0 -DFORGE=2 -DMUT_NO_CONFIRM"
}
case ${1:-all} in good) good;; mut) mut;; *) good; mut;; esac
exit $unexpected
