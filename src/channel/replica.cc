#include "channel/replica.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "channel/mutants.h"

namespace moot {
namespace {
// Who goes first with a message in doubt (replication.md 2.2).
constexpr Millis kLeaderWaits{300};
constexpr Millis kOthersWaitMin{600};
constexpr Millis kOthersWaitMax{3'000};
// Proposals stay below the server's rate of what a client starts (protocol.md 10).
constexpr std::size_t kProposalsAtOnce = 64;
constexpr Millis kBetweenBursts{3'200};
constexpr Millis kStormPause{1};
constexpr unsigned kNewIdsMax = 3;  // of one message; then it waits like any other in doubt
// Pauses between tries of a message whose time is to come. Clocks are set, so none is longer.
constexpr Millis kTimeWaitMin{5'000};
constexpr Millis kTimeWaitMax{250'000};
}  // namespace

class Replica::Step {
 public:
  Step(Desk& desk, Now now, ReplicaEffects& fx) : desk_(desk) { desk_.begin(now, fx); }
  ~Step() { desk_.end(); }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  Desk& desk_;
};

Replica::Replica(const ReplicaConfig& config, const RecordReader& reader, ReplicaSnapshot stored)
    : desk_(config, reader, std::move(stored)) {}

void Replica::connected(Now now, std::uint32_t frame_bytes_max, ReplicaEffects& fx) {
  const Step step(desk_, now, fx);
  desk_.budget = page_budget(frame_bytes_max);
  desk_.attached = true;
  dropped_ = false;
  desk_.send(c::ChAttach{desk_.config.channel, desk_.config.replica});
}

void Replica::disconnected(Now now, ReplicaEffects& fx) {
  const Step step(desk_, now, fx);
  desk_.connection_lost();
  leader_gone();
  candidacy_.stop();
}

void Replica::step(Now now, const s::Any& cmd, ReplicaEffects& fx) {
  const Step step(desk_, now, fx);
  std::visit([this](const auto& c) { on(c); }, cmd);
  schedule_doubts();
}

std::expected<RecordKey, Errc> Replica::compose(Now now, Bytes msg, ReplicaEffects& fx) {
  if (!can_send()) return std::unexpected(Errc::not_healthy);
  if (desk_.pending.full(msg.size())) return std::unexpected(Errc::queue_full);
  const Step step(desk_, now, fx);
  StoredRecord record;
  record.id = desk_.new_id();
  record.from = desk_.config.self;
  record.msg.assign(msg.begin(), msg.end());
  record.digest = record_digest(desk_.config.channel, record.id, record.from, msg);
  const RecordKey key = record.key();
  MOOT_CHECK(desk_.take_pending(std::move(record), true));
  desk_.propose(key);
  return key;
}

void Replica::durable(Now now, Ticket upto, ReplicaEffects& fx) {
  const Step step(desk_, now, fx);
  desk_.on_durable(upto);
  sync_.on_durable(desk_);
  schedule_doubts();
}

void Replica::sync_now(Now now, ReplicaEffects& fx) {
  const Step step(desk_, now, fx);
  sync_.start(desk_);
}

// ---- who leads ----------------------------------------------------------------------------

void Replica::leader_gone() {
  desk_.leader = Desk::Leader::none;
  sync_.stop();
  duties_.stop();
  doubts_scheduled_ = false;
  if (mutant(Mutant::m04_pending_dropped)) {
    std::vector<RecordKey> others;
    for (const auto& [key, entry] : desk_.pending.all()) {
      if (!entry.own) others.push_back(key);
    }
    for (const RecordKey& key : others) desk_.drop_pending(key);
  }
}

void Replica::on(const s::ChStatus& cmd) {
  if (cmd.id != desk_.config.channel) return;
  desk_.clock_ahead_ms = static_cast<std::int64_t>(cmd.now - desk_.now.wall.ms);
  desk_.receipts = cmd.acks;
  desk_.healthy = cmd.status == ChannelStatus::healthy || cmd.status == ChannelStatus::server;
  if (!cmd.leader && desk_.leader != Desk::Leader::none) {
    leader_gone();
    desk_.tell(note::Leader{{}, cmd.election, false});
  }
  if (!desk_.attached) return;
  if (!cmd.leader && cmd.status == ChannelStatus::electing) {
    candidacy_.on_electing(desk_, cmd);
  } else {
    candidacy_.stop();
  }
  if (leading() && cmd.online) duties_.on_online(desk_, *cmd.online);
}

void Replica::on(const s::ChElected& cmd) {
  if (cmd.id != desk_.config.channel || !desk_.attached) return;
  if (cmd.election < desk_.election_seen) return;  // of a server that went back: fenced off
  if (cmd.election > desk_.election_seen) {
    desk_.election_seen = cmd.election;
    desk_.persist(rop::PutElectionSeen{cmd.election}, false);
  }
  const bool here = cmd.you.value_or(false);
  // Told again, because CH_ATTACH was repeated: the term goes on.
  if (here && leading() && cmd.election == desk_.election) return;
  leader_gone();
  candidacy_.stop();
  desk_.election = cmd.election;
  desk_.pending.forget_tries(false);
  desk_.leader = here ? Desk::Leader::here : Desk::Leader::elsewhere;
  desk_.tell(note::Leader{cmd.leader, cmd.election, here});
  here ? duties_.start() : sync_.restart(desk_);
  // From here on nobody can be asked for what is in flight and was not kept, but the server.
  if (here && dropped_) {
    dropped_ = false;
    desk_.send(c::ChAttach{desk_.config.channel, desk_.config.replica});
  }
}

void Replica::on(const s::ChVote& cmd) {
  if (cmd.id != desk_.config.channel || !desk_.attached) return;
  candidacy_.on_vote(desk_, cmd);
}

// ---- messages -----------------------------------------------------------------------------

void Replica::on(const s::ChMsg& cmd) {
  if (cmd.id != desk_.config.channel) return;
  Record shown;
  shown.id = cmd.msg_id;
  shown.from = cmd.from;
  shown.msg = cmd.msg;
  shown.stamp = cmd.stamp;
  shown.cert = cmd.cert;
  StoredRecord record = stored_record(desk_.config.channel, shown);
  const RecordKey key = record.key();
  if (cmd.committed.value_or(false)) {  // the server keeps it: no CH_MSG_COMMIT follows
    record.acks = Acks::of(Users(&server_user(), 1), 1);
    desk_.commit(std::move(record), note::Way::broadcast);
    committed(key);
    if (desk_.receipts && desk_.attached) {
      desk_.hurry();
      desk_.acknowledge(key);
    }
    return;
  }
  const bool merged = cmd.merged.value_or(false);
  duties_.on_relayed(key);
  if (desk_.history.contains(key)) {
    if (!merged) desk_.acknowledge(key);
    return;
  }
  PendingEntry* entry = desk_.pending.find(key);
  if (entry == nullptr) {
    if (desk_.pending.full(record.msg.size())) return no_room(std::move(record), merged);
    MOOT_CHECK(desk_.take_pending(std::move(record), false));
    entry = desk_.pending.find(key);
  } else {
    keep_stamp(*entry, cmd.stamp);
  }
  // In flight: whatever turn was planned for it is off, unless it stays in doubt.
  if (!entry->tried || !entry->due) desk_.back_off(*entry);
  entry->tried = true;
  entry->merged = merged;
  // What this connection proposed under this leader is acknowledged by that.
  if (!merged && !entry->proposed) desk_.acknowledge(key);
}

// Never acknowledged. Its commit will be a gap that a pull fills; a leader pulls from nobody.
void Replica::no_room(StoredRecord record, bool merged) {
  if (leading()) {
    duties_.keep_aside(std::move(record), merged);
  } else {
    dropped_ = true;
  }
}

void Replica::keep_stamp(PendingEntry& entry, Bytes stamp) {
  if (equal(entry.record.stamp, stamp)) return;
  entry.record.stamp.assign(stamp.begin(), stamp.end());
  desk_.persist(rop::PutPending{{entry.record, entry.own}}, false);
}

void Replica::on(const s::ChMsgAck& cmd) {
  if (cmd.channel != desk_.config.channel) return;
  const RecordKey key{cmd.id, cmd.digest};
  if (PendingEntry* entry = desk_.pending.find(key)) {
    entry->record.acks.unite(Users(&cmd.user, 1), 0);
    desk_.tell(note::Acked{key, cmd.user, cmd.need});
  }
  if (leading()) duties_.on_ack(desk_, cmd);
}

void Replica::on(const s::ChMsgCommit& cmd) {
  if (cmd.channel != desk_.config.channel) return;
  const RecordKey key{cmd.id, cmd.digest};
  const PendingEntry* entry = desk_.pending.find(key);
  std::optional<StoredRecord> record;
  if (entry != nullptr) {
    record = entry->record;
  } else if (desk_.history.contains(key)) {
    record = desk_.history.record(key);
  } else if (const LeaderDuties::Aside* aside = duties_.aside(key)) {
    record = aside->record;
  }
  if (!record) {
    if (mutant(Mutant::m05_gap_ignored)) return;
    desk_.tell(note::Gap{key});
    sync_.start(desk_);
    return;
  }
  const LeaderDuties::Aside* aside = duties_.aside(key);
  const bool merged = entry ? entry->merged : aside && aside->merged;
  // Before the commit these were acknowledgements that were seen; from now on what the server says.
  if (entry != nullptr) record->acks = {};
  record->acks.unite(cmd.acks, cmd.acks_n);
  if (cmd.cert) record->cert.assign(cmd.cert->begin(), cmd.cert->end());
  desk_.commit(std::move(*record), merged ? note::Way::merged : note::Way::broadcast);
  committed(key);
}

void Replica::committed(const RecordKey& key) {
  duties_.on_committed(key);
  sync_.on_committed(desk_, key);
  candidacy_.on_history_changed(desk_);
}

void Replica::on(const s::ChMsgConfirm& cmd) {
  if (cmd.id != desk_.config.channel) return;
  const RecordKey key{cmd.message, cmd.digest};
  const bool acked = !mutant(Mutant::m11_confirm_committed_only) && desk_.pending.contains(key);
  if (acked || desk_.history.contains(key)) desk_.acknowledge(key);
}

// ---- syncs and merges ---------------------------------------------------------------------

void Replica::on(const s::ChPull& cmd) {
  if (cmd.id == desk_.config.channel && leading()) duties_.on_pull(desk_, cmd);
}

void Replica::on(const s::ChMerge& cmd) {
  if (cmd.id == desk_.config.channel && leading()) duties_.on_merge(desk_, cmd);
}

void Replica::on(const s::ChAppend& cmd) {
  if (cmd.id != desk_.config.channel) return;
  const std::uint64_t before = desk_.history.count();
  sync_.on_append(desk_, cmd);
  if (desk_.history.count() != before) candidacy_.on_history_changed(desk_);
}

// ---- refusals -----------------------------------------------------------------------------

void Replica::on(const s::Err& cmd) {
  if (cmd.channel && *cmd.channel != desk_.config.channel) return;
  if (cmd.ref_cmd == "CH_MSG") return message_refused(cmd);
  if (cmd.ref_cmd == "CH_LEAD") return candidacy_.on_refused(desk_, cmd);
  if (cmd.ref_cmd == "CH_PULL" || cmd.ref_cmd == "CH_MERGE") return sync_.on_refused(desk_, cmd);
  if (cmd.ref_cmd == "CH_COMMIT") return duties_.on_refused(cmd);
  if (cmd.ref_cmd == "CH_ATTACH") {
    desk_.connection_lost();
    leader_gone();
    candidacy_.stop();
  }
}

void Replica::message_refused(const s::Err& err) {
  const auto code = parse_enum<Errc>(err.code);
  if (!code || !err.id || !err.id->msg) return;
  std::optional<RecordKey> key;
  for (auto it = desk_.pending.all().lower_bound({*err.id->msg, {}});
       it != desk_.pending.all().end() && it->first.id == *err.id->msg; ++it) {
    if (it->second.sent > it->second.refused) key = it->first;
  }
  if (!key) return;
  PendingEntry& entry = *desk_.pending.find(*key);
  ++entry.refused;
  entry.proposed = false;
  if (err.now) desk_.clock_ahead_ms = static_cast<std::int64_t>(*err.now - desk_.now.wall.ms);
  note::Refused refused{*key, *code, {}, false};
  if (entry.own && (*code == Errc::bad_time || *code == Errc::expired)) {
    if (entry.id_is_free() && entry.new_ids < kNewIdsMax) return give_new_id(*key, *code);
    wait_for_time(entry);
    // Too old for good: others may have it and propose it with its stamp.
    if (*code == Errc::expired && entry.record.stamp.empty()) {
      desk_.pending.schedule(entry, std::nullopt);
    }
  } else if (entry.own && *code == Errc::conflict && entry.id_is_free() &&
             entry.new_ids < kNewIdsMax) {
    return give_new_id(*key, *code);
  } else if (entry.own && *code == Errc::too_large && entry.id_is_free()) {
    refused.gone = true;
    desk_.drop_pending(*key);
  }
  desk_.tell(refused);
}

// An id of a wrong clock, that may be in use: the server takes it once its own clock is there. That
// one stands still while it waits for a clock that was set back, so the pauses grow as well.
void Replica::wait_for_time(PendingEntry& entry) {
  const auto ahead = static_cast<std::int64_t>(entry.record.id.time().ms - desk_.now.wall.ms) -
                     desk_.clock_ahead_ms;
  if (ahead <= 0) return;
  const Millis pause = std::min(
      std::max(Millis{ahead}, kTimeWaitMin * (1 << std::min(entry.tries, 6u))), kTimeWaitMax);
  const Tick due = desk_.now.tick + desk_.rng.between(pause, pause * 6 / 5);
  desk_.pending.schedule(entry, std::max(due, entry.due.value_or(due)));
}

// No transmission of the old id can come back: each was refused (replication.md, hole 7).
void Replica::give_new_id(const RecordKey& key, Errc why) {
  StoredRecord record = desk_.pending.find(key)->record;
  const unsigned new_ids = desk_.pending.find(key)->new_ids + 1;
  desk_.drop_pending(key);
  desk_.forget_newest();  // it may be the clock's mistake that is being repaired
  record.id = desk_.new_id();
  record.stamp.clear();
  record.acks = {};
  record.digest = record_digest(desk_.config.channel, record.id, record.from, record.msg);
  const RecordKey now_as = record.key();
  MOOT_CHECK(desk_.take_pending(std::move(record), true));  // the old one made room
  desk_.pending.find(now_as)->new_ids = new_ids;
  desk_.tell(note::Refused{key, why, now_as, false});
  desk_.propose(now_as);
}

// ---- messages in doubt --------------------------------------------------------------------

bool Replica::may_propose() const {
  return desk_.attached && desk_.healthy && desk_.leader != Desk::Leader::none && synced();
}

// Once for each connection and leader, after the sync: what is in doubt still gets its turn.
void Replica::schedule_doubts() {
  if (doubts_scheduled_ || !may_propose()) return;
  doubts_scheduled_ = true;
  std::vector<RecordKey> keys;
  for (const auto& [key, entry] : desk_.pending.all()) {
    if (!entry.tried && !entry.due) keys.push_back(key);
  }
  for (const RecordKey& key : keys) {
    PendingEntry& entry = *desk_.pending.find(key);
    if (mutant(Mutant::m13_author_alone_retries) && !entry.own) continue;
    const Millis wait = entry.own   ? Millis{0}
                        : leading() ? kLeaderWaits
                                    : desk_.rng.between(kOthersWaitMin, kOthersWaitMax);
    desk_.pending.schedule(entry, desk_.now.tick + wait);
  }
}

void Replica::propose_due() {
  if (!may_propose() || desk_.now.tick < next_burst_) return;
  const auto due = desk_.pending.due(desk_.now.tick, kProposalsAtOnce);
  for (const RecordKey& key : due) {
    PendingEntry& entry = *desk_.pending.find(key);
    if (mutant(Mutant::m13_author_alone_retries) && !entry.own) {
      desk_.pending.schedule(entry, std::nullopt);
      continue;
    }
    desk_.propose(key);
    if (mutant(Mutant::m15_retry_without_once)) {
      desk_.pending.schedule(entry, desk_.now.tick + kStormPause);
    }
  }
  if (due.size() == kProposalsAtOnce && !mutant(Mutant::m15_retry_without_once)) {
    next_burst_ = desk_.now.tick + kBetweenBursts;
  }
}

// ---- time ---------------------------------------------------------------------------------

std::optional<Tick> Replica::next_deadline() const {
  std::optional<Tick> next = sync_.deadline();
  const auto earlier = [&](std::optional<Tick> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  earlier(candidacy_.deadline());
  if (leading()) earlier(duties_.deadline());
  if (may_propose()) {
    auto due = desk_.pending.next_due();
    if (due) earlier(std::max(*due, next_burst_));
  }
  return next;
}

void Replica::tick(Now now, ReplicaEffects& fx) {
  const Step step(desk_, now, fx);
  candidacy_.tick(desk_);
  sync_.tick(desk_);
  if (leading()) duties_.tick(desk_);
  schedule_doubts();
  propose_due();
}

void Replica::check_invariants() const {
  desk_.history.check_invariants();
  desk_.pending.check_invariants();
  sync_.check_invariants(desk_);
  duties_.check_invariants(desk_);
  candidacy_.check_invariants();
  MOOT_CHECK(desk_.attached || desk_.leader == Desk::Leader::none);
  for (const auto& [key, entry] : desk_.pending.all()) {
    MOOT_CHECK(!desk_.history.contains(key));  // in P or in C, never in both
    MOOT_CHECK(!entry.own || entry.record.from == desk_.config.self);
    MOOT_CHECK(entry.own || !(desk_.newest_seen < key.id));
  }
}

}  // namespace moot
