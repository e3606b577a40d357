#include "net/front_check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/endpoint.h"
#include "net/local_socket.h"
#include "net/process_groups.h"

namespace moot::net {
namespace {

// PROXY, version 2: LOCAL, of no family, and nothing behind it.
constexpr std::string_view kCheck("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
constexpr Millis kCheckWait{500};  // what is not taken is closed at once

// Where a process on this machine reaches what listens there, which is where it then comes from.
Address reached_at(const Address& a) {
  Address to = a;
  if (std::ranges::any_of(a.octets, [](auto o) { return o != 0; })) return to;
  to.octets[a.v6 ? 15 : 0] = a.v6 ? 1 : 127;
  if (!a.v6) to.octets[3] = 1;
  return to;
}

Result<int> connected(const ListenOptions& options) {
  SocketAddress to;
  if (options.at_path()) {
    const auto at = local_address(options.address, "path");
    if (!at) return std::unexpected(at.error());
    std::memcpy(&to.storage, &*at, sizeof *at);
    to.size = sizeof *at;
  } else {
    const auto at = parse_endpoint(options.address);
    if (!at) return std::unexpected(at.error());
    to = socket_address({reached_at(at->address), at->port});
  }
  const int fd = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && ::connect(fd, to.any(), to.size) == 0) return fd;
  const std::string why = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return fail("nobody answers there (" + why +
              "); restart mootd if its configuration was another one when it started");
}

using Groups = std::vector<gid_t>;

// `bit` as it stands for everybody.
bool lets(const struct stat& file, std::uint32_t uid, const Groups& groups, mode_t bit) {
  if (file.st_uid == uid) return (file.st_mode & bit << 6) != 0;
  if (std::ranges::find(groups, file.st_gid) != groups.end()) {
    return (file.st_mode & bit << 3) != 0;
  }
  return (file.st_mode & bit) != 0;
}

// What lets a front in where only a group would be: root's is nobody's to be put into.
std::string way_in(const struct stat& file, const std::string& user, mode_t bit) {
  const group* g = ::getgrgid(file.st_gid);
  if (g != nullptr && file.st_gid != 0 && (file.st_mode & bit << 3) != 0) {
    const std::string name = g->gr_name;
    return "write `group " + name +
           "` into the `global` section of HAProxy, which takes no group of /etc/group (another "
           "front may: `usermod -aG " +
           name + " " + user + "`), and restart the front";
  }
  return "run mootd as a user with a group of its own, the front in that group, and the socket in "
         "a directory that the group may enter, like /run/moot";
}

// Where on its way to a socket somebody of these groups is stopped, and what would let him in.
struct Stop {
  std::string at;
  std::string cure;
};
std::optional<Stop> stop_of(const std::string& path, const passwd& who, const Groups& groups) {
  for (std::size_t slash = 0;; ++slash) {
    slash = path.find('/', slash);
    const bool whole = slash == std::string::npos;
    const std::string at = whole ? path : path.substr(0, std::max<std::size_t>(slash, 1));
    struct stat file{};
    if (::stat(at.c_str(), &file) != 0) return {};  // not there yet, or not ours to see
    const mode_t bit = whole ? S_IWOTH : S_IXOTH;
    if (!lets(file, who.pw_uid, groups, bit)) return Stop{at, way_in(file, who.pw_name, bit)};
    if (whole) return {};
  }
}

}  // namespace

Status may_open(const std::string& path, std::uint32_t uid) {
  const passwd* found = ::getpwuid(uid);
  if (found == nullptr) {
    return fail("nobody has the uid " + std::to_string(uid) +
                " of proxy_uids; write the one that the front runs as");
  }
  if (uid == 0) return {};
  const passwd who = *found;
  const std::string user = "the front's user " + std::string(who.pw_name);
  const auto running = processes_of(uid);
  for (const ProcessGroups& p : running) {
    if (const auto stop = stop_of(path, who, p.groups)) {
      return fail("process " + std::to_string(p.pid) + " of " + user + " may not open " + stop->at +
                  "; " + stop->cure);
    }
  }
  if (!running.empty()) return {};
  if (const auto stop = stop_of(path, who, {who.pw_gid})) {
    return fail("no process of " + user +
                " is seen, and with its own group alone it may not open " + stop->at + "; " +
                stop->cure);
  }
  return {};
}

bool local_users_are_fronts(const ListenOptions& options) {
  Address one{.v6 = true};
  one.octets[15] = 1;
  return std::ranges::any_of(options.proxy_peers, [&one](const Network& n) {
    return n.address.loopback() || n.holds(one);
  });
}

bool is_own_front(const ListenOptions& options) {
  if (options.at_path()) return options.front_is(::geteuid());
  const auto at = parse_endpoint(options.address);
  return at && options.front_at(reached_at(at->address));
}

Status front_is_heard(const ListenOptions& options) {
  const auto fd = connected(options);
  if (!fd) return std::unexpected(fd.error());
  bool taken = ::send(*fd, kCheck.data(), kCheck.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(kCheck.size());
  pollfd closed{.fd = *fd, .events = POLLIN, .revents = 0};
  taken = taken && ::poll(&closed, 1, static_cast<int>(kCheckWait.count())) == 0;
  ::close(*fd);
  if (taken) return {};
  return fail("a good header was refused; restart mootd, which started with another configuration");
}

}  // namespace moot::net
