#pragma once

#include <algorithm>
#include <chrono>

#include "base/time.h"
#include "model/limits.h"

namespace moot::client {

// When the next question may leave that the server counts by its rate of lists (protocol.md 10):
// LST_USR, CH_LST, CH_MEMBERS, the first CH_PULL of a synchronisation. Fewer at once than the
// server takes, because what leaves at distances may arrive without. Invariant: whatever leaves
// when `next` says so, never finds the server's bucket empty.
class Pace {
 public:
  static constexpr unsigned kAtOnce = limits::kListsBurst - 2;

  // A new connection: the server counts from the beginning.
  void restart() { spent_until_ = {}; }
  // One left. Those that the user asked for do not wait; the others wait for them.
  void spend(Tick now) { spent_until_ = std::max(spent_until_, now) + kEach; }
  Tick next() const { return spent_until_ + -kEach * (kAtOnce - 1); }

 private:
  static constexpr Millis kEach = Millis{std::chrono::seconds{1}} / limits::kListsPerSecond;
  Tick spent_until_;  // when the server has forgotten all that left
};

}  // namespace moot::client
