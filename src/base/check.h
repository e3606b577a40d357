#pragma once

// MOOT_CHECK(cond): our own bug when false. Always on, prints the place, aborts.
// Never for what a peer, a file or a user did: those are values or effects.
#define MOOT_CHECK(cond) \
  ((cond) ? static_cast<void>(0) : ::moot::check_failed(#cond, __FILE__, __LINE__))

namespace moot {
[[noreturn]] void check_failed(const char* what, const char* file, int line);
}  // namespace moot
