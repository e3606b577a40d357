#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/result.h"
#include "net/source_limits.h"

namespace moot::net {

// "127.0.0.1:7667" or "[::1]:7667": an address in digits and a port.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;
};
Result<Endpoint> parse_endpoint(std::string_view text);
std::string text(const Endpoint& at);

// The same for the system, or room for what it tells.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  bool tcp() const { return storage.ss_family == AF_INET || storage.ss_family == AF_INET6; }
  sockaddr* any() { return reinterpret_cast<sockaddr*>(&storage); }
};
SocketAddress socket_address(const Endpoint& e);
// REQUIRES: it is one of TCP.
Endpoint endpoint_of(const SocketAddress& raw);
// Where a socket of somebody else takes connections; nothing of any other descriptor.
std::optional<SocketAddress> listening_at(int fd);

}  // namespace moot::net
