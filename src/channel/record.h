#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "model/commands.h"
#include "model/ids.h"
#include "model/replica_ops.h"
#include "model/store_ops.h"

// What a record of a channel's history is: identity, order, fingerprint, stamp
// (replication.md 2.1).
namespace moot {

Digest record_digest(const ChannelId& channel, const MsgId& id, const UserId& from, Bytes msg);

// Msg id and the first 8 octets of the digest: how a record is named in ranges and `want`.
Element element_of(const RecordKey& key);

// From the wire; computes the digest. What the views of the result of `record_view` show belongs
// to `record`.
StoredRecord stored_record(const ChannelId& channel, const Record& from);
Record record_view(const StoredRecord& record);
// Is `timestamp` the ULID's own time, `from` a person or the server, `msg` not empty?
bool plausible(const Record& record);
// Octets and nodes that it takes in a page, never too few (protocol.md 6.3).
struct PageCost {
  std::size_t bytes = 0;
  std::size_t nodes = 0;
};
PageCost page_cost(const StoredRecord& record);

// A set of records as the sum of its digests modulo 2^256 and their number: sets add and subtract.
class Fingerprint {
 public:
  void add(const Digest& element);
  void add(const Fingerprint& set);
  // REQUIRES: `set` is a subset.
  void subtract(const Fingerprint& set);
  std::uint64_t count() const { return count_; }
  Fp fp() const;

  // The sum, big endian: how a store keeps it.
  Digest sum() const;
  static Fingerprint of(const Digest& sum, std::uint64_t count);
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;

 private:
  std::array<std::uint64_t, 4> limbs_{};  // least significant first
  std::uint64_t count_ = 0;
};

// ---- stamps (replication.md D3) -----------------------------------------------------------
inline constexpr std::size_t kStampBytes = 20;
using Stamp = std::array<std::uint8_t, kStampBytes>;

Stamp make_stamp(const StampKey& key, const ChannelId& channel, const MsgId& id, const UserId& from,
                 Bytes msg);
// Did one of `keys` make the stamp for this? One of a key that is lost proves nothing (ADR 14).
bool stamp_valid(std::span<const StampKey> keys, Bytes stamp, const ChannelId& channel,
                 const MsgId& id, const UserId& from, Bytes msg);

// ---- numbers ------------------------------------------------------------------------------
constexpr std::size_t majority(std::size_t users) { return users / 2 + 1; }
// Acknowledgements that commit a message relayed to so many users (replication.md D4).
constexpr std::size_t quorum(std::size_t users) {
  return majority(users) < 2 ? 2 : majority(users);
}
// The coordinator's n-th election of an epoch; greater epochs make greater numbers whatever n was.
constexpr unsigned kElectionBits = 20;
constexpr std::uint64_t election_number(std::uint64_t epoch, std::uint32_t n) {
  return epoch << kElectionBits | n;
}
constexpr std::uint64_t election_epoch(std::uint64_t election) { return election >> kElectionBits; }

}  // namespace moot
