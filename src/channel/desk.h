#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "channel/history.h"
#include "channel/pending.h"
#include "channel/ranges.h"
#include "channel/replica_effects.h"
#include "channel/rng.h"
#include "model/commands.h"

namespace moot {

struct ReplicaConfig {
  ChannelId channel;
  UserId self;
  ReplicaId replica;
  std::uint32_t frame_bytes_max = limits::kFrameBytesMax;
  std::uint64_t seed = 0;  // random; two devices never the same
  OrNil<MsgId> since;      // history `since_join`: the join, as an id with random part 0
};

// What the parts of one replica share: history, P, who leads, and the step in hand. Changes of
// what is on disk go through here, so that a step ends in one batch of operations.
class Desk {
 public:
  Desk(const ReplicaConfig& settings, const RecordReader& reader, ReplicaSnapshot stored);

  const ReplicaConfig config;
  HistoryIndex history;
  PendingSet pending;
  Rng rng;
  PageBudget budget;

  // Of this connection.
  bool attached = false;
  bool healthy = false;  // messages can be sent: a leader, and enough members online
  bool receipts = true;  // CH_STATUS `acks`
  enum class Leader : std::uint8_t { none, here, elsewhere };
  Leader leader = Leader::none;
  std::uint64_t election = 0;  // of that leader
  std::uint64_t election_seen = 0;
  std::int64_t clock_ahead_ms = 0;  // the server's, of ours
  MsgId newest_seen;

  // ---- the step in hand ----
  Now now;
  void begin(Now at, ReplicaEffects& effects);
  void end();  // hands the batch over
  void send(const c::Any& cmd) { effects_->send(cmd); }
  void tell(const note::Any& what) { effects_->tell(what); }

  // The ticket of what this step persists.
  Ticket ticket() const { return {last_.n + 1}; }
  // What is to be durable before all that this step changed up to here is; 0: it changed nothing.
  Ticket ticket_so_far() const { return ops_.empty() ? Ticket{} : ticket(); }
  Ticket durable() const { return durable_; }
  void persist(rop::Any op, bool urgent);
  // Somebody waits for what this step persists.
  void hurry() { urgent_ = true; }

  // ---- records ----
  RecordKey lower() const { return config.since ? *from_id(*config.since) : RecordKey{}; }
  void see(const MsgId& id);
  MsgId new_id();
  // But for what is in C, and in P unless this connection sent it and the server never took it: the
  // ids of such follow the same wrong clock.
  void forget_newest();
  // Into P and on disk. False: no room, and nothing happened.
  bool take_pending(StoredRecord record, bool own);
  void drop_pending(const RecordKey& key);
  // Into C, out of P. Known already: unites the acks.
  void commit(StoredRecord record, note::Way way);

  // ---- what waits for the disk ----
  // ACK_CH_MSG, once the record is on disk. REQUIRES: it is in P or in C.
  void acknowledge(const RecordKey& key);
  // CH_MSG from P, once on disk; the schedule of the next try starts with it.
  void propose(const RecordKey& key);
  void on_durable(Ticket upto);
  void connection_lost();

  // The next try of an entry that was proposed or seen in flight (replication.md 2.2).
  void back_off(PendingEntry& entry);

 private:
  struct Waiting {
    Ticket ticket;
    RecordKey key;
    bool propose = false;
  };
  void send_ack(const RecordKey& key);
  void send_proposal(const RecordKey& key);

  ReplicaEffects* effects_ = nullptr;
  std::vector<rop::Any> ops_;
  bool urgent_ = false;
  Ticket last_;
  Ticket durable_;
  std::vector<Waiting> waiting_;  // tickets do not descend
};

}  // namespace moot
