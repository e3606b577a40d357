#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/options.h"

// What `mootd doctor` looks at where a front comes in. Errors are what a finding says.
namespace moot::net {

// Whether a user of this system may open the socket at a path, by the modes on the way.
Status may_open(const std::string& path, std::uint32_t uid);

// Whether this process is one of the listener's fronts, so that `front_is_heard` proves something.
bool is_own_front(const ListenOptions& options);
// Sends the header with which a front looks whether somebody listens, and sees it taken.
Status front_is_heard(const ListenOptions& options);

}  // namespace moot::net
