#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace moot::net {

void TimerWheel::add(Tick at, std::uint64_t id) {
  std::uint32_t n = free_;
  if (n == kNone) {
    n = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    free_ = nodes_[n].next;
  }
  // Rounded up, so that nothing is told early.
  nodes_[n] = {slot_time({at.ms + kGrain.count() - 1}), id, kNone};
  ++size_;
  put(n);
}

void TimerWheel::put(std::uint32_t n) {
  // What lies beyond a turn of the wheel waits in the farthest slot and is put again from there.
  const std::int64_t at = std::clamp(nodes_[n].at, done_ + 1, done_ + std::int64_t{kSlots} - 1);
  const auto slot = static_cast<std::size_t>(at) % kSlots;
  nodes_[n].next = heads_[slot];
  heads_[slot] = n;
  used_[slot / 64] |= 1ull << (slot % 64);
}

void TimerWheel::advance(Tick now, std::vector<std::uint64_t>& due) {
  const std::int64_t to = slot_time(now);
  // After a long pause every slot is looked at once, not once for every turn that was missed.
  std::int64_t from = std::max(done_ + 1, to - std::int64_t{kSlots} + 1);
  for (; from <= to; ++from) {
    const auto slot = static_cast<std::size_t>(from) % kSlots;
    done_ = from;
    if ((used_[slot / 64] >> (slot % 64) & 1) == 0) continue;
    used_[slot / 64] &= ~(1ull << (slot % 64));
    std::uint32_t n = heads_[slot];
    heads_[slot] = kNone;
    while (n != kNone) {
      const std::uint32_t next = nodes_[n].next;
      if (nodes_[n].at <= to) {
        due.push_back(nodes_[n].id);
        nodes_[n].next = free_;
        free_ = n;
        --size_;
      } else {
        put(n);
      }
      n = next;
    }
  }
  done_ = std::max(done_, to);
}

Tick TimerWheel::next() const {
  if (size_ == 0) return {std::numeric_limits<std::int64_t>::max() / 4};
  const auto begin = static_cast<std::size_t>(done_ + 1) % kSlots;
  for (std::size_t looked = 0; looked < kSlots;) {
    const std::size_t slot = (begin + looked) % kSlots;
    const std::uint64_t word = used_[slot / 64] >> (slot % 64);
    const std::size_t here = std::min(64 - slot % 64, kSlots - looked);
    if (word != 0 && static_cast<std::size_t>(std::countr_zero(word)) < here) {
      const auto ahead = static_cast<std::int64_t>(looked) + std::countr_zero(word);
      return {(done_ + 1 + ahead) * kGrain.count()};
    }
    looked += here;
  }
  return {(done_ + std::int64_t{kSlots}) * kGrain.count()};
}

}  // namespace moot::net
