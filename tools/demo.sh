#!/usr/bin/env bash
# tools/demo.sh BIN [FILE]: a server, three people with two devices each, and what can happen to them.
#
# BIN holds mootd and moot. FILE is any text; its lines are said three times: privately, in a channel
# that the three keep themselves, and in one that the server keeps. Lines that are no UTF-8 are
# refused, empty ones passed over, lines too long for one message go in parts. Needs bash, coreutils
# and awk. All of it happens in a directory of its own, which is gone at the end; MOOT_DEMO_KEEP=1
# keeps it. Exit codes: 0 everybody has every line exactly once and in order, 1 somebody has not,
# 2 usage.
set -euo pipefail
export LC_ALL=C.UTF-8

PATIENCE_S=60    # without any progress
SHOWN_WHOLE=200  # lines of a text that is shown whole
LINES_MIN=30     # a shorter text is said again until it has as many

PEOPLE=(ada bob cyd)
NAMES=("Ada" "Bob" "Cyd")
CHANNEL=moot

here=$(dirname "$(readlink -f "$0")")
. "$here/demo_look.sh"
. "$here/demo_devices.sh"
. "$here/demo_private.sh"

# ---- the text -------------------------------------------------------------------------------------

declare -a text who late speaker listener
n=0 empty=0 refused=0 split=0 again=0
load_text() {
  local record i
  while IFS= read -r record; do
    case $record in
      =*) text[n++]=${record:1} ;;
      +*)
        text[n++]=${record:1}
        split=$((split + 1))
        ;;
      !*) refused=$((refused + 1)) ;;
      *) empty=$((empty + 1)) ;;
    esac
  done < <(read_text "$1")
  [ "$n" -gt 0 ] || die "There is no line in $1 that could be said."
  local own=$n
  for ((i = n; i < LINES_MIN; ++i)); do text[i]=${text[i % own]}; done
  ((n >= LINES_MIN)) || again=1 n=$LINES_MIN
}

# ---- talking ----------------------------------------------------------------------------------------

# A part says the lines up to `last`; at the points of it something happens.
part_of() {
  last=$1 settled=$2 points=("${@:3}")
  done_n=0 shown=0 gap=0 fed=0 mark_late=0
  who=() late=() speaker=() listener=()
}
part_of 0 ''

# said_by WRITER: the next line, typed there: at a device, or by one of a pair to the other.
said_by() {
  local d=$1 nth=${said_n[$1]:-0}
  queue[$d:$nth]=$fed
  said_n[$d]=$((nth + 1))
  speaker[$fed]=$((${d:0:1} % 3))
  listener[$fed]=${d:1:1}
  ((!mark_late)) || late[fed]=1
  printf '%s\n' "${text[fed]}" >&"${to_send[$d]}"
  fed=$((fed + 1))
}
declare -A said_n=()

# in_turn UPTO WRITER...: line by line, each waiting for the one before; a long text in one go.
in_turn() {
  local upto=$1
  shift
  local -a writers=("$@")
  while ((fed < upto)); do
    said_by "${writers[fed % ${#writers[@]}]}"
    if ((last <= SHOWN_WHOLE || upto - fed < 12)); then
      until_done "line $fed" all_shown
      [ ! -t 1 ] || pause 0.04
    elif ((fed % 200 == 0)); then
      look
    fi
  done
  until_done "line $upto" all_shown
}
# at_once UPTO WRITER...
at_once() {
  local upto=$1
  shift
  local -a writers=("$@")
  while ((fed < upto)); do said_by "${writers[fed % ${#writers[@]}]}"; done
}
all_shown() { ((shown >= fed)); }
more_done() { ((done_n > $1)); }

# A text of thousands of lines is shown where something happens.
show_ready() {
  while ((shown < fed)) && [ -n "${who[shown]:-}" ]; do
    show "$shown"
    shown=$((shown + 1))
  done
}
is_shown() {
  local p
  ((last > SHOWN_WHOLE)) || return 0
  for p in 0 "${points[@]}" "$last"; do (($1 < p - 3 || $1 > p + 5)) || return 0; done
  return 1
}
show() {
  local i=$1 k=${speaker[$1]} to=${listener[$1]} line rest='' dots='' p name room=61 indent=10
  if ! is_shown "$i"; then
    gap=$((gap + 1))
    return
  fi
  show_gap
  name=${c_of[k]}${PEOPLE[k]}$c_off
  if [ -n "$to" ]; then
    name+="→${c_of[to]}${PEOPLE[to]}$c_off" room=59 indent=14 dots="$c_green✓$c_off"
  else
    for p in 0 1 2; do
      if [ "${who[i]:p:1}" = 1 ]; then dots+="${c_of[p]}●$c_off"; else dots+="$c_dim○$c_off"; fi
    done
  fi
  [ -z "${late[i]:-}" ] || dots+=" $c_green↻$c_off"
  ((${#text[i]} <= 400)) || rest=" … $(printf '%s' "${text[i]}" | wc -c) octets"
  wrap "${text[i]:0:$((${#rest} > 0 ? 150 : 400))}$rest" $room
  printf '%s%4d%s %s  %s' "$c_dim" $((i + 1)) "$c_off" "$name" "${WRAPPED[0]}"
  cells "${WRAPPED[0]}"
  printf '%*s %s\n' $((room - REPLY)) '' "$dots"
  for line in "${WRAPPED[@]:1}"; do printf '%*s%s\n' $indent '' "$line"; done
}
show_gap() {
  ((gap > 0)) || return 0
  say "      $c_dim⋮ $gap more lines, all $settled$c_off"
  gap=0
}

# ---- what the devices have ------------------------------------------------------------------------------

# The committed log of a device, without who acknowledged: that is known differently here and there.
log_of() { moot_of "$1" history "$CHANNEL" --json | awk '{ sub(/,"acks":\[.*$/, ""); print }'; }
ids_of() { moot_of "$1" history "$CHANNEL" --json | awk '{ sub(/^.*"id":"/, ""); print substr($0, 1, 26) }'; }
texts_of() {  # FILE [PERSON]: the escapes of JSON are those of %b, but for the quote
  local line t
  while IFS= read -r line; do
    [ -z "${2:-}" ] || [[ $line == *"\"from\":\"$2\""* ]] || continue
    t=${line#*'","text":"'}
    t=${t%'","state":"'*}
    printf '%b\n' "${t//\\\"/\"}"
  done <"$1"
}
same() { [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]; }

# verified COUNT DEVICE...: `moot verify` holds on each of them, with one and the same fingerprint.
verified() {
  local count=$1 d line fingerprint=''
  shift
  PROOFS=()
  for d in "$@"; do
    line=$(moot_of "$d" verify "$CHANNEL" --json 2>>"$work/verify.said") || return 1
    field count "$line"
    ((REPLY == count)) || return 1
    field fingerprint "$line"
    [ -n "$REPLY" ] || return 1
    [ "$REPLY" = "${fingerprint:=$REPLY}" ] || return 1
    PROOFS[d]=$REPLY
  done
}

# ---- the demonstration ------------------------------------------------------------------------------

[ $# -ge 1 ] && [ $# -le 2 ] || {
  echo "usage: tools/demo.sh BIN [FILE]" >&2
  exit 2
}
bin=$1
file=${2:-"$here/demo.txt"}
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
port=0
# The rates that keep a chatterbox at bay would make a long text long.
server_options=(--http-listen off --set limits.commands_per_s=0 --set limits.bytes_per_s=0)

say
say " ${c_bold}moot$c_off $c_dim· a server, three people, $n lines, and what can happen to them$c_off"
rule

start_server
step 1 "A server with an empty data directory: mootd on 127.0.0.1:$port"

people=''
for d in 0 1 2; do
  link=$(admin invite) || die "mootd made no invitation."
  link=moot://${link#*moot://}
  link=${link%%[!A-Za-z0-9_:/.#-]*}
  mkdir -m 700 "$(home_of "$d")"
  moot_of "$d" join "$link" --as "${PEOPLE[d]}" --name "${NAMES[d]}" --label laptop \
    >>"$work/join.said" 2>&1 || die "${PEOPLE[d]} could not join."
  mkdir -m 700 "$(home_of $((d + 3)))"
  admin key add "${PEOPLE[d]}" --label tablet --key-out "$(home_of $((d + 3)))/key.toml" >/dev/null ||
    die "There is no key for the tablet of ${PEOPLE[d]}."
  people+="   ${c_of[d]}${PEOPLE[d]}$c_off"
done
step 2 "Three accounts, a key for each laptop and each tablet:$people"

talk_privately

# The leader dies at 1, those who are left go on to 2; two sides part at 3, one says lines up to 4, the
# other up to 5; the server dies at 6 with lines up to 7 under way.
burst=$((n / 8 < 40 ? n / 8 : 40))
part_of "$n" committed $((n / 4)) $((n / 4 + burst)) $((n / 4 + burst + 2)) $((n / 4 + burst + 6)) \
  $((n / 4 + burst + 10)) $((n * 3 / 4)) $((n * 3 / 4 + burst))

step 4 "A channel that its members keep: the server stores nothing of it"
say
moot_of 0 create "$CHANNEL" --keeper members 2>>"$work/channel.said" || die "The channel could not be made."
for d in 1 2; do
  moot_of "$d" enter "$CHANNEL" 2>>"$work/channel.said" || die "${PEOPLE[d]} could not enter."
done
on_line() {  # DEVICE...: they are there, in step, and can type
  local d
  for d in "$@"; do start_device "$d"; done
  until_done "a leader" in_step "$@"
  for d in "$@"; do start_sender "$d"; done
}
on_line 0 1 2
say "     $c_dim●●● who has a line on disk when it is committed: two of three at least$c_off"
say
in_turn "${points[0]}" 0 1 2

# The leader's client dies, lines of the others under way.
dead=''
for d in 0 1 2; do [ -z "${leads[$d]:-}" ] || dead=$d; done
[ -n "$dead" ] || die "There is no leader to be killed."
alive_two=($(((dead + 1) % 3)) $(((dead + 2) % 3)))
before=$done_n
at_once $((points[1] - burst / 2)) "${alive_two[@]}"
STEP=0 until_done "a commit" more_done "$before"
at_once "${points[1]}" "${alive_two[@]}"
kill_device "$dead"
now_ms
killed=$NOW
leader=''
missing_is_told() {
  missing=$(moot_of "${alive_two[0]}" members "$CHANNEL" 2>&1 >/dev/null) || return 1
  [[ $missing == *missing* ]]
}
until_done "the channel to notice" missing_is_told
look
in_doubt=$((fed - done_n))
for ((i = shown; i < fed; ++i)); do [ -n "${who[i]:-}" ] || late[i]=1; done
show_gap
say
say " ${c_red}✗ kill -9${c_off}  $(device "$dead"), which led, with $c_bold$(lines $in_doubt)$c_off under way."
say "     $c_dim${missing//$'\n'/ }$c_off"
mark_late=1
at_once "${points[2]}" "${alive_two[@]}"
say "     They go on: two lines more, on their own disks until there are three again."

# Somebody's other device takes the place. It has nothing yet.
tablet=$((dead + 3))
say "     ${PEOPLE[dead]} takes the tablet, which was never on line:"
start_device "$tablet"
until_done "a new leader" in_step "$tablet" "${alive_two[@]}"
now_ms
say "     $c_green✓$c_off after $(seconds $((NOW - killed))) somebody leads again, and the tablet has pulled $(lines "${synced[$tablet]:-0}")"
say
until_done "what was under way" all_shown
mark_late=0
say
start_device "$dead"
until_done "the laptop" in_step "$dead"
say " $c_green✓ back$c_off     $(device "$dead"), after the kill: it pulled the ${synced[$dead]:-0} it had missed"
start_sender "$dead"
say

# Two sides that know nothing of each other: the laptops, then the tablets.
stop_device "$tablet"
in_turn "${points[3]}" 0 1 2
for d in 0 1 2; do stop_device "$d"; done
leader=''
say
say " ${c_bold}✂ apart$c_off    The laptops go off with $(lines $((points[3] - points[2]))) that no tablet has. The tablets:"
on_line 3 4 5
in_turn "${points[4]}" 3 4 5
for d in 0 4; do ids_of "$d" | sort >"$work/ids.$d"; done
only_laptops=$(comm -23 "$work/ids.0" "$work/ids.4" | wc -l)
only_tablets=$(comm -13 "$work/ids.0" "$work/ids.4" | wc -l)
((only_laptops > 0 && only_tablets > 0)) || die "The two sides did not part: $only_laptops and $only_tablets."
say "     $(lines $only_laptops) on the laptops alone, $(lines $only_tablets) on the tablets alone. Now all six:"
now_ms
apart=$NOW
for d in 0 1 2; do start_device "$d"; done
until_done "the laptops" in_step 0 1 2
STEP=0.1 until_done "equal histories" verified "$fed" 0 1 2 3 4 5
now_ms
say " $c_green✓ merged$c_off   $(seconds $((NOW - apart))) later all six have all $fed, in one order: ${PROOFS[0]:0:16}…"
say
for d in 0 1 2; do start_sender "$d"; done
in_turn "${points[5]}" 0 1 2

# The server dies in the middle of a burst, and forgets all it had in memory.
before=$done_n
at_once $((points[6] - burst / 2)) 0 1 2
STEP=0 until_done "a commit" more_done "$before"
at_once "${points[6]}" 0 1 2
kill_server
now_ms
killed=$NOW
nobody_leads() { [ -z "$(printf '%s' "${synced[@]}")" ]; }
until_done "the clients to notice" nobody_leads
caught=$((fed - done_n))
for ((i = shown; i < fed; ++i)); do [ -n "${who[i]:-}" ] || late[i]=1; done
leader=''
for d in "${!leads[@]}"; do leads[$d]=''; done
show_gap
say
say " ${c_red}✗ kill -9${c_off}  The server, with $c_bold$(lines $caught)$c_off under way."
start_server
now_ms
down=$((NOW - killed))
say " $c_green✓ restart$c_off  On the same data, after $(seconds $down). Everybody comes back, and elects:"
until_done "everybody to come back" in_step 0 1 2 3 4 5
say
in_turn "$n" 0 1 2
show_gap
((refused == 0)) || say "      $c_dim($refused lines of the file were refused: a message is UTF-8)$c_off"

step 5 "moot verify: every record, digest and index, and against the leader"
say
for d in 0 1 2; do close_sender "$d"; done
for d in 3 4 5; do close_sender "$d"; done
STEP=0.1 until_done "equal histories" verified "$n" 0 1 2 3 4 5
for d in 0 1 2 3 4 5; do
  name=$(device "$d")
  say "     ${c_of[d % 3]}$name$c_off$(printf '%*s' $((14 - ${#name})) '') $n lines   ${PROOFS[d]}   $c_green✓$c_off"
done
for d in 0 1 2 3 4 5; do log_of "$d" >"$work/log.$d"; done
for d in 0 1 2 3 4 5; do stop_device "$d"; done

step 6 "The same in a channel that the server keeps: one person is enough"
say
moot_of 0 create notes --keeper server 2>"$work/notes.said" || die "The second channel could not be made."
said=$(head -n 1 "$work/notes.said")
say "  $c_dim${said#*own it. }$c_off"
for ((i = 0; i < n; ++i)); do printf '%s\n' "${text[i]}"; done >"$work/all"
now_ms
noted=$NOW
moot_of 0 send '#notes' - --json --timeout "${PATIENCE_S}s" <"$work/all" >"$work/notes.sent" \
  2>>"$work/notes.said" || die "The server did not keep everything."
now_ms
noted=$((NOW - noted))
moot_of 0 history notes --json >"$work/notes.log"
texts_of "$work/notes.log" >"$work/notes.got"
proof=$(moot_of 0 verify notes --json 2>>"$work/notes.said") || die "verify does not hold in the second channel."
field fingerprint "$proof"
say "  $n lines, each on the server's disk before ada was told, in $(seconds $noted) $c_green✓$c_off"
say "  moot verify: $REPLY $c_green✓$c_off"
kill -TERM "$server"
wait "$server" || die "mootd did not end well: code $?."
server=''

# ---- the verdict -----------------------------------------------------------------------------------------

verdict=0 twice=0 lost=0
for d in 1 2 3 4 5; do same "$work/log.0" "$work/log.$d" || verdict=1; done
texts_of "$work/log.0" >"$work/got"
sort "$work/all" >"$work/all.sorted"
sort "$work/got" >"$work/got.sorted"
lost=$(comm -23 "$work/all.sorted" "$work/got.sorted" | wc -l)
twice=$(comm -13 "$work/all.sorted" "$work/got.sorted" | wc -l)
for k in 0 1 2; do
  for ((i = 0; i < n; ++i)); do
    ((speaker[$i] != k)) || printf '%s\n' "${text[i]}"
  done >"$work/want.$k"
  texts_of "$work/log.0" "${PEOPLE[k]}" >"$work/got.$k"
  same "$work/want.$k" "$work/got.$k" || verdict=1
done
same "$work/all" "$work/notes.got" || verdict=1
now_ms
took=$((NOW - began))

row() { printf '   %s%-34s%s %s\n' "$c_dim" "$1" "$c_off" "${*:2}"; }
say
rule
row "private lines, acknowledged" "$private_n of $private_all, with whom they were for"
row "  under way when the server died" "$private_caught"
row "lines said and committed" "$(wc -l <"$work/got") of $n, on six devices"
row "  under way when the leader died" "$in_doubt"
row "  under way when the server died" "$caught"
row "shown twice, lost" "$twice, $lost"
row "in the server-kept channel" "$(wc -l <"$work/notes.got") of $n"
((again == 0)) || row "the text" "is short, and was said again"
((empty == 0)) || row "empty lines" "$empty, passed over"
((refused == 0)) || row "refused lines" "$refused, not UTF-8"
((split == 0)) || row "further parts of long lines" "$split"
row "all of it took" "$(seconds $took)"
say
((verdict == 0 && twice == 0 && lost == 0)) ||
  die "The histories are not what was said, exactly once and in order (MOOT_DEMO_KEEP=1 keeps them)."
say " $c_green✓ Every line is where it belongs, once and in order.$c_off Compared by machine."
((private_caught > 0 && in_doubt > 0 && caught > 0)) ||
  say " (Nothing was under way at one of the kills: this machine was faster. Run it again.)"

case $bin in
  "$PWD"/*) shown_bin=${bin#"$PWD"/} ;;
  *) shown_bin=$bin ;;
esac
say
say " ${c_bold}Now you$c_off"
say "   $shown_bin/mootd run                          $c_dim# a server, in one terminal$c_off"
say "   $shown_bin/mootd invite                       $c_dim# makes an invitation, a link$c_off"
say "   $shown_bin/moot join 'moot://...' --as you    $c_dim# takes it$c_off"
say "   $shown_bin/moot create ops                    $c_dim# makes a channel$c_off"
say "   $shown_bin/moot chat ops                      $c_dim# talks there$c_off"
say "   ${c_dim}Each person has a --home: another one on this machine, another person.$c_off"
say
