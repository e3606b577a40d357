#pragma once

#include <cstddef>
#include <functional>

#include "sim/world.h"

namespace moot::sim {

// How a run is done; a core that aborts comes back as a failure as well.
using RunOnce = std::function<Outcome(const Options&)>;

struct Shrunk {
  Options options;  // of the shortest run found that fails alike
  Outcome outcome;
  unsigned runs = 0;
};

// Leaves out as many incidents of a failing run as can be spared (ddmin): a shorter run counts only
// if the same invariant fails. REQUIRES: outcome.failure.
Shrunk shrink(const Options& options, const Outcome& outcome, const RunOnce& run,
              unsigned runs_max);

}  // namespace moot::sim
