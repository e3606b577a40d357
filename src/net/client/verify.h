#pragma once

#include "base/result.h"
#include "model/ids.h"
#include "moot/client.h"
#include "net/client/runtime.h"

namespace moot::net {

// Reads every record of the channel that was here when it began, through a connection of its own:
// each has the digest of its content, and together they are what the replica's index says.
Result<Client::Verified> verify_channel(ClientRuntime& runtime, const ChannelId& channel,
                                        const Client::Progress& progress);

}  // namespace moot::net
