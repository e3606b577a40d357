#include "store/client_store.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "store/client_channels.h"
#include "store/client_repair.h"
#include "store/files.h"
#include "store/schema.h"

namespace moot::store {
namespace {

#define MOOT_MESSAGE_COLUMNS "seq, peer, author, msg_id, at, state, read, error, text, folded, msg"

PrivateMessage message_of(Query& q) {
  return {.seq = q.u64(0),
          .peer = q.user(1),
          .author = q.user(2),
          .msg_id = q.id<MsgId>(3),
          .msg = q.bytes(10),
          .text = q.string(8),
          .folded = q.string(9),
          .at = q.ms(4),
          .state = q.word<MessageState>(5),
          .read = q.flag(6),
          .error = q.string(7)};
}

// Operations become rows. Thread rule: the store's thread.
class ClientTables {
 public:
  explicit ClientTables(Db& db) : db_(db), channels_(db) {
    Query q = db_.query("SELECT max(seq) FROM message");
    if (q.next()) next_seq_ = q.u64(0) + 1;
    channels_.open();
  }

  void apply(const cop::Any& op) {
    std::visit([this](const auto& o) { on(o); }, op);
  }
  ChannelTables& channels() { return channels_; }

  ClientSnapshot load();
  std::vector<PrivateMessage> history(const HistoryQuery& h);
  std::optional<PrivateMessage> message(const UserId& author, const MsgId& msg_id);
  std::vector<Conversation> conversations();

 private:
  void on(const cop::PutMessage& o);
  void on(const cop::SetState& o);
  void on(const cop::Renumber& o);
  void on(const cop::MarkRead& o);
  void on(const cop::PutContact& o);
  void on(const cop::DropContact& o);
  void on(const cop::PutDraft& o);
  void on(const cop::PutMeta& o);
  void on(const cop::ForgetSeen& o);
  template <class OfChannels>
  void on(const OfChannels& o) {
    channels_.on(o);
  }

  Db& db_;
  ChannelTables channels_;
  std::uint64_t next_seq_ = 1;
};

void ClientTables::on(const cop::PutMessage& o) {
  const PrivateMessage& m = o.message;
  db_.query(
         "INSERT INTO message VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(author, msg_id) DO NOTHING")
      .bind(next_seq_, m.peer, m.author, m.msg_id, m.at, m.state, m.read, m.error, m.text, m.folded,
            m.msg)
      .run();
  ++next_seq_;
  db_.query("INSERT OR IGNORE INTO seen VALUES(?,?)").bind(m.author, m.msg_id).run();
}

void ClientTables::on(const cop::SetState& o) {
  // Forwards only, so that a late `sent` does not undo an `acked`.
  db_.query(
         "UPDATE message SET state=?1, error=?2 WHERE author=?3 AND msg_id=?4 AND CASE ?1 "
         "WHEN 'sent' THEN state='queued' WHEN 'acked' THEN state IN ('queued','sent','failed') "
         "WHEN 'failed' THEN state IN ('queued','sent') ELSE 0 END")
      .bind(o.state, o.error, o.author, o.msg_id)
      .run();
}

void ClientTables::on(const cop::Renumber& o) {
  db_.query(
         "UPDATE OR IGNORE message SET msg_id=?1, at=?2 WHERE author=?3 AND msg_id=?4 AND "
         "state='queued'")
      .bind(o.to, o.to.time(), o.author, o.from)
      .run();
  db_.query("INSERT OR IGNORE INTO seen VALUES(?,?)").bind(o.author, o.to).run();
}

void ClientTables::on(const cop::MarkRead& o) {
  db_.query("UPDATE message SET read=1 WHERE peer=? AND read=0 AND seq<=?")
      .bind(o.peer, o.upto)
      .run();
}

void ClientTables::on(const cop::PutContact& o) {
  const Contact& c = o.contact;
  db_.query("INSERT OR REPLACE INTO contact VALUES(?,?,?,?)")
      .bind(c.id, c.name, c.status, c.keys)
      .run();
}

void ClientTables::on(const cop::DropContact& o) {
  db_.query("DELETE FROM contact WHERE id=?").bind(o.id).run();
}

void ClientTables::on(const cop::PutDraft& o) {
  if (o.draft.text.empty()) {
    db_.query("DELETE FROM draft WHERE target=?").bind(o.draft.target).run();
    return;
  }
  db_.query("INSERT OR REPLACE INTO draft VALUES(?,?)").bind(o.draft.target, o.draft.text).run();
}

void ClientTables::on(const cop::PutMeta& o) {
  db_.query("INSERT OR REPLACE INTO meta VALUES(?,?)").bind(o.value.key, o.value.value).run();
}

void ClientTables::on(const cop::ForgetSeen& o) {
  // An id begins with its time, so the ids before a time are those below the first one of it.
  const MsgId first =
      MsgId::make(o.before, std::span<const std::uint8_t, 10>(std::array<std::uint8_t, 10>{}));
  db_.query("DELETE FROM seen WHERE msg_id<?").bind(first).run();
}

ClientSnapshot ClientTables::load() {
  ClientSnapshot s;
  {
    Query q = db_.query("SELECT " MOOT_MESSAGE_COLUMNS
                        " FROM message WHERE state IN ('queued', 'sent') ORDER BY seq");
    while (q.next()) s.outbox.push_back(message_of(q));
  }
  {
    Query q = db_.query("SELECT author, msg_id FROM seen ORDER BY author, msg_id");
    while (q.next()) s.seen.push_back({.author = q.user(0), .msg_id = q.id<MsgId>(1)});
  }
  {
    Query q = db_.query("SELECT id, name, status, keys FROM contact ORDER BY id");
    while (q.next()) {
      s.contacts.push_back({.id = q.user(0),
                            .name = q.string(1),
                            .status = q.word<UserStatus>(2),
                            .keys = q.bytes(3)});
    }
  }
  {
    Query q = db_.query("SELECT target, text FROM draft ORDER BY target");
    while (q.next()) s.drafts.push_back({.target = q.string(0), .text = q.string(1)});
  }
  {
    Query q = db_.query("SELECT key, value FROM meta ORDER BY key");
    while (q.next()) s.meta.push_back({.key = q.string(0), .value = q.string(1)});
  }
  channels_.load(s);
  return s;
}

std::vector<PrivateMessage> ClientTables::history(const HistoryQuery& h) {
  std::vector<PrivateMessage> out;
  const std::string peer = h.peer ? std::string(h.peer->str()) : std::string();
  const std::uint64_t before = h.before_seq == 0 ? next_seq_ : h.before_seq;
  // Texts of their own, so that a conversation is read by its index and not by a scan of all.
#define MOOT_HISTORY(whose, order)                                                           \
  "SELECT " MOOT_MESSAGE_COLUMNS " FROM message WHERE " whose                                \
  " AND seq>?2 AND seq<?3 AND at>=?4 AND (?5='' OR instr(folded, ?5)>0) ORDER BY seq " order \
  " LIMIT ?6"
  Query q =
      h.peer
          ? db_.query(h.oldest ? MOOT_HISTORY("peer=?1", "ASC") : MOOT_HISTORY("peer=?1", "DESC"))
          : db_.query(h.oldest ? MOOT_HISTORY("?1=''", "ASC") : MOOT_HISTORY("?1=''", "DESC"));
#undef MOOT_HISTORY
  q.bind(peer, h.after_seq, before, h.since, h.folded, static_cast<std::uint64_t>(h.rows_max));
  while (q.next()) out.push_back(message_of(q));
  if (!h.oldest) std::reverse(out.begin(), out.end());
  return out;
}

std::optional<PrivateMessage> ClientTables::message(const UserId& author, const MsgId& msg_id) {
  Query q = db_.query("SELECT " MOOT_MESSAGE_COLUMNS " FROM message WHERE author=? AND msg_id=?");
  if (!q.bind(author, msg_id).next()) return std::nullopt;
  return message_of(q);
}

// What nobody got, of a name that is nobody's, makes no conversation.
std::vector<Conversation> ClientTables::conversations() {
  std::vector<Conversation> out;
  Query q = db_.query(
      "SELECT m.peer, m.seq, m.at, "
      "(SELECT count(*) FROM message u WHERE u.peer=m.peer AND u.read=0) "
      "FROM message m "
      "JOIN (SELECT peer, max(seq) AS newest FROM message GROUP BY peer) n ON n.newest=m.seq "
      "WHERE m.peer IN (SELECT id FROM contact) "
      "OR EXISTS (SELECT 1 FROM message k WHERE k.peer=m.peer AND k.state<>'failed') "
      "ORDER BY m.seq DESC");
  while (q.next()) {
    out.push_back(
        {.peer = q.user(0), .unread = q.u64(3), .last_seq = q.u64(1), .last_at = q.ms(2)});
  }
  return out;
}

#undef MOOT_MESSAGE_COLUMNS

}  // namespace

struct ClientStore::Parts {
  std::string dir;
  const char* vfs = nullptr;
  std::optional<ChannelFaults> mended;
  std::unique_ptr<Db> db;
  std::unique_ptr<ClientTables> tables;
  std::unique_ptr<GroupCommit> commits;  // last: its thread uses all of the above

  // Work on the store's thread that reads, waited for.
  template <class Work>
  auto ask(const Work& work) {
    return commits->ask([&] { return work(*tables); });
  }
};

Result<std::unique_ptr<ClientStore>> ClientStore::open(ClientStoreOptions options,
                                                       StoreHooks hooks) {
  const Status dir = make_dir(options.dir);
  if (!dir) return std::unexpected(dir.error());
  auto parts = std::make_unique<Parts>();
  parts->dir = options.dir;
  parts->vfs = options.vfs;
  auto opened_db = open_client_db(options.dir, options.vfs);
  if (!opened_db) return std::unexpected(opened_db.error());
  parts->db = std::move(opened_db->db);
  parts->mended = opened_db->mended;
  parts->tables = std::make_unique<ClientTables>(*parts->db);
  const Status opened = parts->db->status();
  if (!opened) return std::unexpected(opened.error());
  StoreHooks told;
  told.on_commit = std::move(hooks.on_commit);
  told.on_error = [p = parts.get(), f = std::move(hooks.on_error)](const Error&) {
    const Error error = failure_of(*p->db, p->dir);
    if (f) f(error);
  };
  parts->commits = std::make_unique<GroupCommit>(*parts->db, options.bounds, std::move(told));
  return std::unique_ptr<ClientStore>(new ClientStore(std::move(parts)));
}

ClientStore::ClientStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ClientStore::~ClientStore() = default;

Result<ClientSnapshot> ClientStore::load() {
  return parts_->ask([](ClientTables& t) { return t.load(); });
}

void ClientStore::submit(Ticket ticket, std::vector<cop::Any> ops) {
  const std::size_t n = ops.size();
  parts_->commits->write(ticket, n, [tables = parts_->tables.get(), ops = std::move(ops)](Db&) {
    for (const cop::Any& op : ops) tables->apply(op);
  });
}

Result<std::vector<PrivateMessage>> ClientStore::history(HistoryQuery query) {
  return parts_->ask([&](ClientTables& t) { return t.history(query); });
}

Result<std::optional<PrivateMessage>> ClientStore::message(UserId author, MsgId msg_id) {
  return parts_->ask([&](ClientTables& t) { return t.message(author, msg_id); });
}

Result<std::vector<Conversation>> ClientStore::conversations() {
  return parts_->ask([](ClientTables& t) { return t.conversations(); });
}

Result<std::vector<CommittedMessage>> ClientStore::channel_history(ChannelQuery query) {
  return parts_->ask([&](ClientTables& t) { return t.channels().history(query); });
}

Result<std::vector<ChannelUnread>> ClientStore::channel_unread(UserId self) {
  return parts_->ask([&](ClientTables& t) { return t.channels().unread(self); });
}

const std::optional<ChannelFaults>& ClientStore::mended() const { return parts_->mended; }

Status ClientStore::check(const std::function<bool()>& go_on) {
  // What is looked at is what was submitted so far.
  parts_->commits->alone([](Db&) {});
  auto reader = open_reader(parts_->dir, kClientSchema, parts_->vfs);
  if (!reader) return std::unexpected(reader.error());
  bool stopped = false;
  {
    const auto ask = [&] { return stopped = go_on && !go_on(); };
    const InterruptWhen interrupt(**reader, ask);
    (*reader)->exec("BEGIN");  // one view of all tables
    if (pages_fit(**reader) && find_faults(**reader).none() && (*reader)->ok()) return {};
  }
  if (stopped) return fail("It was ended before all was read.");
  // The store's own connection is the one that has to know.
  Status result;
  parts_->commits->alone([&](Db& db) {
    // A damage ends the store, so that the next start mends it.
    if (!pages_fit(db)) db.fail_row("pages that do not fit together");
    if (!find_faults(db).none()) db.fail_row("channels that the disk changed");
    if (!db.ok()) result = std::unexpected(failure_of(db, parts_->dir));
  });
  return result;
}

}  // namespace moot::store
