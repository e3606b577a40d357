#include "channel/keeper.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "channel/ranges.h"
#include "channel/relayed.h"
#include "model/limits.h"

namespace moot {

Leadership ServerKeeper::leadership() const {
  return {.leader = server_user(), .election = election_number(epoch_, 1), .online_min = 1};
}

HistoryIndex& ServerKeeper::history() const {
  if (!history_) history_.emplace(kept_.of(id_), kept_.leaves(id_));
  return *history_;
}

void ServerKeeper::attached(const Turn& turn, ConnId conn) const {
  turn.send(conn, s::ChElected{
                      .election = leadership().election, .leader = server_user(), .id = turn.id()});
}

void ServerKeeper::message(const Turn& turn, ConnId conn, const UserId& user, const c::ChMsg& cmd) {
  UserId author;
  if (!admit_stamp_and_time(turn, conn, user, cmd, author)) return;
  StoredRecord record = record_of(turn, cmd, author);
  if (history().contains(record.key())) return tell_again(turn, conn, record);
  if (history().contains_other(record.key())) {
    return turn.err(conn, Errc::conflict, "Another message has this id; send yours under a new id.",
                    {.id = cmd.msg_id});
  }
  record.acks = Acks::of(Users(&server_user(), 1), 1);
  keep(turn, record);
  turn.fx.happened(ChannelEvent::commit);
  tell(turn, record, false, conn);
}

void ServerKeeper::keep(const Turn& turn, const StoredRecord& record) {
  // The record and the leaves that sum it up are one operation, so that nothing parts them.
  MOOT_CHECK(history().insert(record, Ticket{}));
  const Ticket ticket = turn.fx.persist(op::PutRecord{.record = {.channel = turn.id(),
                                                                 .id = record.id,
                                                                 .digest = record.digest,
                                                                 .from = record.from,
                                                                 .msg = record.msg,
                                                                 .stamp = record.stamp,
                                                                 .acks = record.acks.list,
                                                                 .acks_n = record.acks.n,
                                                                 .cert = record.cert},
                                                      .leaves = history().take_changed_leaves()});
  history().update(record, ticket);
  turn.after(ticket);
  turn.recents.add(turn.id(), record.key(),
                   {.from = record.from, .acks = record.acks, .told_seq = turn.here.next_seq()});
}

void ServerKeeper::tell(const Turn& turn, const StoredRecord& record, bool merged, ConnId sender) {
  s::ChMsg msg = relayed(turn, record);
  if (merged) msg.merged = true;
  msg.committed = true;
  std::vector<ConnId> to = who_sees(turn, record);
  const auto at = std::ranges::lower_bound(to, sender);
  if (at == to.end() || *at != sender) to.insert(at, sender);
  turn.send(to, msg);
}

// A retry: everybody hears it again, but not more than once in a while (protocol.md 6.3).
void ServerKeeper::tell_again(const Turn& turn, ConnId conn, const StoredRecord& record) {
  RecentCommit* known = turn.recents.find(turn.id(), record.key());
  if (known == nullptr) {
    turn.recents.add(turn.id(), record.key(), {.from = record.from, .acks = record.acks});
    known = turn.recents.find(turn.id(), record.key());
  }
  const Attached* session = turn.here.find(conn);
  const bool quiet = known->again_at &&
                     turn.now.tick - *known->again_at < limits::kCommitToldAgain &&
                     (session == nullptr || session->seq < known->told_seq);
  if (!quiet) {
    known->again_at = turn.now.tick;
    known->told_seq = turn.here.next_seq();
    return tell(turn, record, true, conn);
  }
  s::ChMsg msg = relayed(turn, record);
  msg.merged = true;
  msg.committed = true;
  turn.send(conn, msg);
}

void ServerKeeper::ack(const Turn& turn, ConnId conn, const UserId& user, const c::AckChMsg& cmd) {
  if (!wants_acks(turn.roster)) return;
  const RecordKey key{cmd.id, cmd.digest};
  UserId author;
  if (const RecentCommit* known = turn.recents.find(turn.id(), key)) {
    author = known->from;
  } else if (const auto record = history().record(key)) {
    author = record->from;
  } else {
    return turn.err(conn, Errc::unknown_msg,
                    "The server keeps no such message; merge it if its stamp is the server's.",
                    {.id = cmd.id});
  }
  turn.send(turn.here.conns_of(author), s::ChMsgAck{.id = cmd.id,
                                                    .user = user,
                                                    .channel = turn.id(),
                                                    .digest = cmd.digest,
                                                    .need = 0,
                                                    .proof = cmd.proof});
}

void ServerKeeper::pull(const Turn& turn, ConnId conn, const UserId& user, const c::ChPull& cmd) {
  const c::ChAppend page = responder_.answer(history(), routed(turn, conn, user, cmd),
                                             page_budget(turn.frame_bytes_max));
  turn.send(conn, s::ChAppend{.id = page.id,
                              .anchor = page.anchor,
                              .messages = page.messages,
                              .req = page.req,
                              .upto = page.upto,
                              .more = page.more,
                              .ranges = page.ranges});
}

// The stamp is the server's own word that it relayed the record: no one else need confirm it.
void ServerKeeper::merge(const Turn& turn, ConnId conn, const c::ChMerge& cmd) {
  if (!well_formed(turn, cmd.msg)) {
    return turn.err(conn, Errc::bad_payload,
                    "A record of the page is malformed; send the page without it.");
  }
  std::optional<MsgId> forged;
  for (const MergeRecord& record : cmd.msg) {
    if (!stamp_valid(turn, record)) {
      if (!forged) forged = record.id;
      continue;
    }
    StoredRecord stored = stored_record(turn.id(), record);
    if (history().contains(stored.key())) {
      // Nothing new: who merges hears that it is done, and nobody else.
      turn.send(conn, s::ChMsgCommit{.id = stored.id,
                                     .acks = Users(&server_user(), 1),
                                     .channel = turn.id(),
                                     .election = leadership().election,
                                     .digest = stored.digest,
                                     .acks_n = 1});
      continue;
    }
    stored.acks.unite(Users(&server_user(), 1), 0);
    keep(turn, stored);
    turn.fx.happened(ChannelEvent::merge);
    tell(turn, stored, true, conn);
  }
  if (forged) {
    turn.err(conn, Errc::bad_stamp,
             "The server never relayed this message; it was dropped, the rest of the page was not.",
             {.id = *forged});
  }
}

void ServerKeeper::check_invariants(const Roster& roster) const {
  MOOT_CHECK(epoch_ == roster.state.epoch);
  if (history_) history_->check_invariants();
}

}  // namespace moot
