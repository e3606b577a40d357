#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "channel/desk.h"
#include "channel/responder.h"
#include "model/commands.h"

namespace moot {

// What a replica does while it leads (replication.md 2.5). It only asks: the server counts the
// quorum and makes everything public. A term starts with nothing and leaves nothing.
class LeaderDuties {
 public:
  void start();
  void stop();

  void on_ack(Desk& desk, const s::ChMsgAck& ack);
  void on_pull(Desk& desk, const s::ChPull& pull);
  void on_merge(Desk& desk, const s::ChMerge& merge);
  // A message was relayed, again perhaps, with a new set of users: what was asked for it is void.
  void on_relayed(const RecordKey& key) { commits_asked_.erase(key); }
  void on_committed(const RecordKey& key);
  void on_refused(const s::Err& err);  // of CH_COMMIT
  // What was relayed and P has no room for. It is not acknowledged, but a leader has nobody to pull
  // it from when the others commit it (replication.md D7): it stays in memory until then.
  struct Aside {
    StoredRecord record;
    bool merged = false;
  };
  void keep_aside(StoredRecord record, bool merged);
  const Aside* aside(const RecordKey& key) const;
  void on_online(Desk& desk, Users online);
  void tick(Desk& desk);
  std::optional<Tick> deadline() const;
  // Records that members say were committed and that nobody has decided yet.
  std::size_t claims() const { return claims_.size(); }
  void check_invariants(const Desk& desk) const;

 private:
  // A record that somebody says was committed, and this replica does not have as such.
  struct Claim {
    StoredRecord record;
    UserId claimant;  // the first
    Tick first;
  };
  void ask_commit(Desk& desk, const RecordKey& key, const Acks& acks);
  void ask_confirm(Desk& desk, const Claim& claim);
  void on_claim(Desk& desk, const UserId& claimant, StoredRecord record);

  PullResponder responder_;
  std::map<RecordKey, Claim> claims_;
  std::size_t claim_bytes_ = 0;
  std::deque<std::pair<Tick, RecordKey>> by_age_;  // of claims, some of them gone by now
  std::map<RecordKey, Tick> commits_asked_;
  std::map<RecordKey, Aside> aside_;
  std::size_t aside_bytes_ = 0;
  std::vector<UserId> online_;
};

}  // namespace moot
