#include "channel/history.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/check.h"

namespace moot {

Bound from_id(const MsgId& id) { return RecordKey{id, {}}; }

Bound after_id(const MsgId& id) {
  const MsgId next = id.next();
  if (next == id) return std::nullopt;
  return RecordKey{next, {}};
}

HistoryIndex::HistoryIndex(const RecordReader& reader, const std::vector<LeafSummary>& leaves)
    : reader_(reader), tree_(1) {
  leaves_.reserve(leaves.size());
  for (const LeafSummary& leaf : leaves) {
    leaves_.push_back({leaf.lower, Fingerprint::of(leaf.sum, leaf.count)});
    count_ += leaf.count;
    append_node();
  }
}

std::optional<RecordKey> HistoryIndex::newest() const {
  if (count_ == 0) return std::nullopt;
  return leaf_keys(leaves_.size() - 1).back();
}

std::optional<MsgId> HistoryIndex::newest_id() const {
  const auto key = newest();
  if (!key) return std::nullopt;
  return key->id;
}

bool HistoryIndex::contains(const RecordKey& key) const {
  if (leaves_.empty()) return false;
  const auto& keys = leaf_keys(leaf_of(key));
  return std::binary_search(keys.begin(), keys.end(), key);
}

bool HistoryIndex::contains_other(const RecordKey& key) const {
  std::vector<RecordKey> same_id;
  keys(*from_id(key.id), after_id(key.id), 2, same_id);
  return std::any_of(same_id.begin(), same_id.end(), [&](const auto& k) { return k != key; });
}

std::optional<StoredRecord> HistoryIndex::record(const RecordKey& key) const {
  const auto it = unflushed_.find(key);
  if (it != unflushed_.end()) return it->second.record;
  return reader_.record(key);
}

Fingerprint HistoryIndex::below(const Bound& bound) const {
  if (!bound) return prefix(leaves_.size());
  if (leaves_.empty()) return {};
  const std::size_t leaf = leaf_of(*bound);
  Fingerprint set = prefix(leaf);
  if (leaves_[leaf].lower == *bound) return set;
  for (const RecordKey& key : leaf_keys(leaf)) {
    if (!(key < *bound)) break;
    set.add(key.digest);
  }
  return set;
}

Fingerprint HistoryIndex::between(const Bound& lower, const Bound& upper) const {
  if (!lower || (upper && !(*lower < *upper))) return {};
  Fingerprint set = below(upper);
  set.subtract(below(lower));
  return set;
}

RecordKey HistoryIndex::nth(std::uint64_t n) const {
  MOOT_CHECK(n < count_);
  // The greatest number of leaves whose records are at most n.
  std::size_t leaf = 0;
  for (std::size_t step = std::bit_floor(leaves_.size()); step > 0; step /= 2) {
    if (leaf + step > leaves_.size() || tree_[leaf + step].count() > n) continue;
    leaf += step;
    n -= tree_[leaf].count();
  }
  return leaf_keys(leaf)[static_cast<std::size_t>(n)];
}

std::optional<RecordKey> HistoryIndex::predecessor(const Bound& bound) const {
  const std::uint64_t n = rank(bound);
  if (n == 0) return std::nullopt;
  return nth(n - 1);
}

void HistoryIndex::keys(const RecordKey& from, const Bound& to, std::size_t max,
                        std::vector<RecordKey>& out) const {
  if (leaves_.empty()) return;
  for (std::size_t leaf = leaf_of(from); leaf < leaves_.size() && max > 0; ++leaf) {
    if (to && !(leaves_[leaf].lower < *to)) return;
    const auto& keys = leaf_keys(leaf);
    for (auto it = std::lower_bound(keys.begin(), keys.end(), from); it != keys.end(); ++it) {
      if (max == 0 || (to && !(*it < *to))) return;
      out.push_back(*it);
      --max;
    }
  }
}

bool HistoryIndex::insert(StoredRecord record, Ticket ticket) {
  const RecordKey key = record.key();
  if (leaves_.empty()) {
    leaves_.push_back({});
    append_node();
    cache({});
  }
  const std::size_t leaf = leaf_of(key);
  const bool last = leaf + 1 == leaves_.size();
  const auto& keys = leaf_keys(leaf);
  const auto at = std::lower_bound(keys.begin(), keys.end(), key);
  if (at != keys.end() && *at == key) return false;
  const bool at_end = at == keys.end();
  const auto offset = at - keys.begin();
  const bool full = keys.size() >= kLeafRecordsMax;

  unflushed_.insert_or_assign(key, Unflushed{std::move(record), ticket});
  ++count_;
  if (last && at_end && full) {
    // What arrives in order fills its leaves.
    leaves_.push_back({key, {}});
    leaves_.back().set.add(key.digest);
    changed_.insert(key);
    append_node();
    cache({key, {key}, 0});
    return true;
  }
  for (CachedLeaf& cached : cache_) {
    if (cached.lower == leaves_[leaf].lower) cached.keys.insert(cached.keys.begin() + offset, key);
  }
  add_at(leaf, key.digest);
  if (full) split(leaf);
  return true;
}

void HistoryIndex::update(StoredRecord record, Ticket ticket) {
  const RecordKey key = record.key();
  unflushed_.insert_or_assign(key, Unflushed{std::move(record), ticket});
}

void HistoryIndex::durable(Ticket upto) {
  std::erase_if(unflushed_, [&](const auto& entry) { return entry.second.ticket <= upto; });
}

Ticket HistoryIndex::ticket_of(const RecordKey& key) const {
  const auto it = unflushed_.find(key);
  return it == unflushed_.end() ? Ticket{} : it->second.ticket;
}

std::vector<LeafSummary> HistoryIndex::take_changed_leaves() {
  std::vector<LeafSummary> changed;
  for (const RecordKey& lower : changed_) {
    const Leaf& leaf = leaves_[leaf_of(lower)];
    changed.push_back({leaf.lower, leaf.set.sum(), leaf.set.count()});
  }
  changed_.clear();
  return changed;
}

std::size_t HistoryIndex::leaf_of(const RecordKey& key) const {
  const auto it = std::upper_bound(leaves_.begin(), leaves_.end(), key,
                                   [](const RecordKey& k, const Leaf& l) { return k < l.lower; });
  return static_cast<std::size_t>(it - leaves_.begin()) - 1;
}

const std::vector<RecordKey>& HistoryIndex::leaf_keys(std::size_t leaf) const {
  const RecordKey& lower = leaves_[leaf].lower;
  for (CachedLeaf& cached : cache_) {
    if (cached.lower == lower) {
      cached.used = ++uses_;
      return cached.keys;
    }
  }
  const Bound upper = leaf + 1 < leaves_.size() ? Bound(leaves_[leaf + 1].lower) : std::nullopt;
  CachedLeaf read{lower, {}, 0};
  std::vector<RecordKey> shown;
  std::vector<RecordKey> handed_over;
  reader_.keys(lower, upper, kLeafRecordsMax + 1, shown);
  for (auto it = unflushed_.lower_bound(lower); it != unflushed_.end(); ++it) {
    if (upper && !(it->first < *upper)) break;
    handed_over.push_back(it->first);
  }
  std::ranges::set_union(shown, handed_over, std::back_inserter(read.keys));
  Fingerprint set;
  for (const RecordKey& key : read.keys) set.add(key.digest);
  if (set != leaves_[leaf].set) reader_.damaged();
  cache(std::move(read));
  return leaf_keys(leaf);
}

void HistoryIndex::cache(CachedLeaf leaf) const {
  leaf.used = ++uses_;
  if (cache_.size() < kCachedLeaves) {
    cache_.push_back(std::move(leaf));
    return;
  }
  *std::min_element(cache_.begin(), cache_.end(),
                    [](const auto& a, const auto& b) { return a.used < b.used; }) = std::move(leaf);
}

Fingerprint HistoryIndex::prefix(std::size_t leaves) const {
  Fingerprint set;
  for (std::size_t i = leaves; i > 0; i &= i - 1) set.add(tree_[i]);
  return set;
}

void HistoryIndex::add_at(std::size_t leaf, const Digest& digest) {
  leaves_[leaf].set.add(digest);
  changed_.insert(leaves_[leaf].lower);
  for (std::size_t i = leaf + 1; i < tree_.size(); i += i & (~i + 1)) tree_[i].add(digest);
}

// The node of the leaf that was added last: its own records and those of the nodes it covers.
void HistoryIndex::append_node() {
  const std::size_t i = tree_.size();
  Fingerprint node = leaves_[i - 1].set;
  for (std::size_t below = 1; below < (i & (~i + 1)); below *= 2) node.add(tree_[i - below]);
  tree_.push_back(node);
}

void HistoryIndex::rebuild_tree() {
  tree_.resize(1);
  while (tree_.size() <= leaves_.size()) append_node();
}

void HistoryIndex::split(std::size_t leaf) {
  const std::vector<RecordKey>& keys = leaf_keys(leaf);
  const std::size_t half = keys.size() / 2;
  CachedLeaf right{keys[half], {keys.begin() + static_cast<std::ptrdiff_t>(half), keys.end()}, 0};
  Leaf moved{right.lower, {}};
  changed_.insert(moved.lower);
  for (const RecordKey& key : right.keys) moved.set.add(key.digest);
  leaves_[leaf].set.subtract(moved.set);
  for (CachedLeaf& cached : cache_) {
    if (cached.lower == leaves_[leaf].lower) cached.keys.resize(half);
  }
  leaves_.insert(leaves_.begin() + static_cast<std::ptrdiff_t>(leaf) + 1, moved);
  rebuild_tree();
  cache(std::move(right));
}

void HistoryIndex::check_invariants() const {
  MOOT_CHECK(tree_.size() == leaves_.size() + 1);
  MOOT_CHECK(cache_.size() <= kCachedLeaves);
  MOOT_CHECK(prefix(leaves_.size()).count() == count_);
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    MOOT_CHECK(i > 0 ? leaves_[i - 1].lower < leaves_[i].lower : leaves_[i].lower == RecordKey{});
    MOOT_CHECK(leaves_[i].set.count() >= 1 && leaves_[i].set.count() <= kLeafRecordsMax);
  }
  for (const CachedLeaf& cached : cache_) {
    const Leaf& leaf = leaves_[leaf_of(cached.lower)];
    MOOT_CHECK(leaf.lower == cached.lower);
    Fingerprint set;
    for (const RecordKey& key : cached.keys) set.add(key.digest);
    MOOT_CHECK(set == leaf.set);
  }
}

}  // namespace moot
