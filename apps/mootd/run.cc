#include "apps/mootd/run.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "apps/mootd/adopted.h"
#include "apps/mootd/commands.h"
#include "apps/mootd/keys.h"
#include "apps/mootd/service_manager.h"
#include "net/server.h"

namespace moot::mootd {
namespace {

void tell(const std::string& sentence) { std::fprintf(stderr, "mootd: %s\n", sentence.c_str()); }

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
  if (no_accounts && ::isatty(STDERR_FILENO) == 1) {
    tell("nobody has an account yet: run `mootd invite`, then `moot join LINK`.");
  }
}

// What a reload changed, line by line, in the log: keys hold no secrets, only where they are.
void log_changes(const Config& before, const Config& after) {
  for (const Key& key : config_keys()) {
    const std::string from = key.show(before);
    const std::string to = key.show(after);
    if (from == to) continue;
    const bool later = key.path == "user" || key.path == "log.format";
    net::log::info(later ? "config.after_restart" : "config.changed",
                   {{"key", key.path}, {"from", from}, {"to", to}});
  }
}

}  // namespace

int run_daemon(const Config& config, const ConfigSources& sources, int ready_fd) {
  net::log::setup(config.log_level, config.log_format);
  if (auto ok = become(config.user); !ok) {
    tell(ok.error().message);
    return kExitBadConfig;
  }
  auto sockets = adopt_sockets(config);
  if (!sockets) {
    tell(sockets.error().message);
    return kExitBadConfig;
  }
  const ServiceManager manager = ServiceManager::of_environment();
  Config current = config;
  Config next;
  net::ServerHooks hooks;
  hooks.sockets = std::move(sockets->listeners);
  hooks.http_socket = sockets->http;
  hooks.ready = [ready_fd, &manager](const std::vector<std::string>& listening, bool no_accounts) {
    say_ready(listening, no_accounts, ready_fd);
    manager.ready();
  };
  hooks.stopping = [&manager] { manager.stopping(); };
  hooks.beat = [&manager] { manager.beat(); };
  hooks.beat_every = manager.beat_every();
  hooks.reload = [&](Tick now) -> Result<net::ServerOptions> {
    manager.reloading(now);
    auto read = read_config(sources);
    if (!read) return std::unexpected(read.error());
    next = std::move(*read);
    return next.server;
  };
  hooks.reloaded = [&](bool taken) {
    if (taken) {
      net::log::set_level(next.log_level);
      log_changes(current, next);
      current = next;
    }
    manager.ready();
  };
  if (auto ok = net::run_server(config.server, hooks); !ok) {
    tell(ok.error().message);
    return kExitFailed;
  }
  return kExitDone;
}

}  // namespace moot::mootd
