#include "store/server_tables.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "store/leaves.h"
#include "store/sealed_rows.h"

namespace moot::store {
namespace {

constexpr char kClockMark[] = "clock_mark";

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
         "UPDATE credential SET state=?1, revoked_at=?2, revoked_by=?3, sealed=x'' "
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
  db_.query("DELETE FROM leaf WHERE channel=?").bind(o.id).run();
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
  kept_.put(o.record);
  for (const LeafSummary& leaf : o.leaves) put_leaf(db_, o.record.channel, leaf);
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

bool ServerTables::kept_leaves_fit(bool all) {
  for (const ChannelId& channel : kept_channels()) {
    const KeptKeys keys(kept_, channel);
    const auto leaves = leaves_of(db_, channel);
    if (!leaves || !(all ? leaves_fit(keys, *leaves) : newest_leaf_fits(keys, *leaves))) {
      return false;
    }
  }
  return true;
}

void ServerTables::make_kept_leaves_anew() {
  for (const ChannelId& channel : kept_channels()) {
    make_leaves_anew(db_, channel, KeptKeys(kept_, channel));
  }
}

std::vector<ChannelId> ServerTables::kept_channels() {
  std::vector<ChannelId> ids;
  Query q = db_.query("SELECT id FROM channel WHERE keeper=?");
  q.bind(Keeper::server);
  while (q.next()) ids.push_back(q.id<ChannelId>(0));
  return ids;
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
