#pragma once

#include "bench/report.h"

namespace moot::bench {

// The server's costs as the work grows, each as the points of a curve: CPU of a delivery by members
// of a channel, resident memory by connections.
void scale(const Options& o);

}  // namespace moot::bench
