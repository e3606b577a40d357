#include "channel/election_relay.h"

#include <utility>

#include "base/check.h"
#include "channel/mutants.h"
#include "channel/record.h"
#include "model/limits.h"

namespace moot {

std::optional<Millis> ElectionRelay::objection(Tick now, ConnId conn, const ReplicaId& replica,
                                               const OrNil<MsgId>& last, std::uint64_t count) {
  MOOT_CHECK(!candidate_);
  if (const auto at = refused_.find(conn); at != refused_.end()) {
    const Refused& r = at->second;
    if (mutant(Mutant::m22_refused_for_ever)) return limits::kRefusedFor;
    if (now < r.until && r.last == last && r.count == count) return r.until - now;
    refused_.erase(at);
  }
  std::erase_if(barred_, [&](const auto& b) { return b.second.until <= now; });
  if (const auto at = barred_.find(replica); at != barred_.end()) {
    if (!at->second.told) {
      at->second.told = now;
      return limits::kBarredRetry;
    }
    const Tick free = *at->second.told + limits::kBarredRetry;
    if (now < free) return free - now;
  }
  return std::nullopt;
}

void ElectionRelay::stand(Tick now, Candidate candidate) {
  MOOT_CHECK(!candidate_ && candidate.electorate.contains(candidate.user));
  for (auto& [replica, barred] : barred_) {
    if (replica != candidate.replica) barred.told.reset();
  }
  candidate.votes = {candidate.user};
  candidate.nays.clear();
  candidate.until = now + limits::kElectionTimeout;
  candidate_ = std::move(candidate);
}

ElectionRelay::Verdict ElectionRelay::verdict() const {
  const Candidate& c = *candidate_;
  const std::size_t needed = majority(c.electorate.size());
  if (c.votes.size() >= needed) return Verdict::won;
  if (c.electorate.size() - c.nays.size() < needed) return Verdict::lost;
  return Verdict::open;
}

ElectionRelay::Verdict ElectionRelay::vote(const UserId& user, bool yes) {
  MOOT_CHECK(candidate_);
  Candidate& c = *candidate_;
  if (!c.electorate.contains(user)) return Verdict::open;
  if (c.votes.contains(user) || c.nays.contains(user)) return Verdict::open;
  (yes ? c.votes : c.nays).insert(user);
  return verdict();
}

ElectionRelay::Verdict ElectionRelay::absent(const UserId& user) {
  if (!candidate_) return Verdict::open;
  return vote(user, false);
}

ElectionRelay::Verdict ElectionRelay::leave(const UserId& user) {
  if (!candidate_ || !candidate_->electorate.erase(user)) return Verdict::open;
  candidate_->votes.erase(user);
  candidate_->nays.erase(user);
  return verdict();
}

ElectionRelay::Verdict ElectionRelay::expired(Tick now) const {
  return candidate_ && candidate_->until <= now ? Verdict::lost : Verdict::open;
}

void ElectionRelay::refuse(Tick now) {
  MOOT_CHECK(candidate_);
  refused_.insert_or_assign(candidate_->conn, Refused{.last = candidate_->last,
                                                      .count = candidate_->count,
                                                      .until = now + limits::kRefusedFor});
  candidate_.reset();
}

void ElectionRelay::withdraw() { candidate_.reset(); }

void ElectionRelay::roster_changed() {
  if (mutant(Mutant::m22_refused_for_ever)) return;
  refused_.clear();
}

void ElectionRelay::forget(ConnId conn) { refused_.erase(conn); }

void ElectionRelay::bar(Tick now, const ReplicaId& replica) {
  barred_.insert_or_assign(replica, Barred{.until = now + limits::kDeposedBarred});
}

std::optional<Tick> ElectionRelay::deadline() const {
  if (!candidate_) return std::nullopt;
  return candidate_->until;
}

void ElectionRelay::check_invariants() const {
  if (!candidate_) return;
  const Candidate& c = *candidate_;
  MOOT_CHECK(c.electorate.contains(c.user) && c.votes.contains(c.user));
  MOOT_CHECK(c.votes.count_in(c.electorate) == c.votes.size());
  MOOT_CHECK(c.nays.count_in(c.electorate) == c.nays.size());
  MOOT_CHECK(c.votes.count_in(c.nays) == 0);
  MOOT_CHECK(verdict() == Verdict::open);
}

}  // namespace moot
