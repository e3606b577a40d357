#pragma once

#include "client/effects.h"
#include "moot/client.h"

namespace moot::net {

// The core's values as those of the public interface.
Client::Event tell(const client::Event& event, const UserId& self);
Client::Message tell(const PrivateMessage& m, const UserId& self);

}  // namespace moot::net
