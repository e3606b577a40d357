#pragma once

#include "apps/mootd/config.h"
#include "apps/mootd/findings.h"

namespace moot::mootd {

// Where a front comes in: whether it may, whether a header is taken, and what the running server
// heard from fronts so far.
void look_at_fronts(Findings& f, const Config& config, bool running);

}  // namespace moot::mootd
