#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

#include "base/slot_table.h"

namespace moot::net {

// The seed is random and nobody's to know: strangers choose the keys.
struct SeededHash {
  std::uint64_t seed = 0;
  std::size_t operator()(std::uint64_t n) const { return hash_step(hash_step(seed, n), seed); }
  std::size_t operator()(const std::pair<std::uint64_t, std::uint64_t>& p) const {
    return hash_step((*this)(p.first), p.second);
  }
};

// Values by key, so many at most, in the order in which they were last asked for.
template <class Key, class Value>
class RecentTable {
 public:
  RecentTable(std::size_t max, std::uint64_t seed) : max_(max), places_(0, SeededHash{seed}) {}

  // The key's value, a new one where there was none; it is the most recent now. Of one too many the
  // least recent goes for which `may_go` holds, if a few steps find one, else the least recent.
  template <class MayGo>
  Value& touch(const Key& key, MayGo may_go) {
    const auto [it, added] = places_.try_emplace(key);
    if (!added) {
      order_.splice(order_.end(), order_, it->second);
      return it->second->second;
    }
    order_.emplace_back(key, Value{});
    it->second = std::prev(order_.end());
    Value& value = it->second->second;
    if (order_.size() > max_) forget_one(may_go);
    return value;
  }
  const Value* find(const Key& key) const {
    const auto it = places_.find(key);
    return it == places_.end() ? nullptr : &it->second->second;
  }
  std::size_t size() const { return order_.size(); }

 private:
  static constexpr int kSteps = 64;
  template <class MayGo>
  void forget_one(MayGo may_go) {
    auto victim = order_.begin();
    const auto added = std::prev(order_.end());  // it stays
    for (int n = 0; n < kSteps && victim != added && !may_go(victim->second); ++n) ++victim;
    if (victim == added || !may_go(victim->second)) victim = order_.begin();
    places_.erase(victim->first);
    order_.erase(victim);
  }

  const std::size_t max_;
  std::list<std::pair<Key, Value>> order_;  // least recent first
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator, SeededHash> places_;
};

}  // namespace moot::net
