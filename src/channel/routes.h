#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/time.h"
#include "channel/record.h"
#include "channel/user_set.h"
#include "model/ids.h"

namespace moot {

// A pull that was routed to the leader and waits for its page. Keyed by who asked and the number
// he gave it: a page for anybody else is not passed on (replication.md, holes 3 and 26).
struct Pull {
  UserId user;
  Tick asked;
  std::uint64_t seq = 0;  // the order of asking
};

// A record that somebody says was committed (CH_MERGE).
struct Merge {
  StoredRecord record;  // with the acks of all claims
  UserSet claimants;
  bool confirmed = false;

  // May this user's acknowledgement confirm it? Nobody confirms what he alone claims.
  bool may_confirm(const UserId& user, bool leads) const;
  bool only_claimant(const UserId& user) const {
    return claimants.size() == 1 && claimants.contains(user);
  }
};

// What the server has routed to the present leader of a channel. Goes with him.
class Routes {
 public:
  using PullKey = std::pair<ConnId, std::uint64_t>;

  // A repeated one keeps its time.
  void pull(ConnId conn, std::uint64_t req, const UserId& user, Tick now);
  // It is answered: those asked after it wait from now on, as a leader answers one after another.
  std::optional<Pull> take_pull(ConnId conn, std::uint64_t req, Tick now);
  std::size_t pulls_of(ConnId conn) const;
  const std::map<PullKey, Pull>& pulls() const { return pulls_; }
  // Since when the leader could have answered it.
  Tick waits_since(const Pull& pull) const;
  void restart_watches(Tick now);
  void forget(ConnId conn);  // its pulls

  // Null: no room.
  Merge* merge(const UserId& claimant, StoredRecord record);
  Merge* find_merge(const RecordKey& key);
  void erase_merge(const RecordKey& key);
  const std::map<RecordKey, Merge>& merges() const { return merges_; }

  void clear();
  void check_invariants() const;

 private:
  std::map<PullKey, Pull> pulls_;
  std::uint64_t pull_seq_ = 0;
  Pull answered_;  // the last one; `asked`: when its answer came
  std::map<RecordKey, Merge> merges_;
  std::size_t merge_bytes_ = 0;
};

}  // namespace moot
