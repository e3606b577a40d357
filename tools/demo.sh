#!/usr/bin/env bash
# tools/demo.sh BIN [FILE]: a server and three people on this machine, and an accident.
#
# BIN holds mootd and moot. FILE is any text; each of its lines is one message, said in turn by ada
# to bob, by bob to cyd, by cyd to ada. Lines that are no UTF-8 are refused, empty ones passed over,
# lines too long for one message go in parts. Needs bash, coreutils and awk. All of it happens in a
# directory of its own, which is gone at the end; MOOT_DEMO_KEEP=1 keeps it.
# Exit codes: 0 every line arrived exactly once and in order, 1 it did not, 2 usage.
set -euo pipefail
export LC_ALL=C.UTF-8

PATIENCE_S=60    # without any progress
SHOWN_WHOLE=200  # lines of a text that is shown whole

PEOPLE=(ada bob cyd)
NAMES=("Ada" "Bob" "Cyd")

. "$(dirname "$(readlink -f "$0")")/demo_look.sh"

# ---- ending ---------------------------------------------------------------------------------------

work='' server='' tails=() senders=()

# Ends what this script started, by process id, and nothing else.
end_all() {
  local pid
  for pid in "${senders[@]}" "${tails[@]}" $server; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in "${senders[@]}" "${tails[@]}" $server; do
    wait "$pid" 2>/dev/null || true
  done
  senders=() tails=() server=''
}
on_exit() {
  local code=$?
  trap - EXIT INT TERM
  end_all
  [ -z "$work" ] || [ -n "${MOOT_DEMO_KEEP:-}" ] || rm -rf "$work"
  [ -z "$work" ] || [ -z "${MOOT_DEMO_KEEP:-}" ] || say " kept: $work"
  exit $code
}

die() {
  printf '\n %s%s%s\n' "$c_red" "$*" "$c_off" >&2
  local log
  for log in ${work:+"$work"/*.log}; do
    [ -s "$log" ] || continue
    printf '\n the end of %s:\n' "${log##*/}" >&2
    tail -n 8 "$log" | cut -c -200 | awk '{ print "   " $0 }' >&2
  done
  exit 1
}

# ---- waiting: for something that shows, never for time alone --------------------------------------

now_ms() { NOW=$((${EPOCHREALTIME/[.,]/} / 1000)); }
pause() { read -r -t "$1" -u "$idle" || true; }

# until_done WHAT CONDITION...: looks until the condition holds; patience runs from the last progress.
until_done() {
  local what=$1 seen=-1
  shift
  now_ms
  local since=$NOW
  until look && "$@"; do
    alive
    now_ms
    if ((progress != seen)); then
      seen=$progress since=$NOW
    fi
    ((NOW - since < PATIENCE_S * 1000)) || die "Nothing moved for $PATIENCE_S s while waiting for $what."
    pause "${STEP:-0.02}"
  done
}
alive() {
  local k
  [ -z "$server" ] || kill -0 "$server" 2>/dev/null || die "mootd ended by itself."
  for k in "${!tails[@]}"; do
    kill -0 "${tails[k]}" 2>/dev/null || die "The client of ${PEOPLE[k]} ended by itself."
  done
  for k in "${!senders[@]}"; do
    kill -0 "${senders[k]}" 2>/dev/null || [ -n "$closed" ] || die "A sender of ${PEOPLE[k]} ended by itself."
  done
}

# ---- the text -------------------------------------------------------------------------------------

declare -a text remark refused_at
n=0 empty=0 refused=0 split=0
load_text() {
  local record
  while IFS= read -r record; do
    case $record in
      =*) text[n++]=${record:1} ;;
      +*)
        remark[n]="part of the line before: it is longer than one message may be"
        text[n++]=${record:1}
        split=$((split + 1))
        ;;
      !*)
        refused_at[n]=$((${refused_at[n]:-0} + 1))
        remark[n]="${refused_at[n]} refused at line ${record:1}: a message is UTF-8"
        refused=$((refused + 1))
        ;;
      *) empty=$((empty + 1)) ;;
    esac
  done < <(read_text "$1")
  [ "$n" -gt 0 ] || die "There is no line in $1 that could be said."
}

# ---- the processes --------------------------------------------------------------------------------

start_server() {
  : >"$work/server.out"
  (
    # What the senders read ends when the last writer closes it: the server must not be one.
    for fd in ${to_send[@]+"${to_send[@]}"}; do exec {fd}>&-; done
    exec "$bin/mootd" run --data-dir "$work/data" --listen "127.0.0.1:$port" "${server_options[@]}" \
      >"$work/server.out" 2>>"$work/server.log" </dev/null
  ) &
  server=$!
  until_done "mootd" server_ready
}
server_ready() {
  local lines
  lines=$(<"$work/server.out")
  [[ $lines == *$'\nready' ]] || return 1
  lines=${lines#*listening plain *:}
  port=${lines%%[!0-9]*}
}

moot_of() { "$bin/moot" --home "$work/${PEOPLE[$1]}" "${@:2}"; }

# Presence as ada sees it: "ada ● bob ● cyd ●", and whether all are there.
see_people() {
  local list k mark all=0
  list=$(moot_of 0 users --json 2>>"$work/users.log") || return 1
  PRESENCE=''
  for k in 0 1 2; do
    mark=○
    if [[ $list == *"{\"id\":\"${PEOPLE[k]}\",\"name\":\"${NAMES[k]}\",\"status\":\"online\"}"* ]]; then
      mark=●
      all=$((all + 1))
    fi
    PRESENCE+="   ${c_of[k]}${PEOPLE[k]} $mark$c_off"
  done
  [ "$all" -eq 3 ]
}

# ---- what happens, as the clients tell it -----------------------------------------------------------

# Message i is said by person i mod 3, as that person's message number i / 3. By person:
# told    handed to `moot send`          kept  on the disk of the author
# acked   confirmed to the author        come  shown to the reader
told=(0 0 0) kept=(0 0 0) acked=(0 0 0) come=(0 0 0)
progress=0 shown=0 gap=0 closed='' hold=0
declare -a part in_tail in_send

# The whole lines that a file has gained: NEW.
gained() {
  local fd=$1 line
  NEW=()
  while IFS= read -r line <&"$fd"; do
    NEW+=("${part[fd]:-}$line")
    part[fd]=''
  done
  part[fd]=${part[fd]:-}$line
}

look() {
  local k line
  for k in 0 1 2; do
    gained "${in_tail[k]}"
    for line in ${NEW[@]+"${NEW[@]}"}; do
      line=${line#*'"from":"'}
      case ${line%%\"*} in
        "${PEOPLE[k]}") kept[k]=$((kept[k] + 1)) ;;
        *) come[(k + 2) % 3]=$((come[(k + 2) % 3] + 1)) ;;
      esac
      progress=$((progress + 1))
    done
    gained "${in_send[k]}"
    for line in ${NEW[@]+"${NEW[@]}"}; do
      [[ $line == *'"state":"acked"'* ]] || die "A message of ${PEOPLE[k]} was not acknowledged: ${line:0:300}"
      acked[k]=$((acked[k] + 1))
      progress=$((progress + 1))
    done
  done
  while ((!hold && shown < n && come[shown % 3] > shown / 3 && acked[shown % 3] > shown / 3)); do
    show "$shown"
    shown=$((shown + 1))
  done
}

# A text of thousands of lines is shown where something happens.
is_shown() { ((n <= SHOWN_WHOLE || $1 < 12 || ($1 >= first - 4 && $1 < fed_down + 6) || $1 >= n - 3)); }

show() {
  local i=$1 k=$(($1 % 3)) to mark line rest=''
  if ! is_shown "$i"; then
    gap=$((gap + 1))
    return
  fi
  show_gap
  show_remark $i
  to=${PEOPLE[(k + 1) % 3]}
  mark="$c_green✓$c_off"
  [ -z "${late[i]:-}" ] || mark="$c_green↻$c_off"
  ((${#text[i]} <= 400)) || rest=" … $(printf '%s' "${text[i]}" | wc -c) octets"
  wrap "${text[i]:0:$((${#rest} > 0 ? 150 : 400))}$rest" 60
  printf '%s%4d%s %s%s→%s%s  %s' "$c_dim" $((i + 1)) "$c_off" "${c_of[k]}" "${PEOPLE[k]}" "$to" \
    "$c_off" "${WRAPPED[0]}"
  cells "${WRAPPED[0]}"
  printf '%*s %s\n' $((60 - REPLY)) '' "$mark"
  for line in "${WRAPPED[@]:1}"; do say "              $line"; done
}
show_remark() { [ -z "${remark[$1]:-}" ] || say "        $c_dim(${remark[$1]})$c_off"; }
show_gap() {
  ((gap > 0)) || return 0
  say "        $c_dim⋮ $gap more lines, all confirmed$c_off"
  gap=0
}

# Hands message by message to the senders until `fed` is $1.
fed=0
feed_to() {
  local k
  while ((fed < $1)); do
    k=$((fed % 3))
    printf '%s\n' "${text[fed]}" >&"${to_send[k]}"
    told[k]=$((told[k] + 1))
    fed=$((fed + 1))
    ((fed % 300 != 0)) || look
  done
}
in_flight() { IN_FLIGHT=$((fed - acked[0] - acked[1] - acked[2])); }
all_shown_to() { ((shown >= $1)); }
acked_sum() { ((acked[0] + acked[1] + acked[2] >= $1)); }
still_so() {
  in_flight
  if ((IN_FLIGHT == still)); then times=$((times + 1)); else still=$IN_FLIGHT times=0; fi
  ((times >= 3))
}
kept_all() { ((kept[0] >= told[0] && kept[1] >= told[1] && kept[2] >= told[2])); }
# A client says in its log that the connection is gone.
logged() { LOGGED=$(cat "$work/ada.log" "$work/bob.log" "$work/cyd.log" | wc -l); }
noticed() {
  logged
  ((LOGGED >= logged_before + 3))
}

# ---- the demonstration ------------------------------------------------------------------------------

[ $# -ge 1 ] && [ $# -le 2 ] || {
  echo "usage: tools/demo.sh BIN [FILE]" >&2
  exit 2
}
bin=$1
file=${2:-"$(dirname "$(readlink -f "$0")")/demo.txt"}
for program in mootd moot; do
  [ -x "$bin/$program" ] || {
    echo "demo: there is no $program in $bin; ./dev demo builds it." >&2
    exit 2
  }
done
[ -f "$file" ] && [ -r "$file" ] || {
  echo "demo: $file cannot be read; name a text file." >&2
  exit 2
}

trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
now_ms
began=$NOW
work=$(mktemp -d "${TMPDIR:-/tmp}/moot-demo.XXXXXX")
mkfifo "$work/idle"
exec {idle}<>"$work/idle"
load_text "$file"
plural=s
((n != 1)) || plural=''
port=0
# The rates that keep a chatterbox at bay would make a long text long.
server_options=(--http-listen off --set limits.commands_per_s=0 --set limits.bytes_per_s=0)
in_tail=() in_send=() to_send=()
for k in 0 1 2; do
  : >"$work/${PEOPLE[k]}.tail"
  : >"$work/${PEOPLE[k]}.sent"
  exec {fd}<"$work/${PEOPLE[k]}.tail"
  in_tail[k]=$fd
  exec {fd}<"$work/${PEOPLE[k]}.sent"
  in_send[k]=$fd
done
first=0 fed_down=0
declare -a late

say
say " ${c_bold}moot$c_off $c_dim· a server, three people, $n line$plural, and an accident$c_off"
rule

start_server
step 1 "A server with an empty data directory: mootd on 127.0.0.1:$port"

for k in 0 1 2; do
  link=$("$bin/mootd" invite --data-dir "$work/data" 2>>"$work/server.log") || die "mootd made no invitation."
  link=moot://${link#*moot://}
  link=${link%%[!A-Za-z0-9_:/.#-]*}
  moot_of $k join "$link" --as "${PEOPLE[k]}" --name "${NAMES[k]}" >"$work/join.log" 2>&1 ||
    die "${PEOPLE[k]} could not join."
  rm -f "$work/join.log"
done
for k in 0 1 2; do
  "$bin/moot" --home "$work/${PEOPLE[k]}" tail --follow --json --since 1970-01-01 \
    >>"$work/${PEOPLE[k]}.tail" 2>>"$work/${PEOPLE[k]}.log" </dev/null &
  tails[k]=$!
done
until_done "three people on line" see_people
step 2 "Three invitations, three accounts, three keys:$PRESENCE"

for k in 0 1 2; do
  mkfifo "$work/${PEOPLE[k]}.fifo"
  "$bin/moot" --home "$work/${PEOPLE[k]}" send "@${PEOPLE[(k + 1) % 3]}" - \
    --wait acked --timeout ${PATIENCE_S}s --json \
    <"$work/${PEOPLE[k]}.fifo" >>"$work/${PEOPLE[k]}.sent" 2>"$work/${PEOPLE[k]}.send.log" &
  senders[k]=$!
done
for k in 0 1 2; do
  exec {fd}>"$work/${PEOPLE[k]}.fifo"
  to_send[k]=$fd
done
step 3 "They talk, privately. ✓ the other one has it on disk"
say

# Line by line first: people wait for each other. The accident is to come in the middle.
burst=$((n / 3 < 60 ? (n + 2) / 3 : 60))
first=$((n / 2 - burst / 2))
((first > 0)) || first=0
fed_down=$((first + burst + 6 < n ? first + burst + 6 : n))
if ((n <= SHOWN_WHOLE)); then
  for ((i = 1; i <= first; ++i)); do
    feed_to $i
    until_done "line $i" all_shown_to $i
    [ ! -t 1 ] || pause 0.05
  done
else
  feed_to $first
  until_done "the first half" all_shown_to $first
fi

# Then all at once. The first confirmation says that they are under way: the rest is handed over, and
# the server killed. If everything got through even so, once more.
kills=0 lost_before=0
while :; do
  upto=$((first + burst < n ? first + burst : n))
  before=$((acked[0] + acked[1] + acked[2]))
  logged
  logged_before=$LOGGED
  feed_to $((first + (upto - first) * 2 / 3))
  ((fed == first)) || STEP=0 until_done "a confirmation" acked_sum $((before + 1))
  feed_to $upto
  kill -KILL "$server"
  now_ms
  killed=$NOW
  wait "$server" 2>/dev/null || true
  server=''
  kills=$((kills + 1))
  until_done "the clients to notice" noticed
  # Confirmations that had arrived are told: the same count three times.
  still=-1 times=0
  until_done "the last confirmations" still_so
  in_flight
  ((IN_FLIGHT == 0 && fed < n && kills < 5)) || break
  start_server
  first=$fed
done
for ((i = shown; i < fed; ++i)); do
  ((acked[i % 3] > i / 3)) || late[i]=1
done
caught=$IN_FLIGHT
show_gap
say
say " ${c_red}✗ kill -9${c_off}  The server is gone: $fed of $n lines handed over, $c_bold$caught$c_off not confirmed."
line=''
for k in 0 1 2; do
  line+="${c_of[k]}${PEOPLE[k]} ○$c_off $((told[k] - acked[k]))   "
done
say "     ${line}in flight"

# Nobody stops talking: what is said now goes to the author's own disk.
more=$((fed_down - fed))
if ((more > 0)); then
  for ((i = fed; i < fed_down; ++i)); do late[i]=1; done
  feed_to $fed_down
fi
hold=1
until_done "the outboxes" kept_all
waiting=$((fed - acked[0] - acked[1] - acked[2]))
((more <= 0)) || say "     They go on: $more lines more, kept in their outboxes. $waiting wait there now."
reason=$(head -n 1 "$work/ada.log")
say "     ${c_dim}ada's client: ${reason#moot: }$c_off"
start_server
now_ms
down=$((NOW - killed))
say " $c_green✓ restart$c_off  On the same data, after $((down / 1000)).$(printf %03d $((down % 1000))) s."
until_done "everybody to come back" see_people
now_ms
say "     They came back by themselves:$PRESENCE"
say "     $c_green↻$c_off confirmed after the restart: sent again, or waiting until then"
say
hold=0
until_done "what was in flight" all_shown_to $fed
now_ms
caught_up=$((NOW - killed - down))
if ((n <= SHOWN_WHOLE)); then
  for ((i = fed + 1; i <= n; ++i)); do
    feed_to $i
    until_done "line $i" all_shown_to $i
    [ ! -t 1 ] || pause 0.05
  done
else
  feed_to $n
fi
until_done "the last line" all_shown_to $n
show_gap
show_remark "$n"

# Nobody says anything any more, and the server stops in peace: nothing can come after this.
closed=1
for k in 0 1 2; do
  fd=${to_send[k]}
  exec {fd}>&-
done
for k in 0 1 2; do
  wait "${senders[k]}" || die "The sender of ${PEOPLE[k]} ended with code $?."
done
senders=()
kill -TERM "$server"
wait "$server" || die "mootd did not end well: code $?."
server=''
end_all

# ---- the verdict: the files of the readers against the text --------------------------------------------

# What one person was shown by another, as text again: the escapes of JSON are those of %b, but for
# the quote.
texts_from() {
  local line t
  while IFS= read -r line; do
    [[ $line == *"\"from\":\"$1\""* ]] || continue
    t=${line#*'","text":"'}
    t=${t%'","state":"'*}
    printf '%b\n' "${t//\\\"/\"}"
  done
}
ids_from() {
  local line id
  while IFS= read -r line; do
    [[ $line == *"\"from\":\"$1\""* ]] || continue
    id=${line#*'"id":"'}
    printf '%s\n' "${id%%\"*}"
  done
}
same() { [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]; }

verdict=0 total=0 twice=0 missing=0
for k in 0 1 2; do
  p=${PEOPLE[k]}
  reader=$work/${PEOPLE[(k + 1) % 3]}.tail
  for ((i = k; i < n; i += 3)); do printf '%s\n' "${text[i]}"; done >"$work/$p.want"
  texts_from "$p" <"$reader" >"$work/$p.got"
  same "$work/$p.want" "$work/$p.got" || verdict=1
  total=$((total + $(wc -l <"$work/$p.got")))
  twice=$((twice + $(ids_from "$p" <"$reader" | sort | uniq -d | wc -l)))
  lost=$(sort "$work/$p.want" | comm -23 - <(sort "$work/$p.got") | wc -l)
  missing=$((missing + lost))
done
now_ms
took=$((NOW - began))

row() { printf '   %s%-28s%s %s\n' "$c_dim" "$1" "$c_off" "${*:2}"; }
say
rule
row "lines said and arrived" "$total of $n"
row "confirmed to the author" $((acked[0] + acked[1] + acked[2]))
row "in flight at the kill" "$caught"
row "shown twice" "$twice"
row "lost" "$missing"
row "server down" "$((down / 1000)).$(printf %03d $((down % 1000))) s"
row "all caught up after it" "$((caught_up / 1000)).$(printf %03d $((caught_up % 1000))) s"
((empty == 0)) || row "empty lines" "$empty, passed over"
((refused == 0)) || row "refused lines" "$refused, not UTF-8"
((split == 0)) || row "further parts of long lines" "$split"
row "all of it took" "$((took / 1000)).$(((took % 1000) / 100)) s"
say
if ((verdict != 0 || twice > 0 || missing > 0)); then
  for k in 0 1 2; do
    p=${PEOPLE[k]}
    same "$work/$p.want" "$work/$p.got" || {
      say " from $p to ${PEOPLE[(k + 1) % 3]}, the first that differ, said and arrived:"
      LC_ALL=C awk 'NR == FNR { said[FNR] = $0; n = FNR; next }
        shown < 3 && (FNR > n || said[FNR] != $0) {
          print "   " FNR " <", substr(said[FNR], 1, 70); print "   " FNR " >", substr($0, 1, 70); ++shown
        }
        END { if (FNR < n && !shown) print "   " FNR + 1 " <", substr(said[FNR + 1], 1, 70) }' \
        "$work/$p.want" "$work/$p.got"
    }
  done
  die "The lines did not arrive exactly once and in order."
fi
say " $c_green✓ Every line arrived exactly once and in order.$c_off Compared by machine."
((caught > 0)) || say " (Nothing was in flight at the kill: this machine was faster. Run it again.)"

case $bin in
  "$PWD"/*) here=${bin#"$PWD"/} ;;
  *) here=$bin ;;
esac
say
say " ${c_bold}Now you$c_off"
say "   $here/mootd run                          $c_dim# a server, in one terminal$c_off"
say "   $here/mootd invite                       $c_dim# makes an invitation, a link$c_off"
say "   $here/moot join 'moot://...' --as you    $c_dim# takes it$c_off"
say "   $here/moot chat @bob                     $c_dim# talks$c_off"
say "   ${c_dim}Each person has a --home: another one on this machine, another person.$c_off"
say
