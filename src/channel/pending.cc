#include "channel/pending.h"

#include "base/check.h"

namespace moot {

PendingSet::PendingSet(std::vector<PendingRow> rows) {
  for (PendingRow& row : rows) {
    PendingEntry& entry = add(std::move(row.record), row.own, Ticket{});
    entry.sent_before = true;
  }
}

PendingEntry* PendingSet::find(const RecordKey& key) {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

const PendingEntry* PendingSet::find(const RecordKey& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

bool PendingSet::contains_other(const RecordKey& key) const {
  for (auto it = entries_.lower_bound({key.id, {}}); it != entries_.end(); ++it) {
    if (it->first.id != key.id) return false;
    if (it->first != key) return true;
  }
  return false;
}

std::optional<MsgId> PendingSet::newest_id() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.rbegin()->first.id;
}

PendingEntry& PendingSet::add(StoredRecord record, bool own, Ticket ticket) {
  const RecordKey key = record.key();
  bytes_ += record.msg.size();
  const auto [it, added] = entries_.emplace(key, PendingEntry{std::move(record), own, ticket});
  MOOT_CHECK(added);
  return it->second;
}

void PendingSet::erase(const RecordKey& key) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  schedule(it->second, std::nullopt);
  bytes_ -= it->second.record.msg.size();
  entries_.erase(it);
}

void PendingSet::forget_tries(bool connection_lost) {
  dues_.clear();
  for (auto& [key, entry] : entries_) {
    entry.tried = false;
    entry.proposed = false;
    entry.tries = 0;
    entry.due.reset();
    if (connection_lost && entry.sent > entry.refused) entry.sent_before = true;
  }
}

void PendingSet::schedule(PendingEntry& entry, std::optional<Tick> due) {
  if (entry.due) dues_.erase({*entry.due, entry.record.key()});
  entry.due = due;
  if (due) dues_.emplace(*due, entry.record.key());
}

std::optional<Tick> PendingSet::next_due() const {
  if (dues_.empty()) return std::nullopt;
  return dues_.begin()->first;
}

std::vector<RecordKey> PendingSet::due(Tick now, std::size_t max) const {
  std::vector<RecordKey> keys;
  for (const auto& [at, key] : dues_) {
    if (at > now || keys.size() == max) break;
    keys.push_back(key);
  }
  return keys;
}

void PendingSet::check_invariants() const {
  std::size_t bytes = 0;
  std::size_t due = 0;
  for (const auto& [key, entry] : entries_) {
    MOOT_CHECK(key == entry.record.key());
    MOOT_CHECK(!entry.proposed || entry.tried);
    MOOT_CHECK(entry.refused <= entry.sent);
    MOOT_CHECK(!entry.due || dues_.contains({*entry.due, key}));
    bytes += entry.record.msg.size();
    due += entry.due ? 1 : 0;
  }
  MOOT_CHECK(bytes == bytes_);
  MOOT_CHECK(due == dues_.size());
}

}  // namespace moot
