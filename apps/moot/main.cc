#include <fmt/format.h>

#include <csignal>
#include <exception>

#include "apps/moot/commands.h"

#ifndef MOOT_VERSION
#define MOOT_VERSION "0"
#endif

int main(int argc, char** argv) {
  // A pipe that nobody reads any more is an error of write, not a death.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return moot::app::run_moot(argc, argv, MOOT_VERSION);
  } catch (const std::exception& e) {
    fmt::print(stderr, "moot: {}\n", e.what());
    return moot::app::kFailed;
  }
}
