#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "channel/candidacy.h"
#include "channel/desk.h"
#include "channel/leader.h"
#include "channel/replica_effects.h"
#include "channel/sync.h"
#include "model/commands.h"

namespace moot {

// One device's copy of one channel (replication.md 2.4): acknowledges what is relayed once it is on
// disk, takes part in elections, leads when elected, and makes itself whole by syncs.
//
// The shell gives it every server command of its channel in order, and tells what became durable.
// Thread rule: one owner; effects do not call back.
class Replica {
 public:
  // `reader` outlives the replica and shows what the same store loaded.
  Replica(const ReplicaConfig& config, const RecordReader& reader, ReplicaSnapshot stored);

  // A connection of this user is through CNN, where payloads have at most so many octets: attaches.
  // And it is gone.
  void connected(Now now, std::uint32_t frame_bytes_max, ReplicaEffects& fx);
  void connected(Now now, ReplicaEffects& fx) { connected(now, config().frame_bytes_max, fx); }
  void disconnected(Now now, ReplicaEffects& fx);
  // Commands that do not concern the channel are ignored.
  void step(Now now, const s::Any& cmd, ReplicaEffects& fx);
  // A message of this user: on disk first, then sent. Refused (`not_healthy`, `queue_full`) when
  // it could not be sent now: the text stays a draft of the caller's.
  std::expected<RecordKey, Errc> compose(Now now, Bytes msg, ReplicaEffects& fx);
  void durable(Now now, Ticket upto, ReplicaEffects& fx);
  // Looks for what the leader has and this replica lacks, and the reverse, without a cause.
  void sync_now(Now now, ReplicaEffects& fx);

  // Whoever sends for it kept its last CH_PULL until now; or keeps it still, told again in time.
  void pull_left(Now now) { sync_.left(now.tick); }

  std::optional<Tick> next_deadline() const;
  void tick(Now now, ReplicaEffects& fx);

  const ReplicaConfig& config() const { return desk_.config; }
  const HistoryIndex& history() const { return desk_.history; }
  const PendingSet& pending() const { return desk_.pending; }
  const Sync& sync() const { return sync_; }
  bool leading() const { return desk_.leader == Desk::Leader::here; }
  // Of a leader: records merged to it that are neither confirmed nor proposed yet.
  std::size_t claims() const { return duties_.claims(); }
  // Has everything that the leader had; a leader has that always.
  bool synced() const { return leading() || sync_.synced(); }
  bool can_send() const { return desk_.attached && desk_.healthy; }
  std::uint64_t election_seen() const { return desk_.election_seen; }

  void check_invariants() const;

 private:
  class Step;  // begins and ends a step of the desk

  void on(const s::ChStatus& cmd);
  void on(const s::ChElected& cmd);
  void on(const s::ChMsg& cmd);
  void on(const s::ChMsgAck& cmd);
  void on(const s::ChMsgCommit& cmd);
  void on(const s::ChMsgConfirm& cmd);
  void on(const s::ChVote& cmd);
  void on(const s::ChPull& cmd);
  void on(const s::ChAppend& cmd);
  void on(const s::ChMerge& cmd);
  void on(const s::Err& cmd);
  template <class Other>
  void on(const Other&) {}

  void leader_gone();
  void no_room(StoredRecord record, bool merged);
  void keep_stamp(PendingEntry& entry, Bytes stamp);
  void committed(const RecordKey& key);
  void message_refused(const s::Err& err);
  void give_new_id(const RecordKey& key, Errc why);
  void wait_for_time(PendingEntry& entry);
  bool may_propose() const;
  void schedule_doubts();
  void propose_due();

  Desk desk_;
  Sync sync_;
  LeaderDuties duties_;
  Candidacy candidacy_;
  bool doubts_scheduled_ = false;  // under this connection and leader
  bool dropped_ = false;           // something in flight, for want of room
  Tick next_burst_;                // of proposals
};

}  // namespace moot
