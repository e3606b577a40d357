#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "channel/desk.h"
#include "model/commands.h"

namespace moot {

// The member's part of an election (replication.md D8, 2.4): when to stand, whom to vote for.
// Nothing here matters for safety; the server counts. Every wait ends by itself.
class Candidacy {
 public:
  // Nobody leads and enough members are online.
  void on_electing(Desk& desk, const s::ChStatus& status);
  // Somebody leads, too few are online, or the connection is gone.
  void stop();
  void on_vote(Desk& desk, const s::ChVote& asked);
  void on_refused(Desk& desk, const s::Err& err);  // of CH_LEAD
  void on_history_changed(Desk& desk);
  void tick(Desk& desk);
  std::optional<Tick> deadline() const;
  void check_invariants() const;

 private:
  enum class State : std::uint8_t {
    quiet,     // there is no election
    soon,      // will stand at until_
    asked,     // sent CH_LEAD: the server may be busy with another
    standing,  // the server put it to the vote
    watching,  // another one stands
    refused,   // lost: waits for history or roster to change
  };
  void stand_soon(Desk& desk, Millis after);
  void enter(Desk& desk, State state, Millis longest);

  State state_ = State::quiet;
  Tick until_;
  std::vector<UserId> roster_;
};

}  // namespace moot
