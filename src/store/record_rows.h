#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "model/replica_ops.h"
#include "store/db.h"

// How a channel's record lies in a row of the client's store.
namespace moot::store {

// The key in one column, so that one comparison orders it: msg id 16, digest 32.
using KeyOctets = std::array<std::uint8_t, 48>;
KeyOctets key_octets(const RecordKey& key);
std::optional<RecordKey> parse_key(Bytes octets);
// Greater than every key.
inline constexpr std::array<std::uint8_t, 49> kBehindAllKeys = [] {
  std::array<std::uint8_t, 49> octets{};
  octets.fill(0xff);
  return octets;
}();

// What tells a row that the disk changed: the first octets of a hash over all that a record holds.
using RowCheck = std::array<std::uint8_t, 8>;
RowCheck check_of(const StoredRecord& record);

// The columns that `read_record` takes, in its order.
#define MOOT_STORED_RECORD_COLUMNS "key, author, acks, acks_n, stamp, cert, msg, row_check"
inline constexpr int kStoredRecordColumns = 8;
// From the columns `first` and following. Nothing: the row is damaged.
std::optional<StoredRecord> read_record(Query& row, int first);

}  // namespace moot::store
