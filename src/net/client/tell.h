#pragma once

#include "client/effects.h"
#include "moot/client.h"

namespace moot::net {

// The core's values as those of the public interface.
Client::Event tell(const client::Event& event, const UserId& self);
Client::Message tell(const PrivateMessage& m, const UserId& self);
Client::Channel tell(const client::ChannelState& state);
Client::Post tell(const client::ev::Post& post, const UserId& self);
// A committed one as the store has it.
Client::Post tell(const CommittedMessage& m, std::string_view channel, const UserId& self);

}  // namespace moot::net
