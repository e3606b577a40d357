#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/options.h"

// What `mootd doctor` looks at where a front comes in. Errors are what a finding says.
namespace moot::net {

// Whether the front of a user of this system may open the socket at a path, by the modes on the way
// and the groups its processes have; where none is seen, by the user's own group.
Status may_open(const std::string& path, std::uint32_t uid);

// Whether everybody on this machine could connect as a front, whose word is then no proof.
bool local_users_are_fronts(const ListenOptions& options);

// Whether this process is one of the listener's fronts, so that `front_is_heard` proves something.
bool is_own_front(const ListenOptions& options);
// Sends the header with which a front looks whether somebody listens, and sees it taken.
Status front_is_heard(const ListenOptions& options);

}  // namespace moot::net
