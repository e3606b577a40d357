# The processes of the demonstration, and what they tell; tools/demo.sh sources it.
# shellcheck shell=bash disable=SC2034,SC2154  # shared with it

# ---- ending: by process id, what this script started, and nothing else -----------------------------

work='' server='' readers=()
declare -A replica=() sender=() to_send=() in_log=() in_sent=() part=()

end_all() {
  local pid
  for pid in "${replica[@]}" "${sender[@]}" ${readers[@]+"${readers[@]}"} $server; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in "${replica[@]}" "${sender[@]}" ${readers[@]+"${readers[@]}"} $server; do
    wait "$pid" 2>/dev/null || true
  done
  replica=() sender=() readers=() server=''
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
  for log in ${work:+"$work"/*.err "$work"/*.said}; do
    [ -s "$log" ] || continue
    printf '\n the end of %s:\n' "${log##*/}" >&2
    tail -n 8 "$log" | cut -c -200 | awk '{ print "   " $0 }' >&2
  done
  exit 1
}

# ---- waiting: for something that shows, never for time alone ---------------------------------------

progress=0
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
  local d
  [ -z "$server" ] || kill -0 "$server" 2>/dev/null || die "mootd ended by itself."
  for d in "${!replica[@]}"; do
    kill -0 "${replica[$d]}" 2>/dev/null || die "The replica on $(device "$d") ended by itself."
  done
  for d in "${!sender[@]}"; do
    kill -0 "${sender[$d]}" 2>/dev/null || die "A sender on $(device "${d:0:1}") ended by itself."
  done
}

# ---- the server --------------------------------------------------------------------------------------

# What the senders read ends when the last writer closes it: no other process may be one.
spawn() {
  local fd
  for fd in "${to_send[@]}"; do exec {fd}>&-; done
  exec "$@"
}

start_server() {
  : >"$work/server.out"
  spawn "$bin/mootd" run --data-dir "$work/data" --listen "127.0.0.1:$port" "${server_options[@]}" \
    >"$work/server.out" 2>>"$work/server.err" </dev/null &
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
kill_server() {
  kill -KILL "$server"
  wait "$server" 2>/dev/null || true
  server=''
}
admin() { "$bin/mootd" "$@" --data-dir "$work/data" 2>>"$work/server.err"; }

# ---- devices: 0 1 2 are the laptops of ada, bob and cyd, 3 4 5 their tablets ----------------------------

device() {
  local kind=laptop
  (($1 < 3)) || kind=tablet
  printf "%s's %s" "${PEOPLE[$1 % 3]}" "$kind"
}
home_of() { printf '%s/%s-%s' "$work" "${PEOPLE[$1 % 3]}" "$((($1 / 3) + 1))"; }
moot_of() { "$bin/moot" --home "$(home_of "$1")" "${@:2}"; }

# A device comes on line: its replica of the channel, and somebody who types.
start_device() {
  local d=$1 home fd
  home=$(home_of "$d")
  [ -e "$home.log" ] || : >"$home.log"
  if [ -z "${in_log[$d]:-}" ]; then
    exec {fd}<"$home.log"
    in_log[$d]=$fd
  fi
  synced[$d]='' leads[$d]=''
  spawn "$bin/moot" --home "$home" replica "$CHANNEL" --json \
    >>"$home.log" 2>>"$home.err" </dev/null &
  replica[$d]=$!
}
# Somebody types there, once the replica has the store.
start_sender() { start_writer "$1" "#$CHANNEL" committed; }

# start_writer WRITER TARGET STATE: what is written to it goes to the target, line by line, and it
# prints what has come so far. WRITER: a device, or a pair, from the laptop of the first.
start_writer() {
  local w=$1 home file fd
  home=$(home_of "${w:0:1}")
  file=$work/writer.$w
  rm -f "$file.fifo"
  mkfifo "$file.fifo"
  if [ -z "${in_sent[$w]:-}" ]; then
    : >"$file.sent"
    exec {fd}<"$file.sent"
    in_sent[$w]=$fd
  fi
  spawn "$bin/moot" --home "$home" send "$2" - --wait "$3" --timeout "${PATIENCE_S}s" \
    --json <"$file.fifo" >>"$file.sent" 2>>"$home.err" &
  sender[$w]=$!
  exec {fd}>"$file.fifo"
  to_send[$w]=$fd
}
close_sender() {
  local fd=${to_send[$1]}
  exec {fd}>&-
  unset "to_send[$1]"
  wait "${sender[$1]}" || die "The sender on $(device "${1:0:1}") ended with code $?."
  unset "sender[$1]"
}
stop_device() {
  [ -z "${sender[$1]:-}" ] || close_sender "$1"
  kill -TERM "${replica[$1]}"
  wait "${replica[$1]}" || die "The replica on $(device "$1") ended with code $?."
  unset "replica[$1]"
  synced[$1]='' leads[$1]=''
}
kill_device() {
  local fd=${to_send[$1]}
  kill -KILL "${replica[$1]}" "${sender[$1]}"
  wait "${replica[$1]}" "${sender[$1]}" 2>/dev/null || true
  unset "replica[$1]" "sender[$1]" "to_send[$1]"
  exec {fd}>&-
  synced[$1]='' leads[$1]=''
}

# ---- what they tell ----------------------------------------------------------------------------------

declare -A synced=() leads=() queue=() sent_n=() told=()
leader=''

# The whole lines that a file has gained: NEW.
gained() {
  local fd=$1 line
  NEW=()
  while IFS= read -r line <&"$fd"; do
    NEW+=("${part[$fd]:-}$line")
    part[$fd]=''
  done
  part[$fd]=${part[$fd]:-}$line
}
# field NAME LINE: the value of a member that is a number, a word or a text without escapes: REPLY.
field() {
  REPLY=${2#*\""$1"\":}
  [ "$REPLY" != "$2" ] || { REPLY=''; return; }
  case $REPLY in
    \"*) REPLY=${REPLY:1} REPLY=${REPLY%%\"*} ;;
    *) REPLY=${REPLY%%[,\}]*} ;;
  esac
}

look() {
  local d line
  for d in "${!in_log[@]}"; do
    gained "${in_log[$d]}"
    for line in ${NEW[@]+"${NEW[@]}"}; do
      progress=$((progress + 1))
      hear "$d" "$line"
    done
  done
  for d in "${!in_sent[@]}"; do
    gained "${in_sent[$d]}"
    for line in ${NEW[@]+"${NEW[@]}"}; do
      progress=$((progress + 1))
      confirmed "$d" "$line"
    done
  done
  show_ready
}

# A replica tells about its channel. Each election and each leader is shown once.
hear() {
  local d=$1 line=$2 what election name
  field what "$line"
  what=$REPLY
  case $what in
    synced)
      field records "$line"
      synced[$d]=$REPLY
      ;;
    disconnected) synced[$d]='' ;;
    election)
      field election "$line"
      election=$REPLY
      field user "$line"
      [ -z "${told[e$election]:-}" ] || return 0
      told[e$election]=1
      event "⚑" "election $((election >> 20)).$((election & 0xfffff)): $REPLY asks for votes"
      ;;
    leader)
      field self "$line"
      leads[$d]=''
      [ "$REPLY" != true ] || leads[$d]=1
      field leader "$line"
      name=$REPLY
      if [ "$name" = null ]; then
        leader=''
        return 0
      fi
      leader=$name
      field election "$line"
      [ -z "${told[l$REPLY]:-}" ] || return 0
      told[l$REPLY]=1
      event "♛" "$name leads"
      ;;
  esac
}
# Line by line, each sender prints what is committed, or acknowledged, in the order in which it was
# said.
confirmed() {
  local d=$1 line=$2 nth=${sent_n[$1]:-0} i acks k
  [[ $line == *"\"state\":\"${settled/#acknowledged/acked}\""* ]] || die "A message was not $settled: ${line:0:300}"
  i=${queue[$d:$nth]}
  sent_n[$d]=$((nth + 1))
  acks=${line##*'"acks":['}
  who[i]=''
  for k in 0 1 2; do
    if [[ $acks == *\""${PEOPLE[k]}"\"* ]]; then who[i]+=1; else who[i]+=0; fi
  done
  done_n=$((done_n + 1))
}
in_step() {
  local d
  for d in "$@"; do [ -n "${synced[$d]:-}" ] || [ -n "${leads[$d]:-}" ] || return 1; done
  [ -n "$leader" ]
}
