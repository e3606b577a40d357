#include "store/client_channels.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "store/leaves.h"
#include "store/record_rows.h"
#include "store/user_words.h"

namespace moot::store {

void ChannelTables::open() {
  Query q = db_.query("SELECT id, n FROM channel");
  while (q.next()) numbers_.emplace(q.id<ChannelId>(0), q.i64(1));
}

// ---- operations ---------------------------------------------------------------------------

void ChannelTables::on(const cop::PutChannel& o) {
  const KnownChannel& c = o.channel;
  db_.query(
         "INSERT INTO channel(id, name, folded, keeper, topic, replica, member, read_seq, "
         "election_seen) VALUES(?,?,?,?,?,?,?,?,0) ON CONFLICT(id) DO UPDATE SET "
         "name=excluded.name, folded=excluded.folded, keeper=excluded.keeper, "
         "topic=excluded.topic, replica=excluded.replica, member=excluded.member, "
         "read_seq=max(read_seq, excluded.read_seq)")
      .bind(c.id, c.name, c.folded, c.keeper, c.topic, c.replica, c.member, c.read_seq)
      .run();
  if (numbers_.contains(c.id)) return;
  Query q = db_.query("SELECT n FROM channel WHERE id=?");
  if (q.bind(c.id).next()) numbers_.emplace(c.id, q.i64(0));
}

void ChannelTables::on(const cop::MarkChannelRead& o) {
  db_.query("UPDATE channel SET read_seq=max(read_seq, ?) WHERE id=?")
      .bind(o.upto, o.channel)
      .run();
}

void ChannelTables::on(const cop::ReplicaOps& o) {
  if (!db_.ok()) return;
  const auto at = numbers_.find(o.channel);
  MOOT_CHECK(at != numbers_.end());
  for (const cop::ReplicaOps::Op& op : o.ops) {
    std::visit([&](const auto& r) { on(at->second, r, op); }, op.op);
  }
}

void ChannelTables::on(std::int64_t channel, const rop::PutPending& o, const cop::ReplicaOps::Op&) {
  const StoredRecord& r = o.row.record;
  const KeyOctets key = key_octets(r.key());
  const std::string acks = join_users(r.acks.list);
  db_.query("INSERT OR REPLACE INTO pending VALUES(?,?,?,?,?,?,?,?,?,?)")
      .bind(channel, key, r.from, o.row.own, acks, r.acks.n, r.stamp, check_of(r), r.cert, r.msg)
      .run();
}

void ChannelTables::on(std::int64_t channel, const rop::DropPending& o,
                       const cop::ReplicaOps::Op&) {
  db_.query("DELETE FROM pending WHERE channel=? AND key=?").bind(channel, key_octets(o.key)).run();
}

void ChannelTables::on(std::int64_t channel, const rop::PutCommitted& o,
                       const cop::ReplicaOps::Op& op) {
  const StoredRecord& r = o.record;
  const KeyOctets key = key_octets(r.key());
  const std::string acks = join_users(r.acks.list);
  // Content and place never change (replication.md D2); what is known about it may.
  db_.query(
         "INSERT INTO record(channel, key, author, late, acks, acks_n, stamp, row_check, cert, "
         "folded, msg) VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(channel, key) DO UPDATE SET "
         "acks=excluded.acks, acks_n=excluded.acks_n, stamp=excluded.stamp, cert=excluded.cert, "
         "row_check=excluded.row_check")
      .bind(channel, key, r.from, op.late, acks, r.acks.n, r.stamp, check_of(r), r.cert, op.folded,
            r.msg)
      .run();
}

void ChannelTables::on(std::int64_t channel, const rop::PutLeaf& o, const cop::ReplicaOps::Op&) {
  put_leaf(db_, channel, o.leaf);
}

void ChannelTables::on(std::int64_t channel, const rop::PutElectionSeen& o,
                       const cop::ReplicaOps::Op&) {
  db_.query("UPDATE channel SET election_seen=? WHERE n=?").bind(o.election, channel).run();
}

void ChannelTables::on(const cop::PutWaiting& o) {
  db_.query("INSERT OR REPLACE INTO waiting VALUES(?,?,?)")
      .bind(o.text.n, o.text.channel, o.text.msg)
      .run();
}

void ChannelTables::on(const cop::DropWaiting& o) {
  db_.query("DELETE FROM waiting WHERE n=?").bind(o.n).run();
}

// ---- a start ------------------------------------------------------------------------------

void ChannelTables::load(ClientSnapshot& s) {
  std::vector<std::int64_t> numbers;
  {
    Query q = db_.query(
        "SELECT id, name, folded, keeper, topic, replica, member, read_seq, election_seen, n FROM "
        "channel ORDER BY id");
    while (q.next()) {
      StoredChannel& c = s.channels.emplace_back();
      c.channel = {.id = q.id<ChannelId>(0),
                   .name = q.string(1),
                   .folded = q.string(2),
                   .keeper = q.word<Keeper>(3),
                   .topic = q.string(4),
                   .replica = q.id<ReplicaId>(5),
                   .member = q.flag(6),
                   .read_seq = q.u64(7)};
      c.replica.election_seen = q.u64(8);
      numbers.push_back(q.i64(9));
    }
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    ReplicaSnapshot& replica = s.channels[i].replica;
    auto leaves = leaves_of(db_, numbers[i]);
    if (!leaves) db_.fail_row("leaves that do not follow each other");
    replica.leaves = std::move(leaves).value_or(std::vector<LeafSummary>{});
    Query q = db_.query("SELECT " MOOT_STORED_RECORD_COLUMNS
                        ", own FROM pending WHERE channel=? ORDER BY key");
    q.bind(numbers[i]);
    while (q.next()) {
      auto record = read_record(q, 0);
      if (!record) {
        db_.fail_row("a message in doubt that the disk changed");
        break;
      }
      replica.pending.push_back({std::move(*record), q.flag(kStoredRecordColumns)});
    }
  }
  Query q = db_.query("SELECT n, channel, msg FROM waiting ORDER BY n");
  while (q.next()) {
    s.waiting.push_back({.n = q.u64(0), .channel = q.id<ChannelId>(1), .msg = q.bytes(2)});
  }
}

// ---- what people read ---------------------------------------------------------------------

std::vector<CommittedMessage> ChannelTables::history(const ChannelQuery& query) {
  using Order = ChannelQuery::Order;
  MOOT_CHECK(query.channel || query.order == Order::arrival);
  std::vector<CommittedMessage> out;
  std::int64_t channel = 0;
  if (query.channel) {
    const auto at = numbers_.find(*query.channel);
    if (at == numbers_.end()) return out;
    channel = at->second;
  }
  // An id begins with its time, so those since then are the ones from its first id on.
  const std::array<std::uint8_t, 10> zeros{};
  const RecordKey since{MsgId::make(query.since, zeros), {}};
  const KeyOctets from = key_octets(std::max(query.from.value_or(RecordKey{}), since));
  const KeyOctets below_key = key_octets(query.below.value_or(RecordKey{}));
  const Bytes below = query.below ? Bytes(below_key) : Bytes(kBehindAllKeys);
  // Texts of their own, so that each is read by the index that has its order.
#define MOOT_CHANNEL_HISTORY(whose, order)                                                        \
  "SELECT r.seq, r.late, c.id, r.key, r.author, r.acks, r.acks_n, r.stamp, r.cert, r.msg, "       \
  "r.row_check FROM record r JOIN channel c ON c.n=r.channel WHERE " whose                        \
  " AND r.key>=?2 AND r.key<?3 AND r.seq>?4 AND (?5='' OR instr(r.folded, ?5)>0) ORDER BY " order \
  " LIMIT ?6"
  const char* newest = MOOT_CHANNEL_HISTORY("r.channel=?1", "r.key DESC");
  const char* oldest = MOOT_CHANNEL_HISTORY("r.channel=?1", "r.key");
  const char* arrival = MOOT_CHANNEL_HISTORY("r.channel=?1", "r.seq");
  const char* everywhere = MOOT_CHANNEL_HISTORY("?1=0", "r.seq");
#undef MOOT_CHANNEL_HISTORY
  const char* by_arrival = query.channel ? arrival : everywhere;
  const char* by_key = query.order == Order::newest ? newest : oldest;
  Query q = db_.query(query.order == Order::arrival ? by_arrival : by_key);
  q.bind(channel, from, below, query.after_seq, query.folded,
         static_cast<std::uint64_t>(query.rows_max));
  while (q.next()) {
    auto record = read_record(q, 3);
    if (!record) {
      db_.fail_row("a message that the disk changed");
      break;
    }
    out.push_back({.seq = q.u64(0),
                   .channel = q.id<ChannelId>(2),
                   .late = q.flag(1),
                   .record = std::move(*record)});
  }
  if (query.order == Order::newest) std::reverse(out.begin(), out.end());
  return out;
}

std::vector<ChannelUnread> ChannelTables::unread(const UserId& self) {
  std::vector<ChannelUnread> out;
  Query q = db_.query(
      "SELECT c.id, (SELECT count(*) FROM record r WHERE r.channel=c.n AND r.seq>c.read_seq AND "
      "r.author<>?1), (SELECT max(seq) FROM record r WHERE r.channel=c.n) FROM channel c ORDER BY "
      "c.id");
  q.bind(self);
  while (q.next()) {
    out.push_back({.channel = q.id<ChannelId>(0), .unread = q.u64(1), .last_seq = q.u64(2)});
  }
  return out;
}

}  // namespace moot::store
