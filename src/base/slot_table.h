#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/blocks.h"
#include "base/bytes.h"
#include "base/check.h"

namespace moot {

// Hashes for tables of this process; keyless, so a table that strangers fill needs a bound of its
// own.
constexpr std::uint64_t hash_step(std::uint64_t h, std::uint64_t word) {
  h = (h ^ word) * 0x9e3779b97f4a7c15;
  return h ^ h >> 32;
}
constexpr std::uint64_t hash_number(std::uint64_t n) { return hash_step(n >> 32, n); }
inline std::uint64_t hash_octets(Bytes octets, std::uint64_t seed = 0) {
  std::uint64_t h = seed ^ octets.size();
  std::size_t at = 0;
  for (; octets.size() - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, octets.data() + at, 8);
    h = hash_step(h, word);
  }
  if (at < octets.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, octets.data() + at, octets.size() - at);
    h = hash_step(h, word);
  }
  return hash_step(h, h >> 16);
}

// Finds entries of somebody else's array by their hashes: open addressing in one piece of memory,
// eight octets a cell, no allocation but to grow.
class HashIndex {
 public:
  static constexpr std::uint32_t kNone = ~0u;

  // What a cell keeps of a hash; its low bits say where. The upper half of a product knows every
  // bit of its factor, the lower half does not: ids that count up would all begin at one cell.
  static std::uint32_t fold(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  // The entry with this hash for which `same(entry)`; kNone: there is none.
  template <class Same>
  std::uint32_t find(std::uint64_t hash, Same same) const {
    if (used_ == 0) return kNone;
    const std::uint32_t h = fold(hash);
    for (std::size_t i = h & mask(); cells_[i].entry != kNone; i = (i + 1) & mask()) {
      if (cells_[i].hash == h && same(cells_[i].entry)) return cells_[i].entry;
    }
    return kNone;
  }

  // REQUIRES: no equal entry is there.
  void insert(std::uint64_t hash, std::uint32_t entry) {
    if ((used_ + 1) * 4 > cells_.size() * 3) grow();
    put({fold(hash), entry});
    ++used_;
  }

  // REQUIRES: the entry was inserted with this hash.
  void erase(std::uint64_t hash, std::uint32_t entry) {
    std::size_t hole = fold(hash) & mask();
    while (cells_[hole].entry != entry) {
      MOOT_CHECK(cells_[hole].entry != kNone);
      hole = (hole + 1) & mask();
    }
    --used_;
    // What was pushed past the hole moves back into it, so that no search ends too early.
    for (std::size_t i = (hole + 1) & mask(); cells_[i].entry != kNone; i = (i + 1) & mask()) {
      const std::size_t home = cells_[i].hash & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      cells_[hole] = cells_[i];
      hole = i;
    }
    cells_[hole] = {};
  }

  std::size_t size() const { return used_; }
  void clear() {
    cells_ = std::vector<Cell>();
    used_ = 0;
  }

 private:
  struct Cell {
    std::uint32_t hash = 0;
    std::uint32_t entry = kNone;
  };
  std::size_t mask() const { return cells_.size() - 1; }
  void put(Cell cell) {
    std::size_t i = cell.hash & mask();
    while (cells_[i].entry != kNone) i = (i + 1) & mask();
    cells_[i] = cell;
  }
  void grow() {
    std::vector<Cell> old(cells_.empty() ? 16 : 2 * cells_.size());
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.entry != kNone) put(cell);
    }
  }

  std::vector<Cell> cells_;  // a power of two of them, or none
  std::size_t used_ = 0;
};

// Values by key, each in a slot that is used again after it: a warm table allocates nothing, and
// a value may keep memory for its successor (`Value::recycle`, called when it is erased). Values do
// not move. A handle finds a value without its key, as long as it lives.
template <class Key, class Value, class Hash>
class SlotTable {
 public:
  struct Handle {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;  // even: of nothing
  };
  class Entry {
   public:
    Key key;
    Value value;
    Handle handle() const { return {slot_, generation_}; }
    std::uint32_t slot() const { return slot_; }

   private:
    friend SlotTable;
    std::uint32_t slot_ = 0;
    std::uint32_t generation_ = 0;  // odd: lives
  };

  Entry* find(const Key& key) { return entry(index_of(key)); }
  const Entry* find(const Key& key) const { return entry(index_of(key)); }
  bool contains(const Key& key) const { return index_of(key) != HashIndex::kNone; }
  // Null: it was erased.
  Entry* at(Handle h) {
    return h.slot < slots_.size() && h.generation % 2 == 1 &&
                   slots_[h.slot].generation_ == h.generation
               ? &slots_[h.slot]
               : nullptr;
  }

  // REQUIRES: an entry has this slot.
  Entry& in_slot(std::uint32_t slot) { return slots_[slot]; }
  const Entry& in_slot(std::uint32_t slot) const { return slots_[slot]; }

  // The entry of `key`, made if there is none.
  Entry& get(const Key& key) {
    if (Entry* e = find(key)) return *e;
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      MOOT_CHECK(slot != HashIndex::kNone);
      slots_.grow().slot_ = slot;
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Entry& e = slots_[slot];
    e.key = key;
    ++e.generation_;
    index_.insert(Hash{}(key), slot);
    return e;
  }

  void erase(Entry& e) {
    index_.erase(Hash{}(e.key), e.slot_);
    e.value.recycle(free_.size() < kWarm);
    ++e.generation_;
    free_.push_back(e.slot_);
  }

  std::size_t size() const { return index_.size(); }
  bool empty() const { return size() == 0; }
  // In the order of the slots, which means nothing.
  template <class Each>
  void for_each(Each each) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].generation_ % 2 == 1) each(slots_[i]);
    }
  }
  template <class Each>
  void for_each(Each each) const {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].generation_ % 2 == 1) each(slots_[i]);
    }
  }

 private:
  // So many free slots may keep their memory.
  static constexpr std::size_t kWarm = 4096;

  std::uint32_t index_of(const Key& key) const {
    return index_.find(Hash{}(key), [&](std::uint32_t slot) { return slots_[slot].key == key; });
  }
  Entry* entry(std::uint32_t slot) { return slot == HashIndex::kNone ? nullptr : &slots_[slot]; }
  const Entry* entry(std::uint32_t slot) const {
    return slot == HashIndex::kNone ? nullptr : &slots_[slot];
  }

  HashIndex index_;
  Blocks<Entry> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace moot
