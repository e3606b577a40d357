#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/accounts.h"
#include "bench/cost.h"
#include "bench/driver.h"
#include "bench/member.h"

// W1 and W2 as moot's own client does them.
namespace moot::bench {

// W1: a delivery at B lets A send the next; PV_MSG to MSG with ACK_MSG and MSG_ACK for every
// message. `d` has the connections of the pairs, one beside the other; `run` is another one for
// every run against the same server, which knows the ids of the messages.
Cost private_messages(Driver& d, const std::vector<Identity>& who, unsigned window,
                      std::size_t messages, std::uint64_t run, const CpuSeconds& cpu);

// W2: the first member speaks, a message counts when all others have it as committed.
Cost channel_fan_out(BenchChannel& channel, unsigned window, std::size_t messages,
                     const CpuSeconds& cpu);

}  // namespace moot::bench
