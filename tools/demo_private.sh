# Step 3 of the demonstration: the lines as private messages; tools/demo.sh sources it.
# shellcheck shell=bash disable=SC2034,SC2154  # shared with it

PRIVATE_MAX=240          # of a longer text the first so many
PAIRS=(01 12 20 02 10 21)  # who writes to whom, in turn

# The texts in FILE of what PERSON wrote, in its order.
private_of() { texts_of "$1" "${PEOPLE[$2]}"; }

# What each of the three was shown, live and from then on: `moot tail --follow`.
start_reader() {
  local d=$1 home
  home=$(home_of "$d")
  spawn "$bin/moot" --home "$home" tail "@${PEOPLE[($d + 1) % 3]}" "@${PEOPLE[($d + 2) % 3]}" \
    --follow --json --since 1970-01-01 >"$home.read" 2>>"$home.err" </dev/null &
  readers+=($!)
}

all_off_line() {
  local d
  for d in 0 1 2; do
    [[ $(moot_of "$d" status --json 2>/dev/null) == *'"connected":false'* ]] || return 1
  done
}

# What the first of each pair wrote to the second is what the second was shown, live.
all_read() {
  local pair
  for pair in "${PAIRS[@]}"; do
    private_of "$(home_of "${pair:1:1}").read" "${pair:0:1}" >"$work/live.$pair"
    same "$work/want.$pair" "$work/live.$pair" || return 1
  done
}
# And what the second keeps.
all_kept() {
  local pair
  for pair in "${PAIRS[@]}"; do
    moot_of "${pair:1:1}" export "@${PEOPLE[${pair:0:1}]}" >"$work/kept.json" 2>>"$work/private.said"
    private_of "$work/kept.json" "${pair:0:1}" >"$work/kept.$pair"
    same "$work/want.$pair" "$work/kept.$pair" || return 1
  done
}

talk_privately() {
  local d pair before killed i of="$n lines"
  private_all=$((n < PRIVATE_MAX ? n : PRIVATE_MAX))
  local burst=$((private_all / 6 < 24 ? private_all / 6 : 24)) middle=$((private_all / 2))
  part_of "$private_all" acknowledged "$middle" $((middle + burst))
  ((last == n)) || of="the first $last of $n lines"
  step 3 "Two can talk alone: $of. ✓ a device of the other has it on disk"
  say
  for d in 0 1 2; do start_reader "$d"; done
  for pair in "${PAIRS[@]}"; do start_writer "$pair" "@${PEOPLE[${pair:1:1}]}" acked; done
  in_turn "$middle" "${PAIRS[@]}"

  # The server dies in the middle of a burst.
  before=$done_n
  at_once $((middle + burst / 2)) "${PAIRS[@]}"
  STEP=0 until_done "an acknowledgement" more_done "$before"
  at_once $((middle + burst)) "${PAIRS[@]}"
  kill_server
  now_ms
  killed=$NOW
  until_done "the clients to notice" all_off_line
  private_caught=$((fed - done_n))
  for ((i = shown; i < fed; ++i)); do [ -n "${who[i]:-}" ] || late[i]=1; done
  show_gap
  say
  say " ${c_red}✗ kill -9${c_off}  The server, with $c_bold$(lines "$private_caught")$c_off under way. Three more are typed meanwhile."
  mark_late=1
  at_once $((middle + burst + 3)) "${PAIRS[@]}"
  mark_late=0
  start_server
  now_ms
  say " $c_green✓ restart$c_off  On the same data, after $(seconds $((NOW - killed))). What waits is sent again by itself:"
  say
  until_done "what was under way" all_shown
  in_turn "$last" "${PAIRS[@]}"
  show_gap
  for pair in "${PAIRS[@]}"; do close_sender "$pair"; done

  for ((i = 0; i < last; ++i)); do printf '%s\n' "${text[i]}" >>"$work/want.${PAIRS[i % 6]}"; done
  STEP=0.1 until_done "what was acknowledged to be shown" all_read
  all_kept || die "Somebody does not have what was written to them, exactly once and in order."
  for d in "${readers[@]}"; do kill -TERM "$d"; done
  for d in "${readers[@]}"; do wait "$d" || true; done
  readers=()
  # What came twice would be there by now.
  all_read || die "Somebody was shown more than was written to them."
  private_n=$(cat "$work"/kept.[0-2][0-2] | wc -l)
  say
  say "     $c_green✓$c_off all $last once and in order, live in \`moot tail\` and on disk in \`moot export\`"
}
