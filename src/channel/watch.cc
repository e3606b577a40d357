#include "channel/watch.h"

#include <algorithm>

#include "model/limits.h"

namespace moot {

static_assert(limits::kStrikes == 2, "one remembered strike is enough for two");

Millis LeaderWatch::commit_patience(Millis round_trip) {
  return std::max<Millis>(limits::kCommitWatch, round_trip * limits::kWatchRoundTrips);
}

Millis LeaderWatch::pull_patience(Millis round_trip) {
  return std::max<Millis>(limits::kPullWatch, round_trip * limits::kWatchRoundTrips);
}

bool LeaderWatch::strike(Tick now) {
  const bool second = last_ && now - *last_ <= limits::kStrikesKept;
  last_ = now;
  return second;
}

}  // namespace moot
