#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "model/commands.h"
#include "model/ids.h"
#include "model/limits.h"

// What a replica of one channel asks of its disk and finds there (replication.md 2.6): plain
// values that own their memory, between the channel core and a store that knows neither.
namespace moot {

// Where a record stands in history, for ever: a pure function of its content (replication.md D1).
struct RecordKey {
  MsgId id;
  Digest digest;
  friend constexpr auto operator<=>(const RecordKey&, const RecordKey&) = default;
};

// Who acknowledged. Not part of identity: two copies of a record unite theirs.
// Invariant: at most limits::kAcksListedMax listed, no one twice, n >= list.size().
struct Acks {
  std::vector<UserId> list;
  std::uint64_t n = 0;

  static Acks of(Users listed, std::uint64_t n) {
    Acks acks;
    acks.unite(listed, n);
    return acks;
  }
  bool lists(const UserId& user) const {
    return std::find(list.begin(), list.end(), user) != list.end();
  }
  // Adds who is missing, in the order given, as far as there is room. Says whether anything
  // changed.
  bool unite(Users listed, std::uint64_t other_n) {
    const std::size_t listed_before = list.size();
    const std::uint64_t n_before = n;
    std::uint64_t beyond = 0;
    for (const UserId& user : listed) {
      if (lists(user)) continue;
      if (list.size() < limits::kAcksListedMax) {
        list.push_back(user);
      } else {
        ++beyond;
      }
    }
    n = std::max({n, other_n, std::uint64_t{list.size()} + beyond});
    return list.size() != listed_before || n != n_before;
  }
  bool unite(const Acks& other) { return unite(other.list, other.n); }
  friend bool operator==(const Acks&, const Acks&) = default;
};

// A record that owns its memory. `digest` is that of the other fields and of the channel.
struct StoredRecord {
  MsgId id;
  UserId from;
  ByteBuf msg;
  ByteBuf stamp;  // empty: none known yet
  Acks acks;
  ByteBuf cert;
  Digest digest;

  RecordKey key() const { return {id, digest}; }
  friend bool operator==(const StoredRecord&, const StoredRecord&) = default;
};

// Committed records from `lower` up to the next leaf's `lower`: their number and the sum of their
// digests modulo 2^256, big endian. The leaf of the smallest records has the zero key.
struct LeafSummary {
  RecordKey lower;
  Digest sum;
  std::uint64_t count = 0;

  void add(const Digest& element);
  friend bool operator==(const LeafSummary&, const LeafSummary&) = default;
};

struct PendingRow {
  StoredRecord record;
  bool own = false;  // in the outbox: composed here
  friend bool operator==(const PendingRow&, const PendingRow&) = default;
};

// What a replica holds in memory from a start on: not its history.
struct ReplicaSnapshot {
  std::vector<PendingRow> pending;
  std::vector<LeafSummary> leaves;  // ascending
  std::uint64_t election_seen = 0;
};

namespace rop {
struct PutPending {  // a new row, or the same key with more in it
  PendingRow row;
  friend bool operator==(const PutPending&, const PutPending&) = default;
};
struct DropPending {
  RecordKey key;
  friend bool operator==(const DropPending&, const DropPending&) = default;
};
struct PutCommitted {  // the same: new, or more acks
  StoredRecord record;
  friend bool operator==(const PutCommitted&, const PutCommitted&) = default;
};
struct PutLeaf {
  LeafSummary leaf;
  friend bool operator==(const PutLeaf&, const PutLeaf&) = default;
};
struct PutElectionSeen {
  std::uint64_t election = 0;
  friend bool operator==(const PutElectionSeen&, const PutElectionSeen&) = default;
};
using Any = std::variant<PutPending, DropPending, PutCommitted, PutLeaf, PutElectionSeen>;
}  // namespace rop

// Reads of the committed records, at once and without side effects. It shows at least what the
// replica was told is durable; it may show more of what was handed over.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // Appends to `out`, ascending, at most `max` keys from `from` on and below `to` (nullopt: end).
  virtual void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
                    std::vector<RecordKey>& out) const = 0;
  virtual std::optional<StoredRecord> record(const RecordKey& key) const = 0;
  // Told by who reads: the keys are not those that the leaves sum up, so the disk has changed. What
  // keeps its records in memory takes it for a bug.
  [[noreturn]] virtual void damaged() const;
};

// A leaf holds at most so many records.
inline constexpr std::size_t kLeafRecordsMax = 256;
// The leaves of what a store holds, by reading every key: for a store whose index is not to be
// trusted (replication.md, hole 30).
std::vector<LeafSummary> build_leaves(const RecordReader& reader);
// A reader for each channel of a device, empty where nothing was ever put. Lives as long as this
// object.
class ReplicaRecords {
 public:
  virtual ~ReplicaRecords() = default;
  virtual const RecordReader& of(const ChannelId& channel) const = 0;
};

}  // namespace moot
