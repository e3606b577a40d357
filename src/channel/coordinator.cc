#include "channel/coordinator.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/check.h"
#include "channel/coordinator_util.h"
#include "channel/mutants.h"
#include "channel/relayed.h"
#include "model/limits.h"

namespace moot {

Coordinator::Coordinator(std::uint64_t epoch) : epoch_(epoch) {}

std::uint64_t Coordinator::election() const {
  if (mutant(Mutant::m18_election_restarts)) return number_;
  return election_number(epoch_, number_);
}

bool Coordinator::needs_epoch() const { return number_ + 1 >= 1u << kElectionBits; }

void Coordinator::new_epoch(std::uint64_t epoch) {
  MOOT_CHECK(epoch > epoch_ && !leader_ && !elections_.candidate());
  epoch_ = epoch;
  number_ = 0;
}

Leadership Coordinator::leadership() const {
  return {.leader = leader_ ? leader_->user : UserId{},
          .election = election(),
          .online_min = limits::kMembersMin};
}

bool Coordinator::healthy(const Turn& turn) const {
  return leader_ && turn.here.online().size() >= limits::kMembersMin;
}

// ---- sessions --------------------------------------------------------------------------------

void Coordinator::attached(const Turn& turn, ConnId conn, bool repeated) {
  if (leader_) send_elected(turn, Conns(&conn, 1));
  if (!mutant(Mutant::m05_gap_ignored)) {
    const UserId& user = turn.here.find(conn)->user;
    for (const Inflight* m : inflight_.in_order()) {
      if (sees(turn, user, m->record)) turn.send(conn, relayed(turn, m->record));
    }
  }
  if (repeated) return;
  elections_.roster_changed();
  ask_again_where_stuck(turn);
  // What waited for more members may be overdue by now.
  if (inflight_.size() > 0) earlier(check_at_, turn.now.tick);
}

void Coordinator::detached(const Turn& turn, ConnId conn, const UserId& user, bool offline) {
  elections_.forget(conn);
  routes_.forget(conn);
  if (elections_.candidate() && elections_.candidate()->conn == conn) {
    elections_.withdraw();
    turn.status.touch();
  }
  if (leads(conn)) lose_leader(turn);
  if (!was_asked_to_vote(turn, user)) judge(turn, elections_.absent(user), false);
  if (!offline) return;
  elections_.roster_changed();
  ask_again_where_stuck(turn);
}

void Coordinator::gone(ConnId conn) { routes_.forget(conn); }

void Coordinator::left(const Turn& turn, const UserId& user) {
  elections_.roster_changed();
  judge(turn, elections_.leave(user), false);
  for (Inflight* m : inflight_.in_order()) {
    const std::uint64_t before = missing(turn, *m);
    m->forget(user);
    if (before > 0 && missing(turn, *m) == 0) recounted(turn, *m);
  }
  ask_again_where_stuck(turn);
}

// ---- messages --------------------------------------------------------------------------------

void Coordinator::message(const Turn& turn, ConnId conn, const UserId& user, const c::ChMsg& cmd) {
  const ErrDetail about{.id = cmd.msg_id};
  if (!healthy(turn)) {
    return turn.err(conn, Errc::not_healthy,
                    "The channel needs three attached members and a leader; keep the message and "
                    "send it when the channel is healthy (CH_STATUS).",
                    about);
  }
  if (!turn.here.has(conn)) {
    return turn.err(conn, Errc::not_attached,
                    "Members keep this channel; attach a replica with CH_ATTACH before sending.",
                    about);
  }
  UserId author;
  if (!admit_stamp_and_time(turn, conn, user, cmd, author)) return;

  const RecordKey key{cmd.msg_id, record_digest(turn.id(), cmd.msg_id, author, cmd.msg)};
  Inflight* flying = inflight_.find(key.id);
  RecentCommit* known = turn.recents.find(turn.id(), key);
  // What has a stamp was relayed once and may be on a disk: its turn comes after the other's, else
  // it would stay in doubt as long as that one is remembered (hole 23).
  const bool conflict = flying ? flying->record.digest != key.digest
                               : !known && !cmd.stamp && turn.recents.other_content(turn.id(), key);
  if (conflict) {
    return turn.err(conn, Errc::conflict, "Another message has this id; send yours under a new id.",
                    about);
  }
  if (flying) {
    count_ack(turn, *flying, user, std::nullopt, true);
    if (!flying->can_reach(turn.here.online())) ask_again(turn, *flying);
    return;
  }
  if (known) return tell_again(turn, conn, *known, record_of(turn, cmd, author));
  if (inflight_.full(cmd.msg.size())) {
    return turn.err(conn, Errc::busy,
                    "Too much waits to be committed in this channel; send it again later.",
                    {.id = cmd.msg_id, .retry_ms = retry_in(kRetrySoon)});
  }
  StoredRecord record = record_of(turn, cmd, author);
  UserSet asked = turn.here.online();
  if (turn.roster.state.history == History::since_join) {
    for (const UserId& member : turn.here.online()) {
      if (!sees(turn, member, record)) asked.erase(member);
    }
  }
  if (asked.size() < limits::kMembersMin) {
    return turn.err(conn, Errc::not_healthy,
                    "Too few of those attached may see so old a message; keep it and propose it "
                    "again later.",
                    about);
  }
  relay(turn, user, std::move(record), std::move(asked));
}

void Coordinator::relay(const Turn& turn, const UserId& user, StoredRecord record, UserSet asked) {
  Inflight& m = inflight_.add({.record = std::move(record)});
  m.ask(std::move(asked), turn.now.tick);
  earlier(check_at_, turn.now.tick + limits::kInflightTimeout);
  turn.send(who_sees(turn, m.record), relayed(turn, m.record));
  // Who proposes it has it on disk (replication.md 2.6).
  count_ack(turn, m, user, std::nullopt, true);
}

// A retry of what was committed: everybody hears it, because somebody who pulled a moment before
// the commit would never learn of it (replication.md D7). Once more soon after, only who proposes
// it does, unless he or the leader came since: what a member is told, the leader knows.
void Coordinator::tell_again(const Turn& turn, ConnId conn, RecentCommit& known,
                             const StoredRecord& record) {
  const auto was_told = [&](ConnId c) { return turn.here.find(c)->seq < known.told_seq; };
  const bool quiet = known.again_at && turn.now.tick - *known.again_at < limits::kCommitToldAgain &&
                     was_told(conn) && was_told(leader_->conn);
  const bool alone = quiet || mutant(Mutant::m16_recent_to_sender_alone);
  std::vector<ConnId> to{conn};
  if (!alone) {
    to = who_sees(turn, record);
    // Who proposes it has it, whatever he may see else: it is not to stay in doubt there.
    const auto at = std::ranges::lower_bound(to, conn);
    if (at == to.end() || *at != conn) to.insert(at, conn);
  }
  if (!alone) {
    known.again_at = turn.now.tick;
    known.told_seq = turn.here.next_seq();
  }
  s::ChMsg msg = relayed(turn, record);
  msg.merged = true;
  turn.send(to, msg);
  turn.send(to, s::ChMsgCommit{.id = record.id,
                               .acks = known.acks.list,
                               .channel = turn.id(),
                               .election = election(),
                               .digest = record.digest,
                               .acks_n = known.acks.n});
}

std::uint64_t Coordinator::missing(const Turn& turn, const Inflight& m) const {
  if (quorum_met(m, turn.here.online())) return 0;
  return std::max<std::uint64_t>(m.need(), 1);
}

void Coordinator::ack(const Turn& turn, ConnId conn, const UserId& user, const c::AckChMsg& cmd) {
  const RecordKey key{cmd.id, cmd.digest};
  bool known = false;
  if (Inflight* m = inflight_.find(cmd.id); m && m->record.digest == cmd.digest) {
    known = true;
    if (!m->acked.contains(user)) measure(turn, conn, *m);
    count_ack(turn, *m, user, cmd.proof, false);
  }
  if (Merge* merge = routes_.find_merge(key)) {
    known = true;
    if (leader_ && merge->may_confirm(user, leads(conn))) {
      merge->confirmed = true;
      merge->record.acks.unite(Users(&user, 1), 0);
      turn.send(leader_->conn, s::ChMsgAck{.id = cmd.id,
                                           .user = user,
                                           .channel = turn.id(),
                                           .digest = cmd.digest,
                                           .need = 0,
                                           .proof = cmd.proof});
    }
  }
  if (known || turn.recents.find(turn.id(), key)) return;
  turn.err(conn, Errc::unknown_msg,
           "No such message waits for an acknowledgement; keep it and pull the channel.",
           {.id = cmd.id});
}

// How long a relayed message takes to come back as an acknowledgement from this session.
void Coordinator::measure(const Turn& turn, ConnId conn, const Inflight& m) {
  Attached& session = *turn.here.find(conn);
  const Millis sample = std::min<Millis>(turn.now.tick - std::max(m.relayed, session.since),
                                         limits::kInflightTimeout);
  session.round_trip =
      session.round_trip.count() == 0 ? sample : (session.round_trip * 7 + sample) / 8;
}

void Coordinator::count_ack(const Turn& turn, Inflight& m, const UserId& user,
                            std::optional<Bytes> proof, bool always_tell) {
  const std::uint64_t before = missing(turn, m);
  const bool fresh = m.acknowledge(user);
  if (fresh || always_tell) tell_ack(turn, m, user, proof);
  if (fresh && before > 0) quorum_changed(turn, m);
}

void Coordinator::tell_ack(const Turn& turn, const Inflight& m, const UserId& user,
                           std::optional<Bytes> proof) const {
  std::vector<ConnId> to = turn.here.conns_of(m.record.from);
  if (leader_ && std::ranges::find(to, leader_->conn) == to.end()) {
    to.insert(std::ranges::lower_bound(to, leader_->conn), leader_->conn);
  }
  turn.send(to, s::ChMsgAck{.id = m.record.id,
                            .user = user,
                            .channel = turn.id(),
                            .digest = m.record.digest,
                            .need = missing(turn, m),
                            .proof = proof});
}

// Others are asked than were: an acknowledgement that counts says how many are missing now.
void Coordinator::recounted(const Turn& turn, Inflight& m) {
  for (const UserId& user : m.acked) {
    if (!m.asked.contains(user)) continue;
    tell_ack(turn, m, user, std::nullopt);
    break;
  }
  quorum_changed(turn, m);
}

// What counts for `m` may be enough now, without an acknowledgement that says so.
void Coordinator::quorum_changed(const Turn& turn, Inflight& m) {
  if (missing(turn, m) > 0 || m.quorum_at) return;
  if (!leader_) return;
  m.quorum_at = turn.now.tick;
  const Attached* session = turn.here.find(leader_->conn);
  earlier(check_at_, turn.now.tick + LeaderWatch::commit_patience(session->round_trip));
}

void Coordinator::ask_again_where_stuck(const Turn& turn) {
  if (!healthy(turn)) return;
  for (Inflight* m : inflight_.in_order()) {
    if (missing(turn, *m) > 0 && !m->can_reach(turn.here.online())) ask_again(turn, *m);
  }
}

// D can give no quorum, or did not in time: those who are here and answer are asked instead, at
// least three; acknowledgements stay (replication.md, hole 6).
void Coordinator::ask_again(const Turn& turn, Inflight& m) {
  if (mutant(Mutant::m19_no_resnapshot)) return;
  if (!healthy(turn)) return;
  UserSet asked;
  std::vector<UserId> silent;
  for (const UserId& user : turn.here.online()) {
    if (!sees(turn, user, m.record)) continue;
    bool overdue = true;
    for (const ConnId conn : turn.here.conns_of(user)) {
      const Tick had_it = std::max(m.relayed, turn.here.find(conn)->since);
      overdue = overdue && turn.now.tick - had_it >= limits::kInflightTimeout;
    }
    if (overdue && !m.acked.contains(user)) {
      silent.push_back(user);
    } else {
      asked.insert(user);
    }
  }
  for (const UserId& user : silent) {
    if (asked.size() >= limits::kMembersMin) break;
    asked.insert(user);
  }
  if (asked.size() < limits::kMembersMin) return;
  m.ask(std::move(asked), turn.now.tick);
  earlier(check_at_, turn.now.tick + limits::kInflightTimeout);
  std::vector<ConnId> to;
  for (const ConnId conn : who_sees(turn, m.record)) {
    if (!m.acked.contains(turn.here.find(conn)->user)) to.push_back(conn);
  }
  turn.send(to, relayed(turn, m.record));
  recounted(turn, m);
}

// ---- commits ---------------------------------------------------------------------------------

void Coordinator::commit(const Turn& turn, ConnId conn, const c::ChCommit& cmd) {
  const ErrDetail about{.id = cmd.id};
  if (!leads(conn)) {
    return turn.err(conn, Errc::not_leader,
                    "This replica does not lead the channel; pull from the one that does.", about);
  }
  if (cmd.election != election()) {
    return turn.err(conn, Errc::stale_election,
                    "The election number is not the present one; take it from the last "
                    "CH_ELECTED.",
                    about);
  }
  const RecordKey key{cmd.id, cmd.digest};
  Inflight* m = inflight_.find(cmd.id);
  if (m && m->record.digest != cmd.digest) m = nullptr;
  const Merge* merge = routes_.find_merge(key);
  if (m && missing(turn, *m) == 0) {
    const Acks acks = m->acks(leader_->user);
    const StoredRecord record = std::move(m->record);
    inflight_.erase(key.id);
    return finish(turn, record, acks, false, cmd.cert);
  }
  const bool unconfirmed_will_do =
      mutant(Mutant::m09_no_confirmation_no_stamp) || mutant(Mutant::m21_no_confirmation);
  if (merge && (merge->confirmed || unconfirmed_will_do)) {
    const StoredRecord record = merge->record;
    if (m) inflight_.erase(key.id);
    return finish(turn, record, record.acks, true, cmd.cert);
  }
  if (m || merge) {
    return turn.err(conn, Errc::no_quorum,
                    m ? "Too few of those it was relayed to have acknowledged it; wait for "
                        "CH_MSG_ACK with `need` 0."
                      : "Nobody but who claims it has confirmed it; ask with CH_ACK_REQ.",
                    about);
  }
  if (turn.recents.find(turn.id(), key)) return;
  turn.err(conn, Errc::unknown_msg, "No such message is in flight; its holders propose it again.",
           about);
}

void Coordinator::finish(const Turn& turn, const StoredRecord& record, const Acks& acks,
                         bool merged, std::optional<Bytes> cert) {
  const RecordKey key = record.key();
  turn.fx.happened(merged ? ChannelEvent::merge : ChannelEvent::commit);
  routes_.erase_merge(key);
  turn.recents.add(turn.id(), key,
                   {.from = record.from, .acks = acks, .told_seq = turn.here.next_seq()});
  const std::vector<ConnId> to = who_sees(turn, record);
  if (merged) {
    s::ChMsg msg = relayed(turn, record);
    msg.merged = true;
    turn.send(to, msg);
  }
  turn.send(to, s::ChMsgCommit{.id = record.id,
                               .acks = acks.list,
                               .channel = turn.id(),
                               .election = election(),
                               .digest = record.digest,
                               .acks_n = acks.n,
                               .cert = cert});
}

// ---- time ------------------------------------------------------------------------------------

std::optional<Tick> Coordinator::deadline() const {
  std::optional<Tick> at = elections_.deadline();
  if (check_at_) earlier(at, *check_at_);
  return at;
}

void Coordinator::tick(const Turn& turn) {
  const Tick now = turn.now.tick;
  judge(turn, elections_.expired(now), true);
  if (!check_at_ || now < *check_at_) return;
  check_at_.reset();
  bool failed = false;
  const Millis round_trip = leader_ ? turn.here.find(leader_->conn)->round_trip : Millis{0};
  for (Inflight* m : inflight_.in_order()) {
    if (m->quorum_at) {
      const Tick due = *m->quorum_at + LeaderWatch::commit_patience(round_trip);
      failed = failed || due <= now;
      earlier(check_at_, due);
    } else {
      const Tick due = m->relayed + limits::kInflightTimeout;
      if (due <= now && missing(turn, *m) > 0) ask_again(turn, *m);
      // Not healthy: it waits, and is looked at when that changes.
      if (!healthy(turn)) continue;
      const Tick next = m->relayed + limits::kInflightTimeout;
      earlier(check_at_, next > now ? next : now + limits::kInflightTimeout);
    }
  }
  for (const auto& [key, pull] : routes_.pulls()) {
    const Tick due = routes_.waits_since(pull) + LeaderWatch::pull_patience(round_trip);
    failed = failed || due <= now;
    earlier(check_at_, due);
  }
  if (!failed) return;
  if (watch_.strike(now)) {
    depose(turn);
    check_at_.reset();
    return;
  }
  // Each duty is given its whole time again before the next strike.
  for (auto& [id, m] : inflight_.all()) {
    if (m.quorum_at) m.quorum_at = now;
  }
  routes_.restart_watches(now);
  earlier(check_at_, now + LeaderWatch::commit_patience(round_trip));
}

void Coordinator::check_invariants(const Roster& roster, const Attendance& here) const {
  elections_.check_invariants();
  routes_.check_invariants();
  if (leader_) {
    const Attached* session = here.find(leader_->conn);
    MOOT_CHECK(session && session->user == leader_->user && session->replica == leader_->replica);
    MOOT_CHECK(!elections_.candidate());
  } else {
    MOOT_CHECK(routes_.pulls().empty() && routes_.merges().empty());
  }
  if (const auto& c = elections_.candidate()) MOOT_CHECK(here.has(c->conn));
  MOOT_CHECK(epoch_ == roster.state.epoch);
  for (const auto& [id, m] : inflight_.all()) {
    MOOT_CHECK(m.record.id == id && !m.record.stamp.empty());
    MOOT_CHECK(m.counted == m.acked.count_in(m.asked));
    if (mutant(Mutant::m14_leaver_counts)) continue;
    for (const UserId& user : m.asked) MOOT_CHECK(roster.member(user) != nullptr);
    for (const UserId& user : m.acked) MOOT_CHECK(roster.member(user) != nullptr);
  }
}

}  // namespace moot
