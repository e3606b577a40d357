#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/time.h"
#include "channel/user_set.h"
#include "model/ids.h"

namespace moot {

// One connection that carries a replica of a channel (CH_ATTACH).
struct Attached {
  UserId user;
  ReplicaId replica;
  Tick since;
  std::uint64_t seq = 0;          // counts attaches and broadcasts of the channel: which was first
  std::uint64_t told_status = 0;  // revision of the last CH_STATUS it got
  Millis round_trip{0};           // smoothed, fsync included; 0: not measured yet
};

// Who is attached to one channel. A user is online there while a session of his is attached.
class Attendance {
 public:
  const Attached* find(ConnId conn) const;
  Attached* find(ConnId conn);
  bool has(ConnId conn) const { return sessions_.contains(conn); }
  void attach(ConnId conn, Attached session);
  // Whether the user has no session left here. REQUIRES: attached.
  bool detach(ConnId conn);

  const std::map<ConnId, Attached>& sessions() const { return sessions_; }
  // All sessions, in order; valid until the next attach or detach.
  const std::vector<ConnId>& conns() const { return conns_; }
  std::vector<ConnId> conns_of(const UserId& user) const;
  const UserSet& online() const { return online_; }
  std::uint64_t next_seq() { return ++seq_; }

  void check_invariants() const;

 private:
  std::map<ConnId, Attached> sessions_;
  std::map<UserId, std::set<ConnId>> of_;
  std::vector<ConnId> conns_;
  UserSet online_;
  std::uint64_t seq_ = 0;
};

}  // namespace moot
