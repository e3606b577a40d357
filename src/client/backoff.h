#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace moot::client {

// Waits that double, with jitter, so that a thousand clients of a restarted server do not come
// back in one instant. Between half of the step and the whole of it.
class Backoff {
 public:
  Backoff(Millis first, Millis max) : first_(first), max_(max) {}

  // `random`: any 64 bits.
  Millis next(std::uint64_t random) {
    const Millis step = std::min(max_, first_ * (std::int64_t{1} << std::min(steps_, 20u)));
    ++steps_;
    const auto half = static_cast<std::uint64_t>(step.count()) / 2;
    return std::max(first_, Millis{static_cast<std::int64_t>(half + random % (half + 1))});
  }
  void reset() { steps_ = 0; }
  // What comes next is no shorter than after so many failures.
  void at_least(unsigned steps) { steps_ = std::max(steps_, steps); }

 private:
  Millis first_;
  Millis max_;
  unsigned steps_ = 0;
};

}  // namespace moot::client
