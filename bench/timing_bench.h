#pragma once

#include "bench/report.h"

namespace moot::bench {

// Whether a stranger can tell from the time of the silent close why his CNN was refused: an id that
// nobody has, a key that was revoked, a wrong signature (security.md R3, P5). `tries` of all of
// them together; Welch's t of each pair.
void refusals(const Options& o);

}  // namespace moot::bench
