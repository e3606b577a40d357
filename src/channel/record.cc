#include "channel/record.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "crypto/hmac.h"
#include "crypto/sha3.h"

namespace moot {
namespace {
constexpr std::string_view kDigestLabel = "ch-rec";
constexpr std::string_view kStampLabel = "ch-stamp";
constexpr std::size_t kKeyIdBytes = 4;

// msgpack around the fields of one record: map and array headers, keys, lengths, the integers.
constexpr std::size_t kRecordOverheadBytes = 96;
constexpr std::size_t kAckOverheadBytes = 2;
constexpr std::size_t kRecordNodes = 1 + 2 * 8;
}  // namespace

Digest record_digest(const ChannelId& channel, const MsgId& id, const UserId& from, Bytes msg) {
  const Digest256 content = sha3_256(msg);
  Sha3_256 hash;
  hash.update(as_bytes(kDigestLabel));
  hash.update(channel.bytes());
  hash.update(id.bytes());
  hash.update(as_bytes(from.str()));
  hash.update(content);
  return Digest{hash.finish()};
}

Element element_of(const RecordKey& key) {
  Element e;
  std::copy_n(key.id.octets.begin(), 16, e.octets.begin());
  std::copy_n(key.digest.octets.begin(), 8, e.octets.begin() + 16);
  return e;
}

StoredRecord stored_record(const ChannelId& channel, const Record& from) {
  StoredRecord r;
  r.id = from.id;
  r.from = from.from;
  r.msg.assign(from.msg.begin(), from.msg.end());
  if (from.stamp) r.stamp.assign(from.stamp->begin(), from.stamp->end());
  r.acks = Acks::of(from.acks, from.acks_n);
  if (from.cert) r.cert.assign(from.cert->begin(), from.cert->end());
  r.digest = record_digest(channel, from.id, from.from, from.msg);
  return r;
}

Record record_view(const StoredRecord& record) {
  Record r;
  r.id = record.id;
  r.from = record.from;
  r.msg = record.msg;
  r.timestamp = record.id.time().ms;
  r.acks = record.acks.list;
  if (!record.stamp.empty()) r.stamp = Bytes(record.stamp);
  r.acks_n = record.acks.n;
  if (!record.cert.empty()) r.cert = Bytes(record.cert);
  return r;
}

bool plausible(const Record& record) {
  return record.timestamp == record.id.time().ms && !record.from.empty() && !record.msg.empty();
}

PageCost page_cost(const StoredRecord& record) {
  PageCost cost{kRecordOverheadBytes, kRecordNodes + record.acks.list.size()};
  cost.bytes += record.id.octets.size() + record.from.str().size() + record.msg.size() +
                record.stamp.size() + record.cert.size();
  for (const UserId& user : record.acks.list) cost.bytes += kAckOverheadBytes + user.str().size();
  return cost;
}

void Fingerprint::add(const Digest& element) { add(of(element, 1)); }

void Fingerprint::add(const Fingerprint& set) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    const std::uint64_t with_carry = set.limbs_[i] + carry;
    const std::uint64_t overflow = with_carry < carry ? 1 : 0;
    limbs_[i] += with_carry;
    carry = overflow + (limbs_[i] < with_carry ? 1 : 0);
  }
  count_ += set.count_;
}

void Fingerprint::subtract(const Fingerprint& set) {
  MOOT_CHECK(set.count_ <= count_);
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    const std::uint64_t with_borrow = set.limbs_[i] + borrow;
    const std::uint64_t overflow = with_borrow < borrow ? 1 : 0;
    const std::uint64_t before = limbs_[i];
    limbs_[i] -= with_borrow;
    borrow = overflow + (before < with_borrow ? 1 : 0);
  }
  count_ -= set.count_;
}

Digest Fingerprint::sum() const {
  Digest sum;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    put_be64(sum.octets.data() + 8 * i, limbs_[limbs_.size() - 1 - i]);
  }
  return sum;
}

Fingerprint Fingerprint::of(const Digest& sum, std::uint64_t count) {
  Fingerprint f;
  for (std::size_t i = 0; i < f.limbs_.size(); ++i) {
    f.limbs_[f.limbs_.size() - 1 - i] = get_be64(sum.octets.data() + 8 * i);
  }
  f.count_ = count;
  return f;
}

Fp Fingerprint::fp() const {
  std::array<std::uint8_t, 8> count;
  put_be64(count.data(), count_);
  Sha3_256 hash;
  hash.update(sum().bytes());
  hash.update(count);
  return Fp::of(hash.finish());
}

Stamp make_stamp(const StampKey& key, const ChannelId& channel, const MsgId& id, const UserId& from,
                 Bytes msg) {
  const Digest256 content = sha3_256(msg);
  const Digest256 mac = hmac_sha3_256(key.key.octets, {as_bytes(kStampLabel), channel.bytes(),
                                                       id.bytes(), as_bytes(from.str()), content});
  Stamp stamp;
  put_be32(stamp.data(), key.id);
  std::copy_n(mac.begin(), kStampBytes - kKeyIdBytes, stamp.begin() + kKeyIdBytes);
  return stamp;
}

bool stamp_valid(std::span<const StampKey> keys, Bytes stamp, const ChannelId& channel,
                 const MsgId& id, const UserId& from, Bytes msg) {
  if (stamp.size() != kStampBytes) return false;
  const std::uint32_t key_id = get_be32(stamp.data());
  for (const StampKey& key : keys) {
    if (key.id != key_id) continue;
    Stamp given;
    std::copy_n(stamp.begin(), kStampBytes, given.begin());
    return equal_ct(given, make_stamp(key, channel, id, from, msg));
  }
  return false;
}

}  // namespace moot
