#pragma once

#include "model/commands.h"
#include "model/kept_command.h"

namespace moot::sim {

// The command as it comes out at the other end of a real connection: encoded, framed, read,
// validated, decoded.
Kept<c::Any> through_wire(const c::Any& cmd);
Kept<s::Any> through_wire(const s::Any& cmd);

}  // namespace moot::sim
