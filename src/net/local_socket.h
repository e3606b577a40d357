#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/un.h>

#include "base/result.h"
#include "net/endpoint.h"

// Sockets with a name in the file system: who is at the other end is known (security.md 3.4).
namespace moot::net {

// An error when the path does not fit; `shorten` says which one to make shorter.
Result<sockaddr_un> local_address(const std::string& path, std::string_view shorten);

// The path of a socket in the file system, of an address as the kernel told it. One that fills its
// field has no end there.
std::optional<std::string> path_of(const SocketAddress& raw);

// Listens at the path with these permissions. A socket that nobody listens at any more is replaced;
// anything else there stays, and is an error.
Result<int> listen_local(const std::string& path, unsigned mode, int backlog);

// The user who connected, as the kernel saw it then.
std::optional<std::uint32_t> peer_uid(int fd);

// Whether a user namespace with this uid_map shows the users of a whole system. One that does not
// (PrivateUsers= of a unit) shows everybody as the same nobody.
bool shows_users(std::string_view uid_map);
// An error where this process runs in one that does not.
Status users_are_shown();

}  // namespace moot::net
