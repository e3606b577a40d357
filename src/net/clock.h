#pragma once

#include <chrono>

#include "base/time.h"

namespace moot::net {

// The one place of the server where a clock is read.
inline Now read_clocks() {
  using std::chrono::duration_cast;
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {{duration_cast<Millis>(steady).count()},
          {static_cast<std::uint64_t>(duration_cast<Millis>(wall).count())}};
}

}  // namespace moot::net
