#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace moot::net {

// What may wait in a mailbox before those who fill it read from no session until its owner has
// taken it. The turn under way is still handed over, so a mailbox holds at most this, one turn of
// each thread and what ends of connections and the disk add.
constexpr std::size_t kMailboxBytes = 16 * 1024 * 1024;

// Values from many threads to one, taken all at once.
template <class T>
class Mailbox {
 public:
  // `octets`: what the value holds in memory, about. True when it was empty: the owner must be
  // woken.
  bool put(T value, std::size_t octets = 0) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    octets_.store(octets_.load(std::memory_order_relaxed) + octets, std::memory_order_relaxed);
    return values_.size() == 1;
  }
  // `into` becomes what came, in order; its old content is dropped and its memory used again. True
  // when it was full: who waits for room must be woken.
  bool take(std::vector<T>& into) {
    into.clear();
    const std::lock_guard lock(mutex_);
    values_.swap(into);
    return octets_.exchange(0, std::memory_order_relaxed) > kMailboxBytes;
  }
  // Whoever saw it full and then waits to be woken misses nothing: a later `take` says that it was.
  bool full() const { return octets_.load(std::memory_order_relaxed) > kMailboxBytes; }

 private:
  std::mutex mutex_;
  std::vector<T> values_;
  std::atomic<std::size_t> octets_{0};
};

}  // namespace moot::net
