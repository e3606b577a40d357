#pragma once

#include <cstddef>

#include "bench/report.h"

namespace moot::bench {

// W2: one member of a channel writes, `window` messages are on their way, each counts when it is
// committed everywhere. Real replicas behind every connection; what they persist is synced once a
// turn, as their store does it. Member-kept, and with the server as keeper.
void channel_commits(const Options& o, std::size_t members, unsigned window);

// A new member, a real `moot pull`, brings a history of `records` messages from the leader.
void catch_up(const Options& o, std::size_t records);

}  // namespace moot::bench
