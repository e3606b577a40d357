#include "channel/routes.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "model/limits.h"

namespace moot {

bool Merge::may_confirm(const UserId& user, bool leads) const {
  if (only_claimant(user)) return false;
  return leads || record.acks.lists(user) || record.acks.n > limits::kAcksListedMax;
}

void Routes::pull(ConnId conn, std::uint64_t req, const UserId& user, Tick now) {
  pulls_.emplace(PullKey{conn, req}, Pull{user, now, ++pull_seq_});
}

std::size_t Routes::pulls_of(ConnId conn) const {
  return static_cast<std::size_t>(
      std::distance(pulls_.lower_bound({conn, 0}), pulls_.lower_bound({ConnId{conn.n + 1}, 0})));
}

std::optional<Pull> Routes::take_pull(ConnId conn, std::uint64_t req, Tick now) {
  const auto at = pulls_.find({conn, req});
  if (at == pulls_.end()) return std::nullopt;
  const Pull pull = at->second;
  pulls_.erase(at);
  answered_ = {pull.user, now, pull.seq};
  return pull;
}

Tick Routes::waits_since(const Pull& pull) const {
  return pull.seq > answered_.seq ? std::max(pull.asked, answered_.asked) : pull.asked;
}

void Routes::restart_watches(Tick now) {
  for (auto& [key, pull] : pulls_) pull.asked = now;
}

void Routes::forget(ConnId conn) {
  pulls_.erase(pulls_.lower_bound({conn, 0}), pulls_.lower_bound({ConnId{conn.n + 1}, 0}));
}

Merge* Routes::merge(const UserId& claimant, StoredRecord record) {
  const RecordKey key = record.key();
  if (const auto known = merges_.find(key); known != merges_.end()) {
    known->second.claimants.insert(claimant);
    known->second.record.acks.unite(record.acks);
    return &known->second;
  }
  const std::size_t bytes = record.msg.size() + record.cert.size();
  if (merges_.size() >= limits::kMergesPerChannel ||
      merge_bytes_ + bytes > limits::kMergeBytesPerChannel) {
    return nullptr;
  }
  merge_bytes_ += bytes;
  Merge merge{.record = std::move(record), .claimants = {claimant}};
  return &merges_.emplace(key, std::move(merge)).first->second;
}

Merge* Routes::find_merge(const RecordKey& key) {
  const auto at = merges_.find(key);
  return at == merges_.end() ? nullptr : &at->second;
}

void Routes::erase_merge(const RecordKey& key) {
  const auto at = merges_.find(key);
  if (at == merges_.end()) return;
  merge_bytes_ -= at->second.record.msg.size() + at->second.record.cert.size();
  merges_.erase(at);
}

void Routes::clear() {
  pulls_.clear();
  answered_ = {};
  merges_.clear();
  merge_bytes_ = 0;
}

void Routes::check_invariants() const {
  std::size_t bytes = 0;
  for (const auto& [key, merge] : merges_) {
    MOOT_CHECK(merge.record.key() == key && !merge.claimants.empty());
    bytes += merge.record.msg.size() + merge.record.cert.size();
  }
  MOOT_CHECK(bytes == merge_bytes_ && bytes <= limits::kMergeBytesPerChannel);
}

}  // namespace moot
