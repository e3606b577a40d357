#pragma once

#include <cstddef>
#include <map>

#include "apps/mootd/config.h"

namespace moot::mootd {

// The sockets that the service manager opened, by what they are for.
struct Adopted {
  std::map<std::size_t, int> listeners;  // by the listener's place, as several may be at port 0
  int http = -1;                         // none
};
// Each goes where its name says (`http`, `listen-2` for the second [[listen]]), any other to the
// listener with its address. One that is for nothing here is an error, and so is one where the
// configuration would not have its own.
Result<Adopted> adopt_sockets(const Config& config);

}  // namespace moot::mootd
