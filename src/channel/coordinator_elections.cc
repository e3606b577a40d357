// Elections of a channel: who stands, who won, what the new leader hears (replication.md 2.3).
#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "channel/coordinator.h"
#include "channel/coordinator_util.h"
#include "model/limits.h"

namespace moot {

void Coordinator::lead(const Turn& turn, ConnId conn, const UserId& user, const c::ChLead& cmd) {
  const auto busy = [&](std::string_view why, Millis wait) {
    turn.err(conn, Errc::busy, why, {.retry_ms = retry_in(wait)});
  };
  if (leader_) return busy("The channel has a leader; pull from it.", kRetrySoon);
  if (elections_.candidate()) {
    return busy("Somebody else stands for leader; answer the CH_VOTE and wait for its outcome.",
                elections_.candidate()->until - turn.now.tick);
  }
  if (turn.here.online().size() < limits::kMembersMin) {
    return busy("Fewer than three members are attached; wait for a CH_STATUS with more.",
                kRetrySoon);
  }
  const ReplicaId replica = turn.here.find(conn)->replica;
  if (const auto wait = elections_.objection(turn.now.tick, conn, replica, cmd.last, cmd.count)) {
    return busy("This replica cannot stand now; ask again after the time told.", *wait);
  }
  if (needs_epoch()) return busy("The channel takes a new epoch; ask again.", kRetrySoon);
  ++number_;
  elections_.stand(turn.now.tick, {.conn = conn,
                                   .user = user,
                                   .replica = replica,
                                   .last = cmd.last,
                                   .count = cmd.count,
                                   .electorate = turn.here.online(),
                                   .asked_seq = turn.here.next_seq()});
  turn.send(turn.here.conns(), s::ChVote{.election = election(),
                                         .user = user,
                                         .id = turn.id(),
                                         .last = cmd.last,
                                         .count = cmd.count});
}

void Coordinator::vote(const Turn& turn, const UserId& user, const c::ChVote& cmd) {
  if (!elections_.candidate() || cmd.election != election()) return;  // of an election that is over
  judge(turn, elections_.vote(user, cmd.user == elections_.candidate()->user), true);
}

// Is a session of his here that heard who stands?
bool Coordinator::was_asked_to_vote(const Turn& turn, const UserId& user) const {
  if (!elections_.candidate()) return false;
  return std::ranges::any_of(turn.here.conns_of(user), [&](ConnId conn) {
    return turn.here.find(conn)->seq < elections_.candidate()->asked_seq;
  });
}

void Coordinator::judge(const Turn& turn, ElectionRelay::Verdict verdict, bool refuse) {
  switch (verdict) {
    case ElectionRelay::Verdict::open:
      return;
    case ElectionRelay::Verdict::won:
      return elected(turn);
    case ElectionRelay::Verdict::lost:
      if (refuse) {
        turn.fx.refused_candidate(elections_.candidate()->conn);
        turn.fx.happened(ChannelEvent::refused);
        elections_.refuse(turn.now.tick);
      } else {
        elections_.withdraw();  // who lost because voters went away did nothing wrong
      }
      turn.status.touch();
      return;
  }
}

void Coordinator::elected(const Turn& turn) {
  const ElectionRelay::Candidate& c = *elections_.candidate();
  leader_ = Leader{.conn = c.conn, .user = c.user, .replica = c.replica};
  turn.fx.happened(ChannelEvent::elected);
  elections_.withdraw();
  elections_.roster_changed();
  watch_.reset();
  MOOT_CHECK(routes_.pulls().empty() && routes_.merges().empty());
  send_elected(turn, turn.here.conns());
  turn.status.touch();
  // The new leader hears what is known of each message in flight, and may commit it at once.
  for (Inflight* m : inflight_.in_order()) {
    for (const UserId& user : m->acked) {
      turn.send(leader_->conn, s::ChMsgAck{.id = m->record.id,
                                           .user = user,
                                           .channel = turn.id(),
                                           .digest = m->record.digest,
                                           .need = missing(turn, *m)});
    }
    m->quorum_at.reset();
    if (missing(turn, *m) == 0) m->quorum_at = turn.now.tick;
  }
  if (inflight_.size() > 0) earlier(check_at_, turn.now.tick);
  ask_again_where_stuck(turn);
}

void Coordinator::send_elected(const Turn& turn, Conns to) const {
  s::ChElected cmd{.election = election(), .leader = leader_->user, .id = turn.id()};
  std::vector<ConnId> others;
  std::vector<ConnId> own;
  for (const ConnId conn : to) {
    if (conn == leader_->conn) continue;
    (turn.here.find(conn)->user == leader_->user ? own : others).push_back(conn);
  }
  if (std::ranges::find(to, leader_->conn) != to.end()) {
    cmd.you = true;
    turn.send(leader_->conn, cmd);
  }
  cmd.you = false;
  turn.send(own, cmd);
  cmd.you.reset();
  turn.send(others, cmd);
}

void Coordinator::lose_leader(const Turn& turn) {
  leader_.reset();
  routes_.clear();
  watch_.reset();
  for (auto& [id, m] : inflight_.all()) m.quorum_at.reset();
  turn.status.touch();
}

void Coordinator::depose(const Turn& turn) {
  turn.fx.happened(ChannelEvent::deposed);
  elections_.bar(turn.now.tick, leader_->replica);
  lose_leader(turn);
}

}  // namespace moot
