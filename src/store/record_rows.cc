#include "store/record_rows.h"

#include <algorithm>
#include <string>

#include "seal/vault.h"
#include "store/user_words.h"

namespace moot::store {
namespace {

// Lengths first, so that no octet moves from one field to the next.
void put_field(ByteBuf& to, Bytes field) {
  std::array<std::uint8_t, 4> size{};
  put_be32(size.data(), static_cast<std::uint32_t>(field.size()));
  append(to, size);
  append(to, field);
}

}  // namespace

KeyOctets key_octets(const RecordKey& key) {
  KeyOctets octets{};
  std::copy(key.id.octets.begin(), key.id.octets.end(), octets.begin());
  std::copy(key.digest.octets.begin(), key.digest.octets.end(), octets.begin() + MsgId::kSize);
  return octets;
}

std::optional<RecordKey> parse_key(Bytes octets) {
  if (octets.size() != std::tuple_size_v<KeyOctets>) return std::nullopt;
  return RecordKey{MsgId::of(octets), Digest::of(octets.subspan(MsgId::kSize))};
}

RowCheck check_of(const StoredRecord& record) {
  ByteBuf all;
  all.reserve(192 + record.msg.size() + record.cert.size());
  append(all, key_octets(record.key()));
  std::array<std::uint8_t, 8> acks_n{};
  put_be64(acks_n.data(), record.acks.n);
  append(all, acks_n);
  put_field(all, as_bytes(record.from.str()));
  put_field(all, as_bytes(join_users(record.acks.list)));
  put_field(all, record.stamp);
  put_field(all, record.cert);
  append(all, record.msg);
  const seal::Hash hash = seal::blake2b(all);
  RowCheck check{};
  std::copy_n(hash.begin(), check.size(), check.begin());
  return check;
}

std::optional<StoredRecord> read_record(Query& row, int first) {
  const auto key = parse_key(row.blob(first));
  const auto from = UserId::parse(row.text(first + 1));
  auto acks = split_users(row.text(first + 2));
  if (!key || !from || !acks || acks->size() > limits::kAcksListedMax) return std::nullopt;
  StoredRecord record{.id = key->id,
                      .from = *from,
                      .msg = row.bytes(first + 6),
                      .stamp = row.bytes(first + 4),
                      .acks = {.list = std::move(*acks), .n = row.u64(first + 3)},
                      .cert = row.bytes(first + 5),
                      .digest = key->digest};
  if (!equal(row.blob(first + 7), check_of(record))) return std::nullopt;
  return record;
}

}  // namespace moot::store
