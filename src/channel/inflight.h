#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "channel/record.h"
#include "channel/user_set.h"
#include "model/ids.h"

namespace moot {

// A message that was relayed and is not committed (replication.md D4).
struct Inflight {
  StoredRecord record;            // its `acks` stay empty: who acknowledged is below
  UserSet asked;                  // D: who was online when it was relayed
  UserSet acked;                  // on whose disk it is, whether asked or not
  std::size_t counted = 0;        // |acked and asked|
  Tick relayed;                   // the last time it went out
  std::optional<Tick> quorum_at;  // since when the leader could have committed it
  std::uint64_t seq = 0;          // the order of relaying

  bool has_quorum() const;
  // Acknowledgements that are still missing (CH_MSG_ACK `need`).
  std::uint64_t need() const;
  // Whether the acknowledgement was new.
  bool acknowledge(const UserId& user);
  // Who counts, `leader` and the author first, then in order, as far as a list goes.
  Acks acks(const UserId& leader) const;
  // The user is no member any more: on his disk or not, he does not count (hole 6).
  void forget(const UserId& user);
  // A new D. REQUIRES: not empty.
  void ask(UserSet users, Tick now);
  // Could D still give a quorum if everybody of it who is online answered?
  bool can_reach(const UserSet& online) const;
};

// Enough acknowledgements? Its own function because mutations break it (replication.md 4.3).
bool quorum_met(const Inflight& message, const UserSet& online);

// Everything in flight in one channel: at most one content of an id.
class InflightTable {
 public:
  Inflight* find(const MsgId& id);
  const Inflight* find(const MsgId& id) const;
  Inflight& add(Inflight message);
  void erase(const MsgId& id);
  std::size_t size() const { return messages_.size(); }
  std::size_t bytes() const { return bytes_; }
  bool full(std::size_t more_bytes) const;

  // In the order of relaying; valid until the next add or erase.
  std::vector<Inflight*> in_order();
  std::map<MsgId, Inflight>& all() { return messages_; }
  const std::map<MsgId, Inflight>& all() const { return messages_; }

 private:
  std::map<MsgId, Inflight> messages_;
  std::size_t bytes_ = 0;
  std::uint64_t next_seq_ = 0;
};

}  // namespace moot
