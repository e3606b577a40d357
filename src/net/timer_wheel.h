#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace moot::net {

// Deadlines of many connections: adding costs a list push, and nothing is ever removed. Whoever is
// told looks whether something is really due and adds again what is not, so a deadline that moves
// away costs nothing.
// Invariants: nothing is told before it is due; something due at t is told by the first `advance`
// with a time >= t + kGrain. Pure; one owner.
class TimerWheel {
 public:
  static constexpr Millis kGrain{16};

  explicit TimerWheel(Tick start) : done_(slot_time(start)) { heads_.fill(kNone); }

  void add(Tick at, std::uint64_t id);
  // Appends every id that is due to `due`.
  void advance(Tick now, std::vector<std::uint64_t>& due);
  // When to call `advance` next; never later than needed. Nothing waits: far away.
  Tick next() const;
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlots = 4096;  // a turn of the wheel: 65 s
  static constexpr std::uint32_t kNone = ~0u;
  struct Node {
    std::int64_t at = 0;  // in grains
    std::uint64_t id = 0;
    std::uint32_t next = kNone;
  };
  static std::int64_t slot_time(Tick t) { return t.ms / kGrain.count(); }
  void put(std::uint32_t node);

  std::int64_t done_;  // every grain up to and with this one has been told
  std::array<std::uint32_t, kSlots> heads_;
  std::array<std::uint64_t, kSlots / 64> used_{};  // which heads are not empty
  std::vector<Node> nodes_;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace moot::net
