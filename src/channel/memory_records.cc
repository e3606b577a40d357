#include "channel/memory_records.h"

namespace moot {

void MemoryRecords::apply(const rop::Any& op) {
  if (const auto* put = std::get_if<rop::PutPending>(&op)) {
    pending_.insert_or_assign(put->row.record.key(), put->row);
  } else if (const auto* drop = std::get_if<rop::DropPending>(&op)) {
    pending_.erase(drop->key);
  } else if (const auto* committed = std::get_if<rop::PutCommitted>(&op)) {
    committed_.insert_or_assign(committed->record.key(), committed->record);
  } else if (const auto* leaf = std::get_if<rop::PutLeaf>(&op)) {
    leaves_.insert_or_assign(leaf->leaf.lower, leaf->leaf);
  } else if (const auto* seen = std::get_if<rop::PutElectionSeen>(&op)) {
    election_seen_ = seen->election;
  }
}

ReplicaSnapshot MemoryRecords::load() const {
  ReplicaSnapshot found;
  for (const auto& [key, row] : pending_) found.pending.push_back(row);
  for (const auto& [lower, leaf] : leaves_) found.leaves.push_back(leaf);
  found.election_seen = election_seen_;
  return found;
}

void MemoryRecords::keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
                         std::vector<RecordKey>& out) const {
  for (auto it = committed_.lower_bound(from); it != committed_.end() && max > 0; ++it, --max) {
    if (to && !(it->first < *to)) return;
    out.push_back(it->first);
  }
}

std::optional<StoredRecord> MemoryRecords::record(const RecordKey& key) const {
  const auto it = committed_.find(key);
  if (it == committed_.end()) return std::nullopt;
  return it->second;
}

}  // namespace moot
