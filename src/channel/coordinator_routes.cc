// What the server routes between members and their leader: pulls, pages, merges, confirmations
// (replication.md 2.3).
#include <utility>
#include <vector>

#include "channel/coordinator.h"
#include "channel/mutants.h"
#include "channel/relayed.h"
#include "model/limits.h"

namespace moot {

namespace {
constexpr std::uint64_t kBusyRetryMs = 1'000;
}  // namespace

void Coordinator::pull(const Turn& turn, ConnId conn, const UserId& user, const c::ChPull& cmd) {
  if (!leader_) {
    return turn.err(conn, Errc::busy, "The channel has no leader; pull after the next CH_ELECTED.",
                    {.retry_ms = kBusyRetryMs});
  }
  if (leads(conn)) return;
  routes_.pull(conn, cmd.req, user, turn.now.tick);
  const Tick due =
      turn.now.tick + LeaderWatch::pull_patience(turn.here.find(leader_->conn)->round_trip);
  if (!check_at_ || due < *check_at_) check_at_ = due;
  s::ChPull pull = routed(turn, conn, user, cmd);
  // A leader who joined later has less: they compare what both may see.
  ask_since(pull, turn.roster.sees_from(leader_->user));
  turn.send(leader_->conn, pull);
}

void Coordinator::append(const Turn& turn, ConnId conn, const c::ChAppend& cmd) {
  if (!leads(conn)) {
    return turn.err(conn, Errc::not_leader,
                    "This replica does not lead the channel; only a leader answers pulls.");
  }
  if (!cmd.sid || !well_formed(turn, cmd.messages)) {
    return turn.err(conn, Errc::bad_payload,
                    "The page names no connection or has a malformed record; send it whole.");
  }
  const ConnId to{*cmd.sid};
  const std::optional<Pull> pull = routes_.take_pull(to, cmd.req, turn.now.tick);
  if (!pull) return;  // who asked is gone, or asked somebody else (holes 3 and 26)
  std::vector<AppendRecord> records;
  records.reserve(cmd.messages.size());
  for (const AppendRecord& record : cmd.messages) {
    if (!(record.from == pull->user || turn.roster.sees(pull->user, record.id))) continue;
    if (!mutant(Mutant::m20_append_unchecked) && !stamp_valid(turn, record)) continue;
    records.push_back(record);
  }
  turn.send(to, s::ChAppend{.id = cmd.id,
                            .anchor = cmd.anchor,
                            .messages = records,
                            .req = cmd.req,
                            .upto = cmd.upto,
                            .more = cmd.more,
                            .ranges = cmd.ranges});
}

void Coordinator::merge(const Turn& turn, ConnId conn, const UserId& user, const c::ChMerge& cmd) {
  if (!leader_) {
    return turn.err(conn, Errc::busy, "The channel has no leader; merge after the next CH_ELECTED.",
                    {.retry_ms = kBusyRetryMs});
  }
  if (leads(conn)) return;
  if (!well_formed(turn, cmd.msg)) {
    return turn.err(conn, Errc::bad_payload,
                    "A record of the page is malformed; send the page without it.");
  }
  std::optional<MsgId> forged;
  std::optional<MsgId> no_room;
  std::vector<MergeRecord> records;
  for (const MergeRecord& record : cmd.msg) {
    if (!stamp_valid(turn, record)) {
      if (!forged) forged = record.id;
      continue;
    }
    StoredRecord stored = stored_record(turn.id(), record);
    if (RecentCommit* known = turn.recents.find(turn.id(), stored.key())) {
      // Committed while the pages went to and fro. A leader who was not here then has to learn it,
      // and everybody with him (D7); else who merges need only be told that it is done.
      known->acks.unite(stored.acks);
      if (turn.here.find(leader_->conn)->seq > known->told_seq &&
          sees(turn, leader_->user, stored)) {
        tell_again(turn, conn, *known, stored);
      } else {
        turn.send(conn, s::ChMsgCommit{.id = stored.id,
                                       .acks = known->acks.list,
                                       .channel = turn.id(),
                                       .election = election(),
                                       .digest = stored.digest,
                                       .acks_n = known->acks.n});
      }
      continue;
    }
    // From before the leader's time: it waits for a leader who may see it.
    if (!sees(turn, leader_->user, stored)) continue;
    if (!routes_.merge(user, std::move(stored))) {
      if (!no_room) no_room = record.id;
      continue;
    }
    records.push_back(record);
  }
  if (forged) {
    turn.err(conn, Errc::bad_stamp,
             "The server never relayed this message; it was dropped, the rest of the page was not.",
             {.id = *forged});
  }
  if (no_room) {
    turn.err(conn, Errc::busy, "Too much waits to be merged in this channel; send it again later.",
             {.id = *no_room, .retry_ms = kBusyRetryMs});
  }
  if (records.empty()) return;
  turn.send(leader_->conn,
            s::ChMerge{.msg = records, .id = cmd.id, .req = cmd.req, .user = user, .sid = conn.n});
}

void Coordinator::ack_request(const Turn& turn, ConnId conn, const c::ChAckReq& cmd) {
  if (!leads(conn)) {
    return turn.err(conn, Errc::not_leader,
                    "This replica does not lead the channel; only a leader asks for confirmation.",
                    {.id = cmd.id});
  }
  const Merge* merge = routes_.find_merge({cmd.id, cmd.digest});
  if (!merge) {
    if (turn.recents.find(turn.id(), {cmd.id, cmd.digest})) return;
    return turn.err(conn, Errc::unknown_msg,
                    "No such record waits for confirmation; wait for the next CH_MERGE.",
                    {.id = cmd.id});
  }
  const bool ask_all = cmd.users.empty() && merge->record.acks.n > limits::kAcksListedMax;
  UserSet listed;
  for (const UserId& user : cmd.users) listed.insert(user);
  std::vector<ConnId> to;
  for (const auto& [session_conn, session] : turn.here.sessions()) {
    if (merge->only_claimant(session.user) || !sees(turn, session.user, merge->record)) continue;
    if (ask_all || listed.contains(session.user)) to.push_back(session_conn);
  }
  turn.send(to, s::ChMsgConfirm{.id = turn.id(), .message = cmd.id, .digest = cmd.digest});
}

}  // namespace moot
