#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace moot {

// ERR `retry_ms` where nothing better is known: about as long as an election takes.
inline constexpr Millis kRetrySoon{1'000};

inline std::uint64_t retry_in(Millis wait) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(wait.count(), 1));
}

inline void earlier(std::optional<Tick>& at, Tick t) {
  if (!at || t < *at) at = t;
}

}  // namespace moot
