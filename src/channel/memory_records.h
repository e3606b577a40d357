#pragma once

#include <map>
#include <vector>

#include "model/replica_ops.h"

namespace moot {

// A replica's disk that is memory: for clients without one, tests and the simulator. What was
// applied is what a later start finds.
class MemoryRecords : public RecordReader {
 public:
  void apply(const rop::Any& op);
  void apply(std::span<const rop::Any> ops) {
    for (const rop::Any& op : ops) apply(op);
  }
  ReplicaSnapshot load() const;

  void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
            std::vector<RecordKey>& out) const override;
  std::optional<StoredRecord> record(const RecordKey& key) const override;

  const std::map<RecordKey, StoredRecord>& committed() const { return committed_; }
  const std::map<RecordKey, PendingRow>& pending() const { return pending_; }

 private:
  std::map<RecordKey, StoredRecord> committed_;
  std::map<RecordKey, PendingRow> pending_;
  std::map<RecordKey, LeafSummary> leaves_;
  std::uint64_t election_seen_ = 0;
};

}  // namespace moot
