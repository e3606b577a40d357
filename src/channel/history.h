#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "channel/record.h"
#include "model/replica_ops.h"
#include "model/store_ops.h"

namespace moot {

// A place between records: before the first one whose key is not below it; nullopt: the end.
using Bound = std::optional<RecordKey>;

Bound from_id(const MsgId& id);   // before every record of the id
Bound after_id(const MsgId& id);  // behind every record of the id

// The committed set C of one replica, ordered by key. In memory it is an index only: about 100
// octets for up to 256 records; keys and messages are read when they are asked for.
//
// Invariants: leaves_ ascend, the first has the zero key as `lower`, every one holds 1..256
// records, the Fenwick tree sums them; a record never leaves (replication.md S4).
class HistoryIndex {
 public:
  static constexpr std::size_t kCachedLeaves = 16;

  // `reader` outlives the history. `leaves` as the store has them.
  HistoryIndex(const RecordReader& reader, const std::vector<LeafSummary>& leaves);

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  std::optional<RecordKey> newest() const;
  std::optional<MsgId> newest_id() const;
  bool contains(const RecordKey& key) const;
  bool contains_other(const RecordKey& key) const;  // the same id with another content
  std::optional<StoredRecord> record(const RecordKey& key) const;

  // The set of records below `bound`, and of those from `lower` on and below `upper`.
  Fingerprint below(const Bound& bound) const;
  Fingerprint between(const Bound& lower, const Bound& upper) const;
  // The n-th smallest key. REQUIRES: n < count().
  RecordKey nth(std::uint64_t n) const;
  std::uint64_t rank(const Bound& bound) const { return below(bound).count(); }
  // The greatest key below `bound`.
  std::optional<RecordKey> predecessor(const Bound& bound) const;
  // Appends at most `max` keys to `out`, ascending.
  void keys(const RecordKey& from, const Bound& to, std::size_t max,
            std::vector<RecordKey>& out) const;

  // False: it was there. The store shows the record once `ticket` is durable.
  bool insert(StoredRecord record, Ticket ticket);
  // More is known about a record (its acks). REQUIRES: contains(record.key()).
  void update(StoredRecord record, Ticket ticket);
  void durable(Ticket upto);
  // From when on a record is on disk; 0 when it is. REQUIRES: contains(key).
  Ticket ticket_of(const RecordKey& key) const;
  // The leaves that insertions changed since the last call: to be persisted with the records.
  std::vector<LeafSummary> take_changed_leaves();

  std::size_t leaves() const { return leaves_.size(); }
  void check_invariants() const;

 private:
  struct Leaf {
    RecordKey lower;
    Fingerprint set;
  };
  struct CachedLeaf {
    RecordKey lower;
    std::vector<RecordKey> keys;
    std::uint64_t used = 0;
  };
  struct Unflushed {
    StoredRecord record;
    Ticket ticket;
  };

  std::size_t leaf_of(const RecordKey& key) const;
  const std::vector<RecordKey>& leaf_keys(std::size_t leaf) const;
  Fingerprint prefix(std::size_t leaves) const;
  void add_at(std::size_t leaf, const Digest& digest);
  void append_node();
  void rebuild_tree();
  void split(std::size_t leaf);
  void cache(CachedLeaf leaf) const;

  const RecordReader& reader_;
  std::vector<Leaf> leaves_;
  std::vector<Fingerprint> tree_;  // Fenwick, 1-based: tree_[0] is not used
  std::uint64_t count_ = 0;
  std::set<RecordKey> changed_;               // the `lower` of leaves
  std::map<RecordKey, Unflushed> unflushed_;  // handed over, not known to be durable
  mutable std::vector<CachedLeaf> cache_;     // the least recently used one makes room
  mutable std::uint64_t uses_ = 0;
};

}  // namespace moot
