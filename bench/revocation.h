#pragma once

#include "bench/report.h"

namespace moot::bench {

// From the return of `mootd key revoke` to the end of the connections: of single keys among 1,000
// live sessions, then of all that are left at once.
void revocation(const Options& o);

}  // namespace moot::bench
