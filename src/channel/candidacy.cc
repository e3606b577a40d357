#include "channel/candidacy.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace moot {
namespace {
// (newest id, count): who has more makes the better leader. It saves merges, no more.
std::tuple<bool, MsgId, std::uint64_t> rank_of(const OrNil<MsgId>& last, std::uint64_t count) {
  return {last.value.has_value(), last.value.value_or(MsgId{}), count};
}
OrNil<MsgId> newest_of(const Desk& desk) {
  const auto newest = desk.history.newest_id();
  return newest ? OrNil<MsgId>(*newest) : OrNil<MsgId>();
}
}  // namespace

void Candidacy::enter(Desk& desk, State state, Millis longest) {
  state_ = state;
  until_ = desk.now.tick + longest;
}

void Candidacy::stand_soon(Desk& desk, Millis after) {
  enter(desk, State::soon, after + desk.rng.between(Millis{0}, limits::kCandidacyDelayMax));
}

void Candidacy::on_electing(Desk& desk, const s::ChStatus& status) {
  bool roster_changed = false;
  if (status.online &&
      !std::equal(roster_.begin(), roster_.end(), status.online->begin(), status.online->end())) {
    roster_.assign(status.online->begin(), status.online->end());
    roster_changed = true;
  }
  switch (state_) {
    case State::quiet:
    case State::watching:  // the other one's election is over
      return stand_soon(desk, Millis{0});
    case State::refused:
      if (roster_changed) stand_soon(desk, Millis{0});
      return;
    case State::standing:
      // Over, unless only somebody came or went: then the server says that it is busy.
      if (roster_changed) return stand_soon(desk, limits::kBarredRetry);
      return enter(desk, State::refused, limits::kRefusedFor);
    case State::soon:
    case State::asked:
      return;
  }
}

void Candidacy::stop() {
  state_ = State::quiet;
  roster_.clear();
}

void Candidacy::on_vote(Desk& desk, const s::ChVote& asked) {
  if (asked.election < desk.election_seen) return;
  desk.tell(note::Standing{asked.user, asked.election});
  if (asked.user == desk.config.self) {
    // This replica, or another device of the same user: one vote, cast by standing.
    return enter(desk, state_ == State::asked ? State::standing : State::watching,
                 limits::kElectionTimeout);
  }
  const OrNil<MsgId> own_last = newest_of(desk);
  const std::uint64_t own_count = desk.history.count();
  const bool yes = rank_of(asked.last, asked.count) >= rank_of(own_last, own_count);
  c::ChVote vote;
  vote.election = asked.election;
  vote.user = yes ? asked.user : desk.config.self;
  vote.id = desk.config.channel;
  vote.last = own_last;
  vote.count = own_count;
  desk.send(vote);
  enter(desk, State::watching, limits::kElectionTimeout);
}

// Busy: another one stands, or this one may not yet. ERR is advice; the timers would do without.
void Candidacy::on_refused(Desk& desk, const s::Err& err) {
  if (state_ != State::asked) return;
  const std::uint64_t ms = std::min<std::uint64_t>(err.retry_ms.value_or(0), 60'000);
  stand_soon(desk, std::max<Millis>(limits::kBarredRetry, Millis(static_cast<std::int64_t>(ms))));
}

void Candidacy::on_history_changed(Desk& desk) {
  if (state_ == State::refused) stand_soon(desk, Millis{0});
}

void Candidacy::tick(Desk& desk) {
  if (state_ == State::quiet || desk.now.tick < until_) return;
  switch (state_) {
    case State::soon: {
      c::ChLead lead;
      lead.election = desk.election_seen;
      lead.id = desk.config.channel;
      lead.last = newest_of(desk);
      lead.count = desk.history.count();
      desk.send(lead);
      // No CH_VOTE about itself by then: it was not standing, so it was not refused either.
      return enter(desk, State::asked, limits::kElectionTimeout);
    }
    case State::standing:
      return enter(desk, State::refused, limits::kRefusedFor);
    case State::asked:
    case State::watching:
    case State::refused:
      return stand_soon(desk, Millis{0});
    case State::quiet:
      return;
  }
}

std::optional<Tick> Candidacy::deadline() const {
  if (state_ == State::quiet) return std::nullopt;
  return until_;
}

void Candidacy::check_invariants() const {
  MOOT_CHECK(state_ == State::quiet || deadline().has_value());
}

}  // namespace moot
