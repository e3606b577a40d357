#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/options.h"

namespace moot::net {

// What the program around the server does for it.
struct ServerHooks {
  // Every listener listens: their lines, then everything is ready.
  std::function<void(const std::vector<std::string>& listening, bool no_accounts)> ready =
      [](const auto&, bool) {};
  std::function<void()> stopping = [] {};
  // SIGHUP: the configuration as it is now, then whether it was taken.
  std::function<Result<ServerOptions>(Tick now)> reload;
  std::function<void(bool taken)> reloaded = [](bool) {};
  // Sockets that somebody opened already, by the place of their listener in the options.
  std::map<std::size_t, int> sockets;
  int http_socket = -1;
  // Called so often while every thread makes its turns; 0: never.
  std::function<void()> beat = [] {};
  Millis beat_every{0};
};

// `mootd run` without the command line: listeners, threads, the hub, signals. Returns when the
// server has stopped: nothing, or why it could not go on.
Status run_server(const ServerOptions& options, const ServerHooks& hooks);

// The CPUs this process may use.
unsigned usable_cpus();

}  // namespace moot::net
