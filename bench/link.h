#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace moot::bench {

// A connected socket, and how octets pass over it without waiting where that is not recv and send.
struct Link {
  int fd = -1;
  std::function<ssize_t(std::uint8_t*, std::size_t)> tls_read = {};
  std::function<ssize_t(const std::uint8_t*, std::size_t)> tls_write = {};

  ssize_t read(std::uint8_t* to, std::size_t n) const {
    return tls_read ? tls_read(to, n) : ::recv(fd, to, n, MSG_DONTWAIT);
  }
  ssize_t write(const std::uint8_t* from, std::size_t n) const {
    return tls_write ? tls_write(from, n) : ::send(fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
};

int connect_tcp(std::uint16_t port);

}  // namespace moot::bench
