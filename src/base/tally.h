#pragma once

#include <atomic>
#include <cstdint>

namespace moot {

// A number that one thread changes and others may read: counting is an ordinary addition, without
// a locked instruction. Thread rule: `add` and `take` by the owner, `get` by anybody.
class Tally {
 public:
  void add(std::uint64_t n = 1) {
    n_.store(n_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void take(std::uint64_t n) { add(~n + 1); }
  std::uint64_t get() const { return n_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> n_{0};
};

}  // namespace moot
