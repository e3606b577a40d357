#include "apps/mootd/run.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "apps/mootd/commands.h"
#include "net/server.h"

namespace moot::mootd {
namespace {

void tell(const std::string& sentence) { std::fprintf(stderr, "mootd: %s\n", sentence.c_str()); }

// systemd's protocol, by hand: one datagram.
void notify(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::size_t n = std::strlen(path);
  if (n >= sizeof to.sun_path) return;
  std::memcpy(to.sun_path, path, n);
  if (path[0] == '@') to.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + n);
  if (::sendto(fd, state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
               size) < 0) {
    tell("the service manager did not take the notification; it may think the start failed.");
  }
  ::close(fd);
}

Status become(const std::string& user) {
  if (::geteuid() != 0) return {};
  if (user.empty()) {
    tell("running as uid 0; set `user` in the configuration to the user it should run as.");
    return {};
  }
  const passwd* p = ::getpwnam(user.c_str());
  if (p == nullptr) return fail("`user` names " + user + ", whom this system does not know.");
  if (::initgroups(user.c_str(), p->pw_gid) != 0 || ::setgid(p->pw_gid) != 0 ||
      ::setuid(p->pw_uid) != 0) {
    return fail("Cannot become " + user + " (" + std::strerror(errno) +
                "); start it as that user.");
  }
  return {};
}

void print_line(const std::string& line) {
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

void say_ready(const std::vector<std::string>& listening, bool no_accounts, int ready_fd) {
  for (const std::string& line : listening) print_line(line);
  print_line("ready");
  if (ready_fd >= 0) {
    static constexpr char kReady[] = "ready\n";
    if (::write(ready_fd, kReady, sizeof kReady - 1) < 0)
      tell("--ready-fd is not open for writing.");
    ::close(ready_fd);
  }
  notify("READY=1");
  if (no_accounts && ::isatty(STDERR_FILENO) == 1) {
    tell("nobody has an account yet: run `mootd invite`, then `moot join LINK`.");
  }
}

}  // namespace

int run_daemon(const Config& config, const ConfigSources& sources, int ready_fd) {
  net::log::setup(config.log_level, config.log_format);
  if (auto ok = become(config.user); !ok) {
    tell(ok.error().message);
    return kExitBadConfig;
  }
  net::ServerHooks hooks;
  hooks.ready = [ready_fd](const std::vector<std::string>& listening, bool no_accounts) {
    say_ready(listening, no_accounts, ready_fd);
  };
  hooks.stopping = [] { notify("STOPPING=1"); };
  hooks.reload = [&sources]() -> Result<net::ServerOptions> {
    auto next = read_config(sources);
    if (!next) return std::unexpected(next.error());
    net::log::set_level(next->log_level);
    return std::move(next->server);
  };
  if (auto ok = net::run_server(config.server, hooks); !ok) {
    tell(ok.error().message);
    return kExitFailed;
  }
  return kExitDone;
}

}  // namespace moot::mootd
