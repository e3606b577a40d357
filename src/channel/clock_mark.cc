#include "channel/clock_mark.h"

#include <algorithm>

#include "model/limits.h"

namespace moot {

namespace {
constexpr std::uint64_t kAheadMs =
    static_cast<std::uint64_t>(Millis{limits::kClockMarkAhead}.count());
constexpr std::uint64_t kToldBehindMs =
    static_cast<std::uint64_t>(Millis{limits::kChannelIdAge}.count()) / 2;
}  // namespace

UnixMs ClockMark::read(UnixMs wall, ChannelEffects& fx) {
  last_ = std::max(last_, wall);
  if (last_.ms + kAheadMs / 2 > marked_.ms) {
    marked_ = {last_.ms + kAheadMs};
    ticket_ = fx.persist(op::PutClockMark{marked_});
  }
  return last_;
}

UnixMs ClockMark::told(UnixMs wall) const {
  return wall.ms + kToldBehindMs < last_.ms ? last_ : wall;
}

}  // namespace moot
