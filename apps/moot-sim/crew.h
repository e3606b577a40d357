#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/world.h"

namespace moot::sim {

// Runs in processes of their own, several at once. A core that aborts is a finding like others: the
// invariant "core", with what it printed.
class Crew {
 public:
  explicit Crew(std::size_t at_once) : at_once_(at_once) {}
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  bool full() const { return working_.size() >= at_once_; }
  bool idle() const { return working_.empty(); }
  // REQUIRES: !full(). The trace, if any, is printed by the process.
  void start(const Options& options, std::uint64_t tag);
  struct Ended {
    std::uint64_t tag = 0;
    Outcome outcome;
  };
  // The next that ends within `patience`.
  std::optional<Ended> next(std::chrono::milliseconds patience);

 private:
  struct Worker {
    pid_t pid = 0;
    int fd = -1;
    std::uint64_t tag = 0;
    std::string said;
  };
  std::size_t at_once_;
  std::vector<Worker> working_;
};

// One, waited for.
Outcome run_apart(const Options& options);

}  // namespace moot::sim
