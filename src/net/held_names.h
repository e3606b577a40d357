#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/time.h"
#include "net/failed_keys.h"
#include "net/hub_port.h"

// CNN whose turn is FailedKeys::kDelay after they came. Pure.
namespace moot::net {

class HeldNames {
 public:
  // Of one too many the first that waits has waited enough: a connection each, nearly all of which
  // are of sources that are punished for them.
  static constexpr std::size_t kMax = 4'096;
  static constexpr Tick kFar{INT64_MAX / 4};

  void add(CnnName name, Tick now) { names_.emplace_back(now + FailedKeys::kDelay, name); }
  // Whose turn it is.
  std::optional<CnnName> take(Tick now) {
    if (names_.empty() || (names_.front().first > now && names_.size() <= kMax)) return {};
    const CnnName name = names_.front().second;
    names_.pop_front();
    return name;
  }
  Tick next_deadline() const { return names_.empty() ? kFar : names_.front().first; }

 private:
  std::deque<std::pair<Tick, CnnName>> names_;  // in the order in which they came
};

}  // namespace moot::net
