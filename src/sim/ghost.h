#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel/channels.h"
#include "channel/memory_server.h"
#include "model/commands.h"
#include "model/replica_ops.h"
#include "sim/device.h"
#include "sim/plan.h"
#include "sim/sometimes.h"

namespace moot::sim {

UserId user_id(unsigned number);
unsigned user_number(const UserId& user);  // 31: the server, or nobody of the simulation

// Which command of whom the server is handling.
struct Handling {
  ConnId conn;
  std::string_view cmd;  // empty: none, a timer or a connection
  std::uint64_t step = 0;
};

struct Failure {
  std::string invariant;  // S1..S8, L1..L5
  std::string what;
};

// Knows what really happened, and compares with it what everybody says and stores
// (replication.md 2.7). Nothing in the run depends on it.
class Ghost {
 public:
  using Devices = std::vector<std::unique_ptr<Device>>;
  Ghost(const Devices& devices, const MemoryKept& kept, ChannelId channel, Counters& counters)
      : devices_(devices), kept_(kept), channel_(channel), counters_(counters) {}

  const std::optional<Failure>& failure() const { return failure_; }
  void fail(std::string_view invariant, std::string what);

  // ---- the server ----
  // What its disk says when it starts, and what it writes since: who is a member, and since when.
  void begins(const ServerSnapshot& disk);
  void persists(const op::Any& op);
  void connection(ConnId conn, unsigned user) { conn_users_.resize(conn.n + 1, user); }
  void handles(std::int64_t us, ConnId conn, const c::ChMsg& cmd);
  void handles(std::int64_t us, ConnId conn, const c::ChMerge& cmd);
  void handles(std::int64_t us, ConnId conn, const c::AckChMsg& cmd);
  // A commit is asked for; before it the server counts on these.
  void asked(const RecordKey& key, Users users);
  // A candidate lost; one is told to ask again later.
  void refused(std::int64_t us, ConnId conn) { refused_at_[conn] = us; }
  void told_to_wait(std::int64_t us, ConnId conn, std::uint64_t ms);
  // At the call of an effect, and when it leaves because the disk has what it waited for.
  void decides(std::int64_t us, const Handling& now, Conns to, const s::Any& cmd);
  void leaves(Conns to, const s::Any& cmd);
  void detached(ConnId conn);
  void left(unsigned user);
  // Who is online, once a session has ended.
  void online(const std::vector<UserId>& users);
  bool anything_in_flight() const { return in_flight_ > 0; }
  void server_stopped();
  // The first id of what the user may see of others: where history begins with one's joining, 120 s
  // before it (protocol.md 6.3).
  MsgId sees_from(unsigned user) const;

  // ---- devices ----
  void sends(std::int64_t us, Device& device, const c::Any& cmd);
  void tells(Device& device, const note::Any& what);
  void stepped(Device& device);
  // Now and then: its history is what it was plus what it told.
  void looked_through(Device& device);
  // At the end: the keys of a history, in its order. Two of the same set have the same.
  void ordered(const Device& device);
  // It was asked whether it holds the record, and it does: what it acknowledged in answer.
  void asked_to_confirm(const Device& device, const RecordKey& key, bool acknowledged);

  // Records that exist from the start on.
  void preload(const StoredRecord& record);
  const std::map<RecordKey, RecordKey>& renamed() const { return renamed_; }
  bool given_up(const RecordKey& key) const { return given_up_.contains(key); }
  bool committed(const RecordKey& key) const;
  std::uint64_t commits() const { return commits_; }

 private:
  using Mask = std::uint32_t;  // of users
  struct Fact {
    bool sent = false;  // its author sent it
    unsigned author = 31;
    bool committed = false;  // a CH_MSG_COMMIT of it left the server, once
    bool decided = false;    // in this life of the server
    bool in_flight = false;
    bool asked_again = false;
    bool quorum = false;
    Mask asked = 0;       // whom it was relayed to at first, but for those who left
    Mask reached = 0;     // all whom it was relayed to since
    Mask counted_on = 0;  // as the server says at the commit: who was asked last
    Mask acked = 0;
    std::int64_t relayed_at = 0;
    std::uint64_t replayed_step = 0;
    std::uint64_t merged_step = 0;
    std::uint64_t shown_ms = 0;  // as the server showed it
    ByteBuf stamp;
  };

  bool may_see(unsigned user, const MsgId& id, unsigned author) const;
  void check_sight(const Handling& now, Conns to, const s::Any& cmd);
  void relayed(std::int64_t us, const Handling& now, Conns to, const s::ChMsg& cmd);
  void commits(std::int64_t us, const Handling& now, const s::ChMsgCommit& cmd);
  void check_quorum(std::int64_t us, const RecordKey& key, const Fact& fact, Users acks);
  void elected(Conns to, const s::ChElected& cmd);
  bool on_disk_of(unsigned user, const RecordKey& key) const;
  Mask users_of(Conns to) const;
  RecordKey key_of(const MsgId& id, const UserId& from, Bytes msg) const;

  const Devices& devices_;
  const MemoryKept& kept_;
  ChannelId channel_;
  Counters& counters_;
  std::optional<Failure> failure_;
  std::vector<unsigned> conn_users_;
  std::map<RecordKey, Fact> facts_;
  std::map<RecordKey, RecordKey> renamed_;
  std::map<RecordKey, bool> given_up_;
  std::uint64_t commits_ = 0;
  bool since_join_ = false;
  std::map<unsigned, UnixMs> joined_;  // members, as decided
  std::vector<RecordKey> in_hand_;     // what the CH_MSG or CH_MERGE being handled brings

  ConnId leader_conn_;  // as decided; 0: none
  std::uint64_t leader_election_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t quorums_ = 0;  // messages that the leader could commit
  // What members say was committed, under the present leader.
  struct Claim {
    Mask claimants = 0;
    bool confirmed = false;  // by somebody who is not the only one to claim it
  };
  std::map<RecordKey, Claim> claims_;
  std::map<ConnId, std::int64_t> refused_at_;
  struct Term {
    UserId leader;
    ConnId conn;
  };
  std::map<std::uint64_t, Term> terms_;                 // as they left the server
  std::map<std::uint64_t, unsigned> leading_;           // election: device that leads
  std::map<Digest, std::vector<RecordKey>> sequences_;  // by the sum of the set
};

}  // namespace moot::sim
