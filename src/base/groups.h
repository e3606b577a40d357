#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/slot_table.h"

namespace moot {

// The keys of a group, with its oldest entry; null: that is the only one.
template <class Key>
using Together = std::unique_ptr<std::vector<Key>>;

// The entries of a SlotTable by something that several may share: `kShared` is the member of its
// values that holds it, `kTogether` one of type Together that is ours. Mostly nobody shares, and
// then this costs a cell of an index.
template <class Table, class Hash, auto kShared, auto kTogether>
class Groups {
 public:
  using Entry = typename Table::Entry;
  using Key = decltype(Entry::key);

  // The keys of those that share it, oldest first. Valid until the next change.
  template <class Shared>
  std::span<const Key> of(const Table& table, const Shared& shared) const {
    const std::uint32_t slot = head(table, shared);
    if (slot == HashIndex::kNone) return {};
    const Entry& e = table.in_slot(slot);
    if (e.value.*kTogether) return *(e.value.*kTogether);
    return {&e.key, 1};
  }
  bool is_first(const Table& table, const Entry& e) const {
    return head(table, e.value.*kShared) == e.slot();
  }
  std::size_t size() const { return heads_.size(); }

  // REQUIRES: what it shares is set, and changes no more until it is removed.
  void add(Table& table, Entry& e) {
    const std::uint32_t slot = head(table, e.value.*kShared);
    if (slot == HashIndex::kNone) {
      heads_.insert(Hash{}(e.value.*kShared), e.slot());
      return;
    }
    Entry& first = table.in_slot(slot);
    auto& together = first.value.*kTogether;
    if (!together) together = std::make_unique<std::vector<Key>>(1, first.key);
    together->push_back(e.key);
  }

  // Before it is erased from the table.
  void remove(Table& table, Entry& e) {
    const std::uint32_t slot = head(table, e.value.*kShared);
    MOOT_CHECK(slot != HashIndex::kNone);
    const std::uint64_t hash = Hash{}(e.value.*kShared);
    auto together = std::move(table.in_slot(slot).value.*kTogether);
    if (!together) {
      MOOT_CHECK(slot == e.slot());
      heads_.erase(hash, slot);
      return;
    }
    MOOT_CHECK(std::erase(*together, e.key) == 1);
    Entry& first = *table.find(together->front());
    if (first.slot() != slot) {
      heads_.erase(hash, slot);
      heads_.insert(hash, first.slot());
    }
    if (together->size() > 1) first.value.*kTogether = std::move(together);
  }

 private:
  template <class Shared>
  std::uint32_t head(const Table& table, const Shared& shared) const {
    return heads_.find(Hash{}(shared), [&](std::uint32_t slot) {
      return table.in_slot(slot).value.*kShared == shared;
    });
  }

  HashIndex heads_;  // the oldest of each group
};

}  // namespace moot
