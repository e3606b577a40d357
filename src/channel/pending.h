#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/limits.h"
#include "model/replica_ops.h"
#include "model/store_ops.h"

namespace moot {

// A record of P: acknowledged or composed here, and not known to be committed.
struct PendingEntry {
  StoredRecord record;
  bool own = false;
  Ticket ticket;  // on disk from here on

  // Of this connection and this leader:
  bool tried = false;     // seen in flight, or proposed here
  bool proposed = false;  // proposed here: that is its acknowledgement
  bool merged = false;    // relayed as committed elsewhere: its commit follows
  unsigned tries = 0;
  std::optional<Tick> due;  // of the next proposal

  // Of its transmissions since it was composed: a new id is allowed only while each was refused
  // (replication.md, hole 7).
  bool sent_before = false;  // in an earlier life or connection, fate unknown
  unsigned sent = 0;
  unsigned refused = 0;
  unsigned new_ids = 0;
  bool id_is_free() const { return !sent_before && sent == refused; }
};

// P and the outbox within it. Memory and disk are bounded: what does not fit is not stored and
// therefore not acknowledged, which is always safe.
// Invariant: an entry is due exactly when it stands in dues_.
class PendingSet {
 public:
  explicit PendingSet(std::vector<PendingRow> rows);

  std::size_t size() const { return entries_.size(); }
  bool full(std::size_t more_bytes) const {
    return entries_.size() >= limits::kPendingRecords ||
           bytes_ + more_bytes > limits::kPendingBytes;
  }
  PendingEntry* find(const RecordKey& key);
  const PendingEntry* find(const RecordKey& key) const;
  bool contains(const RecordKey& key) const { return find(key) != nullptr; }
  bool contains_other(const RecordKey& key) const;
  std::optional<MsgId> newest_id() const;
  // REQUIRES: not contains(record.key()).
  PendingEntry& add(StoredRecord record, bool own, Ticket ticket);
  void erase(const RecordKey& key);

  // A new connection, or a new leader: nothing was tried, nothing is due.
  void forget_tries(bool connection_lost);
  void schedule(PendingEntry& entry, std::optional<Tick> due);
  std::optional<Tick> next_due() const;
  std::vector<RecordKey> due(Tick now, std::size_t max) const;

  const std::map<RecordKey, PendingEntry>& all() const { return entries_; }
  void check_invariants() const;

 private:
  std::map<RecordKey, PendingEntry> entries_;
  std::set<std::pair<Tick, RecordKey>> dues_;
  std::size_t bytes_ = 0;
};

}  // namespace moot
