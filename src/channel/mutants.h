#pragma once

// Deliberately broken rules (replication.md 4.3), for the simulator alone: built with MOOT_MUTANTS
// it breaks the one that --mutant names, and some seed must catch it (docs/testing.md). In every
// other build the hooks are constants and vanish.
namespace moot {

enum class Mutant : int {
  none = 0,
  m01_ack_before_sync = 1,   // replica: acknowledges before the record is on disk
  m02_quorum_of_online = 2,  // coordinator: counts who is online at the commit
  m03_half_is_enough = 3,    // coordinator: half instead of a majority
  m04_pending_dropped = 4,   // replica: pending entries go at a change of leader
  m05_gap_ignored = 5,       // replica: commit of unknown content; coordinator: no replay on attach
  m06_anchor_trusted = 6,    // leader: no prefix fingerprint
  m07_range_of_the_list = 7,         // replica: the range ends at the last message of the page
  m08_no_merge = 8,                  // replica: keeps its extras to itself
  m09_no_confirmation_no_stamp = 9,  // leader and coordinator: one forger suffices
  m10_no_stamp = 10,                 // coordinator: confirmation by another user alone
  m11_confirm_committed_only = 11,   // replica: no confirmation of what is only acknowledged
  m12_merge_not_reproposed = 12,     // leader: a merge that nobody confirms is forgotten
  m13_author_alone_retries = 13,     // replica: only the author proposes again
  m14_leaver_counts = 14,            // coordinator: a leaver stays in D and in the acks
  m15_retry_without_once = 15,       // replica: proposes again at every occasion
  m16_recent_to_sender_alone = 16,   // coordinator: a retry of a commit is answered to its sender
  m17_restamp_on_retry = 17,         // order by the server's time: coordinator and history
  m18_election_restarts = 18,        // coordinator: the number starts over after a crash
  m19_no_resnapshot = 19,            // coordinator: D is never renewed
  m20_append_unchecked = 20,         // coordinator: a leader's page is not checked for stamps
  m21_no_confirmation = 21,          // leader: the stamp alone suffices
  m22_refused_for_ever = 22,         // coordinator: a refused candidate is never freed
  m23_late_see_all = 23,             // server: who joined late is sent what is older (`since_join`)
};

#ifdef MOOT_MUTANTS
inline constexpr bool kMutants = true;
inline Mutant mutant_in_hand = Mutant::none;  // set before anything runs
inline bool mutant(Mutant m) { return m == mutant_in_hand; }
#else
inline constexpr bool kMutants = false;
constexpr bool mutant(Mutant) { return false; }
#endif

}  // namespace moot
