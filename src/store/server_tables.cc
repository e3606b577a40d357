#include "store/server_tables.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "store/sealed_rows.h"
#include "store/user_words.h"

namespace moot::store {
namespace {

constexpr char kClockMark[] = "clock_mark";
constexpr std::size_t kIndexChunk = 4'096;

bool all_zero(Bytes bytes) {
  for (const std::uint8_t b : bytes) {
    if (b != 0) return false;
  }
  return true;
}

}  // namespace

void ServerTables::open() {
  {
    Query q = db_.query("SELECT max(seq) FROM offline");
    if (q.next()) next_offline_ = q.u64(0) + 1;
  }
  audit_.open();
}

void ServerTables::apply(const op::Any& op) {
  std::visit([this](const auto& o) { on(o); }, op);
}

void ServerTables::on(const op::PutAccount& o) {
  const Account& a = o.account;
  db_.query("INSERT OR REPLACE INTO account VALUES(?,?,?,?,?,?,?)")
      .bind(a.id, a.name, a.state, a.away, a.created, a.removed, a.keys)
      .run();
}

void ServerTables::on(const op::RemoveAccount& o) {
  db_.query("UPDATE account SET state=?, removed=?, away=0, keys=x'' WHERE id=?")
      .bind(AccountState::removed, o.at, o.id)
      .run();
  db_.query(
         "UPDATE credential SET state=?1, revoked_at=?2, revoked_by=?3 "
         "WHERE account=?4 AND state<>?1")
      .bind(CredentialState::revoked, o.at, o.by, o.id)
      .run();
  db_.query("DELETE FROM enrolment WHERE account=?").bind(o.id).run();
  db_.query("DELETE FROM offline WHERE kid IN (SELECT kid FROM credential WHERE account=?)")
      .bind(o.id)
      .run();
  db_.query("DELETE FROM notice WHERE author=?").bind(o.id).run();
  db_.query("DELETE FROM member WHERE user=?").bind(o.id).run();
  db_.query("DELETE FROM invited WHERE user=?").bind(o.id).run();
}

seal::SealedKey ServerTables::under_current(const Credential& c) {
  if (c.sealed.empty() || c.mk_id == vault_.current_master()) return {c.sealed, c.mk_id};
  // A core may hold what it read before a rotation; the row must not need the old master key again.
  KeyBytes key;
  if (!vault_.unseal(c.sealed, c.mk_id, site_of(c), key.octets)) {
    db_.fail_row("a key that none of the master keys opens");
    return {};
  }
  seal::SealedKey sealed = vault_.seal(key.octets, site_of(c));
  seal::wipe(key.octets);
  return sealed;
}

void ServerTables::on(const op::PutCredential& o) {
  const Credential& c = o.credential;
  const seal::SealedKey sealed = under_current(c);
  // Not INSERT OR REPLACE: that would silently delete another credential with an equal key.
  std::optional<Bytes> dup;
  if (!all_zero(c.dup.bytes())) dup = c.dup.bytes();
  db_.query(
         "INSERT INTO credential(kid, account, kind, subject, mk_id, state, label, created, "
         "not_after, chal_pinned, cb_pinned, last_used_day, created_by, revoked_at, revoked_by, "
         "dup, uses_left, channel, sealed) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
         "ON CONFLICT(kid) DO UPDATE SET account=excluded.account, kind=excluded.kind, "
         "subject=excluded.subject, mk_id=excluded.mk_id, state=excluded.state, "
         "label=excluded.label, created=excluded.created, not_after=excluded.not_after, "
         "chal_pinned=excluded.chal_pinned, cb_pinned=excluded.cb_pinned, "
         "last_used_day=excluded.last_used_day, created_by=excluded.created_by, "
         "revoked_at=excluded.revoked_at, revoked_by=excluded.revoked_by, dup=excluded.dup, "
         "uses_left=excluded.uses_left, channel=excluded.channel, sealed=excluded.sealed")
      .bind(c.kid, c.account, c.kind, c.subject, sealed.mk_id, c.state, c.label, c.created,
            c.not_after, c.chal_pinned, c.cb_pinned, c.last_used_day, c.created_by, c.revoked_at,
            c.revoked_by, dup, c.uses_left, c.channel, sealed.octets)
      .run();
}

void ServerTables::on(const op::UseCredential& o) {
  db_.query("UPDATE credential SET last_used_day=?, chal_pinned=?, cb_pinned=? WHERE kid=?")
      .bind(o.day, o.chal_pinned, o.cb_pinned, o.kid)
      .run();
}

void ServerTables::on(const op::PutEnrolment& o) {
  const Enrolment& e = o.enrolment;
  db_.query("INSERT OR REPLACE INTO enrolment VALUES(?,?,?)")
      .bind(e.kid, e.invite, e.account)
      .run();
}

void ServerTables::on(const op::DropEnrolment& o) {
  db_.query("DELETE FROM enrolment WHERE kid=?").bind(o.kid).run();
}

void ServerTables::on(const op::PutOffline& o) {
  const OfflineCopy& c = o.copy;
  const ByteBuf body = vault_.seal_blob(kOfflinePurpose, as_bytes(aad_of(c)), c.msg);
  // Storing a copy again changes nothing: its place in the queue is the first one.
  db_.query(
         "INSERT INTO offline VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(kid, author, msg_id) DO "
         "NOTHING")
      .bind(next_offline_, c.kid, c.recipient, c.author, c.msg_id, c.own, c.stored,
            static_cast<std::uint64_t>(c.msg.size()), c.content, body)
      .run();
  ++next_offline_;
}

void ServerTables::on(const op::DropOffline& o) {
  db_.query("DELETE FROM offline WHERE kid=? AND author=? AND msg_id=?")
      .bind(o.kid, o.author, o.msg_id)
      .run();
}

void ServerTables::on(const op::PutNotice& o) {
  const KeptNotice& n = o.notice;
  db_.query("INSERT OR REPLACE INTO notice VALUES(?,?,?,?,?)")
      .bind(n.author, n.seq, n.msg_id, n.from, n.expired)
      .run();
}

void ServerTables::on(const op::DropNotices& o) {
  db_.query("DELETE FROM notice WHERE author=? AND seq<=?").bind(o.author, o.upto).run();
}

void ServerTables::on(const op::DropNotice& o) {
  db_.query("DELETE FROM notice WHERE author=? AND seq=?").bind(o.author, o.seq).run();
}

void ServerTables::on(const op::PutReplay& o) {
  const ReplayEntry& e = o.entry;
  db_.query("INSERT OR REPLACE INTO replay VALUES(?,?,?)").bind(e.kid, e.nonce, e.until).run();
}

void ServerTables::on(const op::DropReplays& o) {
  db_.query("DELETE FROM replay WHERE until<=?").bind(o.now).run();
}

void ServerTables::on(const op::Audit& o) { audit_.append(o.entry); }

void ServerTables::on(const op::PutChannel& o) {
  const ChannelState& c = o.channel;
  db_.query(
         "INSERT INTO channel VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET "
         "name=excluded.name, folded=excluded.folded, keeper=excluded.keeper, "
         "visibility=excluded.visibility, history=excluded.history, topic=excluded.topic, "
         "created=excluded.created, creator=excluded.creator, epoch=excluded.epoch")
      .bind(c.id, c.name, c.folded, c.keeper, c.visibility, c.history, c.topic, c.created,
            c.creator, c.epoch)
      .run();
}

void ServerTables::on(const op::RemoveChannel& o) {
  db_.query("DELETE FROM channel WHERE id=?").bind(o.id).run();
  db_.query("DELETE FROM member WHERE channel=?").bind(o.id).run();
  db_.query("DELETE FROM invited WHERE channel=?").bind(o.id).run();
  db_.query("DELETE FROM record WHERE channel=?").bind(o.id).run();
}

void ServerTables::on(const op::PutMember& o) {
  db_.query("INSERT OR REPLACE INTO member VALUES(?,?,?,?)")
      .bind(o.channel, o.member.user, o.member.role, o.member.joined)
      .run();
}

void ServerTables::on(const op::RemoveMember& o) {
  db_.query("DELETE FROM member WHERE channel=? AND user=?").bind(o.channel, o.user).run();
}

void ServerTables::on(const op::PutInvited& o) {
  if (!o.invited && !o.barred) {
    db_.query("DELETE FROM invited WHERE channel=? AND user=?").bind(o.channel, o.user).run();
    return;
  }
  db_.query("INSERT OR REPLACE INTO invited VALUES(?,?,?,?)")
      .bind(o.channel, o.user, o.invited, o.barred)
      .run();
}

void ServerTables::on(const op::PutRecord& o) {
  const KeptRecord& r = o.record;
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

void ServerTables::on(const op::PutStampKey& o) {
  const ByteBuf sealed =
      vault_.seal_blob(kStampPurpose, as_bytes(aad_of_stamp_key(o.key.id)), o.key.key.bytes());
  db_.query("INSERT OR REPLACE INTO stamp_key VALUES(?,?)").bind(o.key.id, sealed).run();
}

void ServerTables::on(const op::PutClockMark& o) {
  db_.query("INSERT OR REPLACE INTO meta VALUES(?,?)").bind(kClockMark, o.mark).run();
}

Result<OfflinePage> ServerTables::offline(Kid kid, std::uint64_t after_seq, PageBounds bounds) {
  OfflinePage page;
  std::size_t bytes = 0;
  Query q = db_.query(
      "SELECT seq, recipient, author, msg_id, own, stored, msg_bytes, content, body FROM offline "
      "WHERE kid=? AND seq>? ORDER BY seq");
  q.bind(kid, after_seq);
  while (q.next()) {
    const std::size_t size = q.u64(6);
    if (!page.rows.empty() &&
        (page.rows.size() >= bounds.rows_max || bytes + size > bounds.bytes_max)) {
      page.more = true;
      break;
    }
    OfflineRow row{.seq = q.u64(0), .copy = {}};
    row.copy = {.kid = kid,
                .recipient = q.user(1),
                .author = q.user(2),
                .msg_id = q.id<MsgId>(3),
                .own = q.flag(4),
                .stored = q.ms(5),
                .msg = {},
                .msg_bytes = static_cast<std::uint32_t>(size),
                .content = q.id<decltype(OfflineCopy::content)>(7)};
    auto body = vault_.unseal_blob(kOfflinePurpose, as_bytes(aad_of(row.copy)), q.blob(8));
    if (!body) {
      return fail("A kept message in " + db_.path() +
                  " does not open in its place, so the store was edited: restore a backup.");
    }
    row.copy.msg = std::move(*body);
    bytes += size;
    page.rows.push_back(std::move(row));
  }
  if (!db_.ok()) return std::unexpected(db_.status().error());
  return page;
}

// Columns: id, digest, from_user, acks, acks_n, stamp, cert, body.
Result<KeptRecord> ServerTables::record_of(Query& row, ChannelId channel) {
  KeptRecord r{.channel = channel,
               .id = row.id<MsgId>(0),
               .digest = row.id<Digest>(1),
               .from = row.user(2),
               .msg = {},
               .stamp = row.bytes(5),
               .acks = {},
               .acks_n = row.u64(4),
               .cert = row.bytes(6)};
  auto acks = split_users(row.text(3));
  auto body = vault_.unseal_blob(kRecordPurpose, as_bytes(aad_of(r)), row.blob(7));
  if (!acks || !body) {
    return fail("A kept record in " + db_.path() +
                " does not open in its place, so the store was edited: restore a backup.");
  }
  r.acks = std::move(*acks);
  r.msg = std::move(*body);
  return r;
}

#define MOOT_RECORD_COLUMNS "id, digest, from_user, acks, acks_n, stamp, cert, body"

Result<RecordPage> ServerTables::records(ChannelId channel, const std::optional<RecordKey>& after,
                                         PageBounds bounds) {
  RecordPage page;
  std::size_t bytes = 0;
  Query q = db_.query("SELECT " MOOT_RECORD_COLUMNS
                      " FROM record WHERE channel=? AND (id, digest) > (?, ?) ORDER BY id, digest");
  // No blob is less than the empty one.
  q.bind(channel, after ? after->id.bytes() : Bytes{}, after ? after->digest.bytes() : Bytes{});
  while (q.next()) {
    const std::size_t size = q.blob(7).size();
    if (!page.records.empty() &&
        (page.records.size() >= bounds.rows_max || bytes + size > bounds.bytes_max)) {
      page.more = true;
      break;
    }
    auto record = record_of(q, channel);
    if (!record) return std::unexpected(record.error());
    bytes += size;
    page.records.push_back(std::move(*record));
  }
  if (!db_.ok()) return std::unexpected(db_.status().error());
  return page;
}

Result<RecordPage> ServerTables::records(ChannelId channel, std::span<const RecordKey> keys) {
  RecordPage page;
  for (const RecordKey& key : keys) {
    Query q = db_.query("SELECT " MOOT_RECORD_COLUMNS
                        " FROM record WHERE channel=? AND id=? AND digest=?");
    if (!q.bind(channel, key.id, key.digest).next()) continue;
    auto record = record_of(q, channel);
    if (!record) return std::unexpected(record.error());
    page.records.push_back(std::move(*record));
  }
  if (!db_.ok()) return std::unexpected(db_.status().error());
  return page;
}

#undef MOOT_RECORD_COLUMNS

std::uint64_t ServerTables::count_records(ChannelId channel) {
  Query q = db_.query("SELECT count(*) FROM record WHERE channel=?");
  return q.bind(channel).next() ? q.u64(0) : 0;
}

void ServerTables::index(ChannelId channel,
                         const std::function<void(std::span<const RecordKey>)>& chunk) {
  std::vector<RecordKey> keys;
  keys.reserve(kIndexChunk);
  Query q = db_.query("SELECT id, digest FROM record WHERE channel=? ORDER BY id, digest");
  q.bind(channel);
  while (q.next()) {
    keys.push_back({.id = q.id<MsgId>(0), .digest = q.id<Digest>(1)});
    if (keys.size() == kIndexChunk) {
      chunk(keys);
      keys.clear();
    }
  }
  if (!keys.empty()) chunk(keys);
}

void ServerTables::reseal_credentials() {
  std::vector<Credential> rows;
  {
    Query q = db_.query("SELECT kid, account, kind, mk_id, sealed FROM credential");
    while (q.next()) {
      Credential c;
      c.kid = q.id<Kid>(0);
      c.account = q.user(1);
      c.kind = q.word<CredentialKind>(2);
      c.mk_id = static_cast<std::uint32_t>(q.u64(3));
      c.sealed = q.bytes(4);
      rows.push_back(std::move(c));
    }
  }
  for (const Credential& c : rows) {
    const seal::SealedKey sealed = under_current(c);
    if (!db_.ok()) return;
    db_.query("UPDATE credential SET mk_id=?, sealed=? WHERE kid=?")
        .bind(sealed.mk_id, sealed.octets, c.kid)
        .run();
  }
}

}  // namespace moot::store
