# How the demonstration reads a text and shows lines on a terminal; tools/demo.sh sources it.
# shellcheck shell=bash disable=SC2034  # used there

# What of a line fits into one message: max_msg is 16,384, of which its envelope needs a few.
PART_OCTETS=16000

# ---- how things look ------------------------------------------------------------------------------

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  c_off=$'\e[0m' c_dim=$'\e[2m' c_bold=$'\e[1m' c_red=$'\e[1;31m' c_green=$'\e[32m'
  c_of=($'\e[36m' $'\e[33m' $'\e[35m')
else
  c_off='' c_dim='' c_bold='' c_red='' c_green=''
  c_of=('' '' '')
fi

say() { printf '%s\n' "$*"; }
rule() {
  local line
  printf -v line '%78s' ''
  say " $c_dim${line// /─}$c_off"
}
# Something happens between the lines.
event() { printf '        %s%s %s%s\n' "$c_dim" "$1" "${*:2}" "$c_off"; }
# "1 line", "2 lines".
lines() { if (($1 == 1)); then printf '1 line'; else printf '%d lines' "$1"; fi; }
# Milliseconds as seconds.
seconds() { printf '%d.%03d s' $(($1 / 1000)) $(($1 % 1000)); }
step() { printf '\n %s%s%s  %s\n' "$c_bold" "$1" "$c_off" "${*:2}"; }

# The cells of a terminal that a text takes: REPLY.
WIDE='ᄀ-ᅟ⌚⌛⏩-⏳⭐⺀-꓏가-힣豈-﫿︰-﹏＀-｠￠-￦🌀-🙏🚀-🛿🤀-🫿𠀀-𯿿'
NARROW=$'\u0300-\u036f\u200b-\u200d\ufe00-\ufe0f'
cells() {
  REPLY=${#1}
  [[ $1 == *[!\ -~]* ]] || return 0
  local wide=${1//[!$WIDE]/} none=${1//[!$NARROW]/}
  REPLY=$((REPLY + ${#wide} - ${#none}))
}

# A text as lines of at most $2 cells, made harmless for a terminal: WRAPPED.
wrap() {
  local text=$1 room=$2 word line='' used=0 width
  WRAPPED=()
  text=${text//$'\t'/    }
  text=${text//[[:cntrl:]$'\u200e\u200f\u202a'-$'\u202e\u2066'-$'\u2069']/·}
  cells "$text"
  if ((REPLY <= room)); then
    WRAPPED=("$text")
    return
  fi
  local -a words
  read -ra words <<<"$text"
  for word in "${words[@]}"; do
    cells "$word"
    width=$REPLY
    while ((width > room)); do
      [ -z "$line" ] || WRAPPED+=("$line")
      line='' used=0
      local piece=${word:0:room}
      cells "$piece"
      while ((REPLY > room)); do
        piece=${piece%?}
        cells "$piece"
      done
      WRAPPED+=("$piece")
      word=${word:${#piece}}
      cells "$word"
      width=$REPLY
    done
    if ((used > 0 && used + 1 + width > room)); then
      WRAPPED+=("$line")
      line='' used=0
    fi
    line+=${line:+ }$word
    used=$((used + (used > 0) + width))
  done
  [ -z "$line" ] || WRAPPED+=("$line")
}

# ---- a text as messages --------------------------------------------------------------------------


# One record a line: "=text" a message, "+text" a further part of it, "!n" line n is no UTF-8, "-"
# an empty line. Octets, not characters: LC_ALL=C.
read_text() {
  tr '\000' '\377' <"$1" | LC_ALL=C awk -v max="$PART_OCTETS" '
    { sub(/\r+$/, "") }
    /^$/ { print "-"; next }
    {
      rest = $0
      if (rest ~ /[\200-\377]/) {
        gsub(/[\302-\337][\200-\277]/, "", rest)
        gsub(/\340[\240-\277][\200-\277]/, "", rest)
        gsub(/\355[\200-\237][\200-\277]/, "", rest)
        gsub(/[\341-\354\356\357][\200-\277][\200-\277]/, "", rest)
        gsub(/\360[\220-\277][\200-\277][\200-\277]/, "", rest)
        gsub(/[\361-\363][\200-\277][\200-\277][\200-\277]/, "", rest)
        gsub(/\364[\200-\217][\200-\277][\200-\277]/, "", rest)
        if (rest ~ /[\200-\377]/) { print "!" NR; next }
      }
      sign = "="
      for (rest = $0; length(rest) > max; rest = substr(rest, at)) {
        for (at = max + 1; substr(rest, at, 1) ~ /[\200-\277]/; --at) {}
        print sign substr(rest, 1, at - 1)
        sign = "+"
      }
      print sign rest
    }'
}
