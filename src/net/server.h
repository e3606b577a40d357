#pragma once

#include <functional>
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
  // SIGHUP: the configuration as it is now.
  std::function<Result<ServerOptions>()> reload;
};

// `mootd run` without the command line: listeners, threads, the hub, signals. Returns when the
// server has stopped: nothing, or why it could not go on.
Status run_server(const ServerOptions& options, const ServerHooks& hooks);

// The CPUs this process may use.
unsigned usable_cpus();

}  // namespace moot::net
