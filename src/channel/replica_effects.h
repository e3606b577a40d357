#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "model/commands.h"
#include "model/replica_ops.h"
#include "model/store_ops.h"

namespace moot {

// What a replica tells those who show it. Views are valid during the call only.
namespace note {

// How a record came to be committed here.
enum class Way : std::uint8_t {
  broadcast,  // CH_MSG_COMMIT of a message seen before, or a server-kept CH_MSG
  merged,     // another member had it; the leader made it public
  pulled,     // found by this replica's sync
};

struct Pending {  // on its way to being committed: relayed, or composed here
  const StoredRecord& record;
  bool own = false;
};
struct Acked {
  RecordKey key;
  UserId user;
  std::uint64_t need = 0;  // acknowledgements still missing
};
struct Committed {
  const StoredRecord& record;
  Way way = Way::broadcast;
  bool late = false;  // its time is well before the newest one's: show it as arrived late
};
struct MoreAcks {
  const StoredRecord& record;
};
struct Conflict {  // two contents under one id: both are shown, flagged
  MsgId id;
};
struct Gap {  // a commit of unknown content: a sync follows
  RecordKey key;
};
// Nobody leads (`leader` nil), or somebody does.
struct Leader {
  OrNil<UserId> leader;
  std::uint64_t election = 0;
  bool here = false;  // this replica
};
struct Standing {  // an election: who asks for votes
  UserId candidate;
  std::uint64_t election = 0;
};
struct SyncProgress {
  std::uint64_t records = 0;      // pulled since the sync began
  OrNil<MsgId> at;                // the newest id of the page, when pages come in order
  std::uint64_t differences = 0;  // known and not yet pulled
};
struct Synced {};
// The server refused a composed message. Its text lives on under another key, or waits.
struct Refused {
  RecordKey key;
  Errc code = Errc::not_healthy;
  std::optional<RecordKey> now_as;  // given a new id
  bool gone = false;                // taken out of the outbox: it can never be sent
};

using Any = std::variant<Pending, Acked, Committed, MoreAcks, Conflict, Gap, Leader, Standing,
                         SyncProgress, Synced, Refused>;
}  // namespace note

// Where a replica's step puts what is to be done, in this order. Nothing here may call back.
class ReplicaEffects {
 public:
  virtual ~ReplicaEffects() = default;

  // On this replica's connection.
  virtual void send(const c::Any& cmd) = 0;
  // All or nothing, in the order of the tickets. Not `urgent`: may wait up to one second for
  // company. Replica::durable is to be told.
  virtual void persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) = 0;
  virtual void tell(const note::Any& what) = 0;
};

}  // namespace moot
