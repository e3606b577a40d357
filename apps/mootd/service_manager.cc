#include "apps/mootd/service_manager.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/endpoint.h"
#include "net/local_socket.h"

namespace moot::mootd {
namespace {

constexpr int kFirstInherited = 3;
constexpr std::uint64_t kInheritedMax = 64;

std::optional<std::uint64_t> number(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  std::uint64_t n = 0;
  const std::string_view digits(text);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (ec != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

// Variables of systemd name the process they mean; none named: this one.
bool for_us(const char* variable) {
  return std::getenv(variable) == nullptr ||
         number(variable) == static_cast<std::uint64_t>(::getpid());
}

std::optional<std::string> address_of(int fd) {
  const auto at = net::listening_at(fd);
  if (!at) return std::nullopt;
  return at->tcp() ? net::text(net::endpoint_of(*at)) : net::path_of(*at);
}

}  // namespace

ServiceManager ServiceManager::of_environment() {
  ServiceManager m;
  if (const char* path = std::getenv("NOTIFY_SOCKET")) m.socket_ = path;
  if (const auto usec = number("WATCHDOG_USEC"); usec && for_us("WATCHDOG_PID")) {
    m.beat_every_ = Millis{static_cast<std::int64_t>(*usec / 2 / 1000)};
  }
  return m;
}

void ServiceManager::reloading(Tick now) const {
  // Ticks are those of CLOCK_MONOTONIC.
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.ms * 1000));
}

void ServiceManager::tell(const std::string& state) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_.empty() || (socket_[0] != '/' && socket_[0] != '@')) return;
  if (socket_.size() >= sizeof to.sun_path) return;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') to.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  if (::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
               size) < 0) {
    std::fprintf(stderr,
                 "mootd: the service manager did not take the notification; it may think that the "
                 "server hangs.\n");
  }
  ::close(fd);
}

Result<std::vector<InheritedSocket>> inherited_sockets() {
  std::vector<InheritedSocket> all;
  const auto count = number("LISTEN_FDS");
  const bool ours = std::getenv("LISTEN_PID") != nullptr && for_us("LISTEN_PID");
  const char* list = std::getenv("LISTEN_FDNAMES");
  std::string names = ours && list != nullptr ? list : "";
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(name);
  if (!count || !ours) return all;
  if (*count > kInheritedMax) return fail("LISTEN_FDS names more sockets than 64; pass fewer.");
  for (int fd = kFirstInherited; fd < kFirstInherited + static_cast<int>(*count); ++fd) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    auto address = address_of(fd);
    if (!address) {
      return fail("The service manager passed descriptor " + std::to_string(fd) +
                  ", which is no listening socket of TCP or at a path; let the socket unit have "
                  "ListenStream only.");
    }
    const std::size_t colon = std::min(names.find(':'), names.size());
    all.push_back({fd, std::move(*address), names.substr(0, colon)});
    names.erase(0, colon + 1);
  }
  return all;
}

}  // namespace moot::mootd
