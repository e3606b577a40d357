#pragma once

#include <atomic>
#include <cstddef>

namespace moot::net {

// Half of what the shipped unit lets the process have (MemoryHigh).
constexpr std::size_t kSendQueuesBytes = 384 * 1024 * 1024;

// The memory of all send queues of a server together (security.md 5.3). Over it a thread ends the
// connections with its longest queues until the sum fits.
// Thread rule: any.
class QueueBudget {
 public:
  explicit QueueBudget(std::size_t max) : max_(max) {}
  void configure(std::size_t max) { max_.store(max, std::memory_order_relaxed); }
  void add(std::size_t octets) { used_.fetch_add(octets, std::memory_order_relaxed); }
  void take(std::size_t octets) { used_.fetch_sub(octets, std::memory_order_relaxed); }
  bool over() const {
    return used_.load(std::memory_order_relaxed) > max_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> max_;
};

}  // namespace moot::net
