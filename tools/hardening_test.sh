#!/usr/bin/env bash
# hardening_test.sh BINARY...: fails when a release binary lacks a protection of security 5.6.
set -u
bad=0
for binary in "$@"; do
  header=$(readelf -hW "$binary") || exit 1
  segments=$(readelf -lW "$binary")
  dynamic=$(readelf -dW "$binary")
  symbols=$(readelf --dyn-syms -W "$binary")
  lacks() { echo "$binary lacks $1"; bad=1; }

  grep -q 'Type: *DYN' <<<"$header" || lacks pie
  grep -q GNU_RELRO <<<"$segments" || lacks relro
  grep -qE 'BIND_NOW|Flags:.*NOW' <<<"$dynamic" || lacks now
  grep -q __stack_chk_fail <<<"$symbols" || lacks stack_protector
  grep -qE ' __[a-z]+_chk(@| |$)' <<<"${symbols//__stack_chk_fail/}" || lacks fortify
  grep -q 'GNU_STACK.* RW ' <<<"$segments" || lacks execstack
  # Not the note of the whole binary: Debian's crti.o has none, so the linker leaves it out.
  if grep -q X86-64 <<<"$header"; then
    main=$(objdump -d --disassemble=main "$binary") || exit 1
    grep -qw endbr64 <<<"$main" || lacks cf_protection
  fi
done
exit $bad
