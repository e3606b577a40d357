#pragma once

#include "bench/report.h"

namespace moot::bench {

// What strangers and ill members cost an established chat, and what they make the server hold:
// bogus connections, readers that do not read, a storm of fan-out, a storm of candidacies. Each for
// `seconds` (security.md 5).
void hostile(const Options& o);
// Of these the readers that do not read alone.
void readers(const Options& o);

}  // namespace moot::bench
