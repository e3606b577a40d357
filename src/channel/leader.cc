#include "channel/leader.h"

#include <algorithm>

#include "base/check.h"
#include "channel/mutants.h"

namespace moot {
namespace {
// A commit that was asked for is not asked for again so soon; a later acknowledgement may.
constexpr Millis kCommitAskedAgain{1'000};
}  // namespace

void LeaderDuties::start() { stop(); }

void LeaderDuties::stop() {
  claims_.clear();
  claim_bytes_ = 0;
  by_age_.clear();
  commits_asked_.clear();
  aside_.clear();
  aside_bytes_ = 0;
  online_.clear();
}

void LeaderDuties::on_ack(Desk& desk, const s::ChMsgAck& ack) {
  const RecordKey key{ack.id, ack.digest};
  const auto claim = claims_.find(key);
  if (claim != claims_.end()) {
    // A confirmation. `need` is of no use here: there is no quorum to reach.
    claim->second.record.acks.unite(Users(&ack.user, 1), 0);
    return ask_commit(desk, key, claim->second.record.acks);
  }
  if (ack.need > 0) return;
  const auto asked = commits_asked_.find(key);
  if (asked != commits_asked_.end() && desk.now.tick - asked->second < kCommitAskedAgain) return;
  const PendingEntry* entry = desk.pending.find(key);
  ask_commit(desk, key, entry ? entry->record.acks : Acks::of(Users(&ack.user, 1), 1));
}

void LeaderDuties::ask_commit(Desk& desk, const RecordKey& key, const Acks& acks) {
  commits_asked_[key] = desk.now.tick;
  c::ChCommit commit;
  commit.id = key.id;
  commit.acks = acks.list;
  commit.channel = desk.config.channel;
  commit.election = desk.election;
  commit.digest = key.digest;
  desk.send(commit);
}

void LeaderDuties::on_pull(Desk& desk, const s::ChPull& pull) {
  desk.send(responder_.answer(desk.history, pull, desk.budget));
}

void LeaderDuties::on_merge(Desk& desk, const s::ChMerge& merge) {
  for (const MergeRecord& shown : merge.msg) {
    if (!plausible(shown)) continue;
    on_claim(desk, merge.user.value_or(UserId{}), stored_record(desk.config.channel, shown));
  }
}

void LeaderDuties::on_claim(Desk& desk, const UserId& claimant, StoredRecord record) {
  const RecordKey key = record.key();
  if (desk.history.contains(key)) return;
  auto it = claims_.find(key);
  if (it == claims_.end()) {
    if (claim_bytes_ + record.msg.size() > limits::kMergeBytesPerChannel ||
        claims_.size() >= limits::kMergesPerChannel) {
      return;  // its holder merges again after the next comparison
    }
    claim_bytes_ += record.msg.size();
    by_age_.emplace_back(desk.now.tick, key);
    it = claims_.emplace(key, Claim{std::move(record), claimant, desk.now.tick}).first;
  } else {
    it->second.record.acks.unite(record.acks);
  }
  const Claim& claim = it->second;
  if (mutant(Mutant::m09_no_confirmation_no_stamp) || mutant(Mutant::m21_no_confirmation)) {
    return ask_commit(desk, key, claim.record.acks);
  }
  const PendingEntry* own = desk.pending.find(key);
  if (own != nullptr && own->ticket <= desk.durable() && claimant != desk.config.self) {
    // The leader's own disk confirms it; the server relays that back, so the order holds.
    desk.acknowledge(key);
    Acks acks = claim.record.acks;
    acks.unite(Users(&desk.config.self, 1), 0);
    return ask_commit(desk, key, acks);
  }
  ask_confirm(desk, claim);
}

void LeaderDuties::ask_confirm(Desk& desk, const Claim& claim) {
  std::vector<UserId> users;
  for (const UserId& user : claim.record.acks.list) {
    if (user != claim.claimant) users.push_back(user);
  }
  if (users.empty() && claim.record.acks.n <= limits::kAcksListedMax) return;
  c::ChAckReq ask;
  ask.id = claim.record.id;
  ask.users = users;
  ask.channel = desk.config.channel;
  ask.digest = claim.record.digest;
  desk.send(ask);
}

// No more than the server has in flight, and one that it tells again with its commit.
void LeaderDuties::keep_aside(StoredRecord record, bool merged) {
  const RecordKey key = record.key();
  if (const auto known = aside_.find(key); known != aside_.end()) {
    known->second.merged = merged;
    return;
  }
  if (aside_.size() > limits::kInflightPerChannel ||
      aside_bytes_ > limits::kInflightBytesPerChannel) {
    return;
  }
  aside_bytes_ += record.msg.size();
  aside_.emplace(key, Aside{std::move(record), merged});
}

const LeaderDuties::Aside* LeaderDuties::aside(const RecordKey& key) const {
  const auto at = aside_.find(key);
  return at == aside_.end() ? nullptr : &at->second;
}

void LeaderDuties::on_committed(const RecordKey& key) {
  commits_asked_.erase(key);
  if (const auto at = aside_.find(key); at != aside_.end()) {
    aside_bytes_ -= at->second.record.msg.size();
    aside_.erase(at);
  }
  const auto it = claims_.find(key);
  if (it == claims_.end()) return;
  claim_bytes_ -= it->second.record.msg.size();
  claims_.erase(it);
}

void LeaderDuties::on_refused(const s::Err& err) {
  if (!err.id || !err.id->msg) return;
  const auto first = commits_asked_.lower_bound({*err.id->msg, {}});
  auto last = first;
  while (last != commits_asked_.end() && last->first.id == *err.id->msg) ++last;
  commits_asked_.erase(first, last);
}

// Somebody attached who may be able to confirm.
void LeaderDuties::on_online(Desk& desk, Users online) {
  const std::vector<UserId> before = std::move(online_);
  online_.assign(online.begin(), online.end());
  if (claims_.empty()) return;
  const auto came = [&](const UserId& user) {
    return std::find(online_.begin(), online_.end(), user) != online_.end() &&
           std::find(before.begin(), before.end(), user) == before.end();
  };
  for (const auto& [key, claim] : claims_) {
    const auto& list = claim.record.acks.list;
    if (std::any_of(list.begin(), list.end(), came)) ask_confirm(desk, claim);
  }
}

// Nobody confirmed: the stamp allows to propose it again like any message (replication.md D6).
void LeaderDuties::tick(Desk& desk) {
  std::vector<RecordKey> over;
  while (!by_age_.empty() && desk.now.tick - by_age_.front().first >= limits::kConfirmTimeout) {
    const auto [first, key] = by_age_.front();
    by_age_.pop_front();
    const auto it = claims_.find(key);
    if (it != claims_.end() && it->second.first == first) over.push_back(key);
  }
  for (const RecordKey& key : over) {
    StoredRecord record = claims_.at(key).record;
    on_committed(key);
    if (mutant(Mutant::m12_merge_not_reproposed) || record.stamp.empty()) continue;
    // Proposed or seen in flight in this term: the pauses between proposals stay as they are.
    const PendingEntry* own = desk.pending.find(key);
    if (own != nullptr && own->tried) continue;
    if (!desk.healthy) {
      // Nothing can be sent: it is in doubt here from now on, and settled like anything in doubt.
      if (!desk.pending.contains(key) && !desk.history.contains(key)) {
        if (desk.take_pending(std::move(record), false)) desk.back_off(*desk.pending.find(key));
      }
      continue;
    }
    record.acks = {};
    if (desk.pending.contains(key) || desk.take_pending(std::move(record), false)) {
      desk.propose(key);
    }
  }
}

std::optional<Tick> LeaderDuties::deadline() const {
  if (by_age_.empty()) return std::nullopt;
  return by_age_.front().first + limits::kConfirmTimeout;
}

void LeaderDuties::check_invariants(const Desk& desk) const {
  MOOT_CHECK(desk.leader == Desk::Leader::here ||
             (claims_.empty() && commits_asked_.empty() && aside_.empty()));
  std::size_t bytes = 0;
  for (const auto& [key, claim] : claims_) {
    MOOT_CHECK(!desk.history.contains(key));
    bytes += claim.record.msg.size();
  }
  MOOT_CHECK(bytes == claim_bytes_);
  bytes = 0;
  for (const auto& [key, aside] : aside_) {
    MOOT_CHECK(!desk.history.contains(key));
    bytes += aside.record.msg.size();
  }
  MOOT_CHECK(bytes == aside_bytes_);
  MOOT_CHECK(by_age_.size() >= claims_.size());
}

}  // namespace moot
