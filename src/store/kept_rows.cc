#include "store/kept_rows.h"

#include <array>
#include <utility>

#include "store/sealed_rows.h"
#include "store/user_words.h"

namespace moot::store {
namespace {

// Greater than every msg id.
constexpr std::array<std::uint8_t, MsgId::kSize + 1> kBehindAllIds = [] {
  std::array<std::uint8_t, MsgId::kSize + 1> octets{};
  octets.fill(0xff);
  return octets;
}();

StoredRecord stored(KeptRecord&& r) {
  return {.id = r.id,
          .from = r.from,
          .msg = std::move(r.msg),
          .stamp = std::move(r.stamp),
          .acks = Acks::of(r.acks, r.acks_n),
          .cert = std::move(r.cert),
          .digest = r.digest};
}

}  // namespace

void KeptRows::put(const KeptRecord& r) {
  const std::string acks = join_users(r.acks);
  const ByteBuf body = vault_.seal_blob(kRecordPurpose, as_bytes(aad_of(r)), r.msg);
  // Its content never changes (replication.md D2); who acknowledged it may.
  db_.query(
         "INSERT INTO record VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(channel, id, digest) DO UPDATE "
         "SET acks=excluded.acks, acks_n=excluded.acks_n, stamp=excluded.stamp, "
         "cert=excluded.cert")
      .bind(r.channel, r.id, r.digest, r.from, acks, r.acks_n, r.stamp, r.cert, body)
      .run();
}

void KeptRows::keys(const ChannelId& channel, const RecordKey& from,
                    const std::optional<RecordKey>& to, std::size_t max,
                    std::vector<RecordKey>& out) {
  Query q = db_.query(
      "SELECT id, digest FROM record WHERE channel=? AND (id, digest)>=(?, ?) AND "
      "(id, digest)<(?, ?) ORDER BY id, digest LIMIT ?");
  q.bind(channel, from.id, from.digest, to ? to->id.bytes() : Bytes(kBehindAllIds),
         to ? to->digest.bytes() : Bytes(), static_cast<std::uint64_t>(max));
  while (q.next()) out.push_back({.id = q.id<MsgId>(0), .digest = q.id<Digest>(1)});
}

Result<std::optional<StoredRecord>> KeptRows::record(const ChannelId& channel,
                                                     const RecordKey& key) {
  Query q = db_.query(
      "SELECT from_user, acks, acks_n, stamp, cert, body FROM record WHERE channel=? AND id=? AND "
      "digest=?");
  q.bind(channel, key.id, key.digest);
  const bool there = q.next();
  if (!db_.ok()) return std::unexpected(db_.status().error());
  if (!there) return std::nullopt;
  KeptRecord r{.channel = channel,
               .id = key.id,
               .digest = key.digest,
               .from = q.user(0),
               .msg = {},
               .stamp = q.bytes(3),
               .acks = {},
               .acks_n = q.u64(2),
               .cert = q.bytes(4)};
  auto acks = split_users(q.text(1));
  auto body = vault_.unseal_blob(kRecordPurpose, as_bytes(aad_of(r)), q.blob(5));
  if (!acks || !body) {
    return fail("A kept record in " + db_.path() +
                " does not open in its place, so the store was edited: restore a backup.");
  }
  r.acks = std::move(*acks);
  r.msg = std::move(*body);
  return stored(std::move(r));
}

}  // namespace moot::store
