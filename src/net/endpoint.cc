#include "net/endpoint.h"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace moot::net {

SocketAddress socket_address(const Endpoint& e) {
  SocketAddress raw;
  if (e.address.v6) {
    sockaddr_in6 a{};
    a.sin6_family = AF_INET6;
    a.sin6_port = htons(e.port);
    std::memcpy(&a.sin6_addr, e.address.octets.data(), 16);
    std::memcpy(&raw.storage, &a, sizeof a);
    raw.size = sizeof a;
  } else {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(e.port);
    std::memcpy(&a.sin_addr, e.address.octets.data(), 4);
    std::memcpy(&raw.storage, &a, sizeof a);
    raw.size = sizeof a;
  }
  return raw;
}

Endpoint endpoint_of(const SocketAddress& raw) {
  Endpoint e;
  if (raw.storage.ss_family == AF_INET6) {
    sockaddr_in6 a{};
    std::memcpy(&a, &raw.storage, sizeof a);
    e.address.v6 = true;
    std::memcpy(e.address.octets.data(), &a.sin6_addr, 16);
    e.port = ntohs(a.sin6_port);
  } else {
    sockaddr_in a{};
    std::memcpy(&a, &raw.storage, sizeof a);
    std::memcpy(e.address.octets.data(), &a.sin_addr, 4);
    e.port = ntohs(a.sin_port);
  }
  return e;
}

std::optional<SocketAddress> listening_at(int fd) {
  const auto is = [fd](int option, int value) {
    int got = 0;
    socklen_t size = sizeof got;
    return ::getsockopt(fd, SOL_SOCKET, option, &got, &size) == 0 && got == value;
  };
  SocketAddress at;
  if (!is(SO_TYPE, SOCK_STREAM) || !is(SO_ACCEPTCONN, 1)) return std::nullopt;
  if (::getsockname(fd, at.any(), &at.size) != 0) return std::nullopt;
  return at;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint e;
  const std::size_t colon = text.rfind(':');
  const auto bad = [&text] {
    return fail("'" + std::string(text) +
                "' is no address to listen on; write one like 127.0.0.1:7667 or [::1]:7667.");
  };
  if (colon == std::string_view::npos) return bad();
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), e.port);
  if (ec != std::errc{} || end != digits.data() + digits.size() || digits.empty()) return bad();
  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    e.address.v6 = true;
    host = host.substr(1, host.size() - 2);
  }
  if (inet_pton(e.address.v6 ? AF_INET6 : AF_INET, host.c_str(), e.address.octets.data()) != 1) {
    return bad();
  }
  return e;
}

std::string text(const Endpoint& at) {
  const std::string host = text(at.address);
  return (at.address.v6 ? "[" + host + "]" : host) + ":" + std::to_string(at.port);
}

}  // namespace moot::net
