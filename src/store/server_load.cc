#include <map>
#include <string>
#include <utility>

#include "base/hex.h"
#include "store/sealed_rows.h"
#include "store/server_tables.h"

// What a start reads: all that is small. Bodies stay on disk.
namespace moot::store {
namespace {

Credential credential_of(Query& q) {
  Credential c{.kid = q.id<Kid>(0),
               .account = q.user(1),
               .kind = q.word<CredentialKind>(2),
               .subject = q.string(3),
               .sealed = q.bytes(18),
               .mk_id = static_cast<std::uint32_t>(q.u64(4)),
               .state = q.word<CredentialState>(5),
               .label = q.string(6),
               .created = q.ms(7),
               .not_after = q.ms(8),
               .chal_pinned = q.flag(9),
               .cb_pinned = q.flag(10),
               .last_used_day = static_cast<std::uint32_t>(q.u64(11)),
               .created_by = q.string(12),
               .revoked_at = q.ms(13),
               .revoked_by = q.string(14),
               .dup = {},
               .uses_left = static_cast<std::uint32_t>(q.u64(16)),
               .channel = {}};
  if (!q.null(15)) c.dup = q.id<decltype(Credential::dup)>(15);
  if (!q.null(17)) c.channel = q.id<ChannelId>(17);
  return c;
}

}  // namespace

ServerSnapshot ServerTables::load() {
  ServerSnapshot s;
  load_users(s);
  load_messages(s);
  load_channels(s);
  return s;
}

void ServerTables::load_users(ServerSnapshot& s) {
  {
    Query q =
        db_.query("SELECT id, name, state, away, keys, created, removed FROM account ORDER BY id");
    while (q.next()) {
      s.accounts.push_back({.id = q.user(0),
                            .name = q.string(1),
                            .state = q.word<AccountState>(2),
                            .away = q.flag(3),
                            .keys = q.bytes(4),
                            .created = q.ms(5),
                            .removed = q.ms(6)});
    }
  }
  {
    Query q = db_.query(
        "SELECT kid, account, kind, subject, mk_id, state, label, created, not_after, chal_pinned, "
        "cb_pinned, last_used_day, created_by, revoked_at, revoked_by, dup, uses_left, channel, "
        "sealed FROM credential ORDER BY kid");
    while (q.next()) s.credentials.push_back(credential_of(q));
  }
  {
    Query q = db_.query("SELECT invite, account, kid FROM enrolment ORDER BY kid");
    while (q.next()) {
      s.enrolments.push_back({.invite = q.id<Kid>(0), .account = q.user(1), .kid = q.id<Kid>(2)});
    }
  }
  {
    Query q = db_.query("SELECT kid, nonce, until FROM replay ORDER BY kid, nonce");
    while (q.next()) {
      s.replays.push_back({.kid = q.id<Kid>(0), .nonce = q.u64(1), .until = q.ms(2)});
    }
  }
  Query q = db_.query("SELECT value FROM meta WHERE key='clock_mark'");
  if (q.next()) s.clock_mark = q.ms(0);
}

void ServerTables::load_messages(ServerSnapshot& s) {
  {
    Query q = db_.query(
        "SELECT kid, recipient, author, msg_id, own, stored, msg_bytes, content FROM offline "
        "ORDER BY seq");
    while (q.next()) {
      s.offline.push_back({.kid = q.id<Kid>(0),
                           .recipient = q.user(1),
                           .author = q.user(2),
                           .msg_id = q.id<MsgId>(3),
                           .own = q.flag(4),
                           .stored = q.ms(5),
                           .msg = {},
                           .msg_bytes = static_cast<std::uint32_t>(q.u64(6)),
                           .content = q.id<decltype(OfflineCopy::content)>(7)});
    }
  }
  Query q =
      db_.query("SELECT seq, author, msg_id, from_user, expired FROM notice ORDER BY seq, author");
  while (q.next()) {
    s.notices.push_back({.seq = q.u64(0),
                         .author = q.user(1),
                         .msg_id = q.id<MsgId>(2),
                         .from = q.user(3),
                         .expired = q.flag(4)});
  }
}

void ServerTables::load_channels(ServerSnapshot& s) {
  std::map<ChannelId, std::size_t> place;
  {
    Query q = db_.query(
        "SELECT id, name, folded, keeper, visibility, history, topic, created, creator, epoch "
        "FROM channel ORDER BY id");
    while (q.next()) {
      ChannelState c{.id = q.id<ChannelId>(0),
                     .name = q.string(1),
                     .folded = q.string(2),
                     .keeper = q.word<Keeper>(3),
                     .visibility = q.word<Visibility>(4),
                     .history = q.word<History>(5),
                     .topic = q.string(6),
                     .created = q.ms(7),
                     .creator = q.user(8),
                     .epoch = q.u64(9)};
      place[c.id] = s.channels.size();
      s.channels.push_back({.channel = std::move(c), .members = {}, .invited = {}, .barred = {}});
    }
  }
  const auto channel_at = [&](Query& q) -> ChannelSnapshot* {
    const auto it = place.find(q.id<ChannelId>(0));
    if (it != place.end()) return &s.channels[it->second];
    db_.fail_row("a member of a channel that is not there");
    return nullptr;
  };
  {
    Query q = db_.query("SELECT channel, user, role, joined FROM member ORDER BY channel, user");
    while (q.next()) {
      if (ChannelSnapshot* c = channel_at(q)) {
        c->members.push_back({.user = q.user(1), .role = q.word<Role>(2), .joined = q.ms(3)});
      }
    }
  }
  {
    Query q =
        db_.query("SELECT channel, user, invited, barred FROM invited ORDER BY channel, user");
    while (q.next()) {
      ChannelSnapshot* c = channel_at(q);
      if (c == nullptr) continue;
      if (q.flag(2)) c->invited.push_back(q.user(1));
      if (q.flag(3)) c->barred.push_back(q.user(1));
    }
  }
  Query q = db_.query("SELECT id, sealed FROM stamp_key ORDER BY id");
  while (q.next()) {
    StampKey key{.id = static_cast<std::uint32_t>(q.u64(0)), .key = {}};
    auto plain = vault_.unseal_blob(kStampPurpose, as_bytes(aad_of_stamp_key(key.id)), q.blob(1));
    if (!plain || plain->size() != KeyBytes::kSize) {
      db_.fail_row("a stamp key that does not open");
      return;
    }
    key.key = KeyBytes::of(*plain);
    seal::wipe(*plain);
    s.stamp_keys.push_back(key);
  }
}

Status ServerTables::check_seals() {
  const auto broken = [&](const std::string& what) {
    return fail(what + " in " + db_.path() +
                " does not open in its place: restore the last backup, and see `mootd audit "
                "verify`.");
  };
  {
    Query q = db_.query("SELECT kid, account, kind, mk_id, sealed FROM credential");
    while (q.next()) {
      if (q.blob(4).empty()) continue;
      KeyBytes key;
      const seal::KeySite site{.kid = q.blob(0), .account = q.text(1), .kind = q.text(2)};
      const bool good =
          vault_.unseal(q.blob(4), static_cast<std::uint32_t>(q.u64(3)), site, key.octets);
      seal::wipe(key.octets);
      if (!good) return broken("The key " + hex(q.blob(0)) + " of @" + q.string(1));
    }
  }
  {
    std::vector<Kid> kids;
    {
      Query q = db_.query("SELECT DISTINCT kid FROM offline");
      while (q.next()) kids.push_back(q.id<Kid>(0));
    }
    for (const Kid& kid : kids) {
      for (std::uint64_t after = 0;;) {
        const auto page = offline(kid, after, {});
        if (!page) return std::unexpected(page.error());
        if (!page->more) break;
        after = page->rows.back().seq;
      }
    }
  }
  std::vector<ChannelId> channels;
  {
    Query q = db_.query("SELECT DISTINCT channel FROM record");
    while (q.next()) channels.push_back(q.id<ChannelId>(0));
  }
  for (const ChannelId& channel : channels) {
    std::vector<RecordKey> page;
    for (RecordKey from{};; from = page.back()) {
      page.clear();
      kept_.keys(channel, from, std::nullopt, kLeafRecordsMax, page);
      for (const RecordKey& key : page) {
        const auto record = kept_.record(channel, key);
        if (!record) return std::unexpected(record.error());
      }
      if (page.size() < kLeafRecordsMax) break;
    }
  }
  return db_.status();
}

}  // namespace moot::store
