#include "net/local_socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace moot::net {
namespace {

// What a system without namespaces of its own, or a container, has at least.
constexpr std::uint64_t kUidsOfASystem = 65'536;

const sockaddr* any(const sockaddr_un& a) { return reinterpret_cast<const sockaddr*>(&a); }

// Makes room for a new socket where an old one lies about.
Status clear(const std::string& path, const sockaddr_un& at) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) return {};
  if (!S_ISSOCK(there.st_mode)) {
    return fail(path + " exists and is no socket; remove it or choose another path.");
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail("No socket can be made; try again.");
  const bool dead = ::connect(fd, any(at), sizeof at) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  if (!dead) {
    return fail("Another program listens at " + path + "; stop it, or choose another path.");
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<sockaddr_un> local_address(const std::string& path, std::string_view shorten) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.size() >= sizeof a.sun_path) {
    return fail("The path " + path + " is too long for a socket; use a shorter " +
                std::string(shorten) + ".");
  }
  std::memcpy(a.sun_path, path.c_str(), path.size() + 1);
  return a;
}

std::optional<std::string> path_of(const SocketAddress& raw) {
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  const std::size_t size = std::min<std::size_t>(raw.size, sizeof raw.storage);
  if (raw.storage.ss_family != AF_UNIX || size <= kBefore) return std::nullopt;
  const char* path = reinterpret_cast<const char*>(&raw.storage) + kBefore;
  if (*path != '/') return std::nullopt;
  return std::string(path, ::strnlen(path, size - kBefore));
}

Result<int> listen_local(const std::string& path, unsigned mode, int backlog) {
  const auto at = local_address(path, "path");
  if (!at) return std::unexpected(at.error());
  if (auto ok = clear(path, *at); !ok) return std::unexpected(ok.error());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail("No socket can be made; try again.");
  const mode_t mask = ::umask(0777 & ~mode);
  const int bound = ::bind(fd, any(*at), sizeof *at);
  ::umask(mask);
  if (bound != 0 || ::listen(fd, backlog) != 0) {
    const int why = errno;
    ::close(fd);
    return fail("No socket can be made at " + path + " (" + std::strerror(why) +
                "); make its directory, writable for this user.");
  }
  return fd;
}

std::optional<std::uint32_t> peer_uid(int fd) {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return std::nullopt;
  return who.uid;
}

bool shows_users(std::string_view uid_map) {
  std::istringstream lines{std::string(uid_map)};
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  std::uint64_t shown = 0;
  while (lines >> inside >> outside >> count) shown += count;
  return shown >= kUidsOfASystem;
}

Status users_are_shown() {
  std::ifstream in("/proc/self/uid_map");
  const std::string map{std::istreambuf_iterator<char>(in), {}};
  if (!in || shows_users(map)) return {};  // no /proc: no namespace to be seen either
  return fail(
      "This process is in a user namespace that hides who connects to a unix socket; remove "
      "PrivateUsers= from its unit, or this listener.");
}

}  // namespace moot::net
