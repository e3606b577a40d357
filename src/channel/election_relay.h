#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "channel/user_set.h"
#include "model/commands.h"
#include "model/ids.h"

namespace moot {

// Elections of one channel as the server runs them: one candidate at a time, votes counted per
// user (replication.md 2.3 CH_LEAD, CH_VOTE). Knows nothing of who leads.
class ElectionRelay {
 public:
  struct Candidate {
    ConnId conn;
    UserId user;
    ReplicaId replica;
    OrNil<MsgId> last;
    std::uint64_t count = 0;
    UserSet electorate;
    std::uint64_t asked_seq =
        0;  // of the sessions attached before: they were asked (Attached::seq)
    UserSet votes;
    UserSet nays;
    Tick until;
  };
  enum class Verdict : std::uint8_t { open, won, lost };

  const std::optional<Candidate>& candidate() const { return candidate_; }

  // Why the replica cannot stand now, as the time after which it may ask again; nothing: it can.
  // Being told so counts: a deposed replica that asks again may stand when nobody else did.
  // REQUIRES: nobody stands.
  std::optional<Millis> objection(Tick now, ConnId conn, const ReplicaId& replica,
                                  const OrNil<MsgId>& last, std::uint64_t count);
  // REQUIRES: nobody stands, the user is online.
  void stand(Tick now, Candidate candidate);
  // The first vote of a user counts, and only of the electorate.
  Verdict vote(const UserId& user, bool yes);
  // The user has no session left that was asked.
  Verdict absent(const UserId& user);
  // The user is no member any more.
  Verdict leave(const UserId& user);
  // What the timer says.
  Verdict expired(Tick now) const;

  void refuse(Tick now);  // the candidate lost
  void withdraw();        // there is no candidate any more, and nobody is to blame
  void roster_changed();  // every refusal is lifted
  void forget(ConnId conn);
  void bar(Tick now, const ReplicaId& replica);

  std::optional<Tick> deadline() const;
  void check_invariants() const;

 private:
  struct Refused {
    OrNil<MsgId> last;
    std::uint64_t count = 0;
    Tick until;
  };
  struct Barred {
    Tick until;
    std::optional<Tick> told;  // and nobody stood since
  };
  Verdict verdict() const;

  std::optional<Candidate> candidate_;
  std::map<ConnId, Refused> refused_;
  std::map<ReplicaId, Barred> barred_;
};

}  // namespace moot
