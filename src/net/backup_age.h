#pragma once

#include <string>

#include "base/time.h"
#include "store/server_store.h"

namespace moot::net {

// For the doctor: when the last backup was, as the audit log tells, and what to do about it.
std::string backup_line(store::ServerStore& store, UnixMs now);

}  // namespace moot::net
