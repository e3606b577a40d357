#pragma once

#include <string>
#include <string_view>

#include "net/admin.h"
#include "net/options.h"
#include "server/core.h"

// What operators are shown: for people, or with `json` one object a line.
namespace moot::net {

std::string list_users(const server::Core& core, bool json);
std::string list_keys(const server::Core& core, UnixMs now, std::string_view account, bool json);
std::string list_channels(const server::Core& core, bool json);
std::string show_channel(const ChannelReport& channel, bool json);
std::string show_status(const server::Core& core, const ServerOptions& options,
                        const PublicAddress& where, bool running, bool json);

}  // namespace moot::net
