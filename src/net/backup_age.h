#pragma once

#include "base/time.h"
#include "net/admin_wire.h"
#include "store/server_store.h"

namespace moot::net {

// For the doctor: when the last backup was, as the audit log tells, and what to do about it.
AdminReply::Key backup_finding(store::ServerStore& store, UnixMs now);

}  // namespace moot::net
