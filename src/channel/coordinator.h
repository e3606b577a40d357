#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "channel/election_relay.h"
#include "channel/inflight.h"
#include "channel/routes.h"
#include "channel/turn.h"
#include "channel/watch.h"
#include "model/commands.h"

namespace moot {

// The server's side of one channel that its members keep (replication.md 2.3): relays, counts,
// runs elections, decides what has its quorum. Everything here is soft: a restart forgets it, and
// a greater epoch keeps old numbers apart from new ones.
//
// Invariants (replication.md 2.7): S5 at most one leader, a session that is attached, and numbers
// only grow; S7 a commit counts only from him and under his number; what is in flight was asked
// of members and is acknowledged by members; nothing is routed while nobody leads.
class Coordinator {
 public:
  explicit Coordinator(std::uint64_t epoch);

  Leadership leadership() const;

  // A session is attached already when `attached` is told, and detached when `detached` is.
  // `repeated`: it was before, and asks for its answer once more.
  void attached(const Turn& turn, ConnId conn, bool repeated);
  // `offline`: the user has no other session here.
  void detached(const Turn& turn, ConnId conn, const UserId& user, bool offline);
  // The connection is gone, attached or not.
  void gone(ConnId conn);
  // A user is no member any more; his sessions were detached before.
  void left(const Turn& turn, const UserId& user);

  // REQUIRES of all: the channel is known, the user a member of it; of those marked *, that the
  // connection is attached.
  void message(const Turn& turn, ConnId conn, const UserId& user, const c::ChMsg& cmd);
  void ack(const Turn& turn, ConnId conn, const UserId& user, const c::AckChMsg& cmd);  // *
  void commit(const Turn& turn, ConnId conn, const c::ChCommit& cmd);                   // *
  void lead(const Turn& turn, ConnId conn, const UserId& user, const c::ChLead& cmd);   // *
  void vote(const Turn& turn, const UserId& user, const c::ChVote& cmd);                // *
  void pull(const Turn& turn, ConnId conn, const UserId& user, const c::ChPull& cmd);
  void append(const Turn& turn, ConnId conn, const c::ChAppend& cmd);                    // *
  void merge(const Turn& turn, ConnId conn, const UserId& user, const c::ChMerge& cmd);  // *
  void ack_request(const Turn& turn, ConnId conn, const c::ChAckReq& cmd);               // *

  void tick(const Turn& turn);
  std::optional<Tick> deadline() const;

  // The numbers of this epoch are used up: the caller raises it on disk, then tells it here.
  bool needs_epoch() const;
  void new_epoch(std::uint64_t epoch);

  bool standing() const { return elections_.candidate().has_value(); }
  std::size_t in_flight() const { return inflight_.size(); }
  const InflightTable& messages() const { return inflight_; }
  std::uint64_t epoch() const { return epoch_; }
  // Pulls of the connection that wait for their page.
  std::size_t pulls_of(ConnId conn) const { return routes_.pulls_of(conn); }
  bool has_routed(ConnId conn, std::uint64_t req) const {
    return routes_.pulls().contains({conn, req});
  }
  void check_invariants(const Roster& roster, const Attendance& here) const;

 private:
  struct Leader {
    ConnId conn;
    UserId user;
    ReplicaId replica;
  };

  bool leads(ConnId conn) const { return leader_ && leader_->conn == conn; }
  bool healthy(const Turn& turn) const;
  std::uint64_t election() const;

  // Elections.
  bool was_asked_to_vote(const Turn& turn, const UserId& user) const;
  void judge(const Turn& turn, ElectionRelay::Verdict verdict, bool refuse);
  void elected(const Turn& turn);
  void lose_leader(const Turn& turn);
  void send_elected(const Turn& turn, Conns to) const;
  void depose(const Turn& turn);

  // In flight.
  void relay(const Turn& turn, const UserId& user, StoredRecord record, UserSet asked);
  void tell_again(const Turn& turn, ConnId conn, RecentCommit& known, const StoredRecord& record);
  static void measure(const Turn& turn, ConnId conn, const Inflight& m);
  void count_ack(const Turn& turn, Inflight& m, const UserId& user, std::optional<Bytes> proof,
                 bool always_tell);
  void tell_ack(const Turn& turn, const Inflight& m, const UserId& user,
                std::optional<Bytes> proof) const;
  void recounted(const Turn& turn, Inflight& m);
  void quorum_changed(const Turn& turn, Inflight& m);
  std::uint64_t missing(const Turn& turn, const Inflight& m) const;
  void ask_again(const Turn& turn, Inflight& m);
  void ask_again_where_stuck(const Turn& turn);
  void finish(const Turn& turn, const StoredRecord& record, const Acks& acks, bool merged,
              std::optional<Bytes> cert);

  std::uint64_t epoch_;
  std::uint32_t number_ = 0;  // of the last election of this epoch
  std::optional<Leader> leader_;
  ElectionRelay elections_;
  InflightTable inflight_;
  Routes routes_;
  LeaderWatch watch_;
  // No later than the first time at which a message in flight, or the leader, is overdue.
  std::optional<Tick> check_at_;
};

}  // namespace moot
