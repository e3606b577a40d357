#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sim/plan.h"

namespace moot::sim {

// One thing that the world did to the cluster: a fault that struck, a message that somebody wrote,
// a device that is there at all. Each draws what it needs from a stream of its own, so the others
// stay as they are when it is left out. That is what a failing run is made shorter by.
struct Incident {
  std::uint8_t kind = 0;  // a Fault, or one of the two below
  std::uint32_t ordinal = 0;

  static constexpr std::uint8_t kSay = kFaults;
  static constexpr std::uint8_t kDevice = kFaults + 1;
  friend auto operator<=>(const Incident&, const Incident&) = default;
};
std::string_view name_of_kind(std::uint8_t kind);

using IncidentSet = std::set<Incident>;
// `cut.3,say.1-20,device.0`, as the command line of moot-sim has it.
std::string text(const IncidentSet& incidents);
std::optional<IncidentSet> parse_incidents(std::string_view list);

}  // namespace moot::sim
