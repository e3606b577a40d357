#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "sim/diary.h"

namespace moot::sim {

struct DiagramOptions {
  std::string title;
  std::vector<std::string> lanes;  // names of the devices
  std::int64_t from_us = 0;
  std::int64_t to_us = std::numeric_limits<std::int64_t>::max();
  std::size_t points_max = 260;  // arrows' ends and marks; what is over is left out
  bool last = false;             // the last of them instead of the first
};

// A sequence diagram as SVG: time runs down, the server stands in the middle. Quiet times are drawn
// short: the distance of two points grows with the logarithm of the time between them.
std::string diagram(const Diary& diary, const DiagramOptions& options);

}  // namespace moot::sim
