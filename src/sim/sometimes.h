#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moot::sim {

// Situations that a set of runs must have met, or it has shown little (replication.md 5.2).
enum class Sometimes : std::uint8_t {
  elected,
  another_led,
  vote_against,
  committed,
  merge_confirmed,
  merge_proposed_again,
  proposed_again,
  pulled,
  pull_in_rounds,
  page_full,
  empty_page_to_the_end,
  gap,
  told_again,
  asked_again,
  leader_lost_with_quorum,
  deposed,
  not_healthy,
  no_quorum,
  stale_election,
  busy,
  bad_time,
  bad_stamp,
  conflict,
  unknown_msg,
  new_id,
  arrived_late,
  lost_tail,
  lost_commit_mark,
  disk_wiped,
  backup_restored,
  server_lost_tail,
  server_restarted,
  half_open_replaced,
  slow_consumer,
  equivocated,
  forged_merge,
  forged_page,
  false_ack,
  false_vote,
  joined,
  left,
  kicked,
  died_for_good,
  kept_by_server,
  through_wire,
  since_join,
  hidden_from_late,
  leader_joined_late,
  kCount,
};
inline constexpr std::size_t kSometimes = static_cast<std::size_t>(Sometimes::kCount);
inline constexpr std::array<std::string_view, kSometimes> kSometimesNames{
    "elected",
    "another_led",
    "vote_against",
    "committed",
    "merge_confirmed",
    "merge_proposed_again",
    "proposed_again",
    "pulled",
    "pull_in_rounds",
    "page_full",
    "empty_page_to_the_end",
    "gap",
    "told_again",
    "asked_again",
    "leader_lost_with_quorum",
    "deposed",
    "not_healthy",
    "no_quorum",
    "stale_election",
    "busy",
    "bad_time",
    "bad_stamp",
    "conflict",
    "unknown_msg",
    "new_id",
    "arrived_late",
    "lost_tail",
    "lost_commit_mark",
    "disk_wiped",
    "backup_restored",
    "server_lost_tail",
    "server_restarted",
    "half_open_replaced",
    "slow_consumer",
    "equivocated",
    "forged_merge",
    "forged_page",
    "false_ack",
    "false_vote",
    "joined",
    "left",
    "kicked",
    "died_for_good",
    "kept_by_server",
    "through_wire",
    "since_join",
    "hidden_from_late",
    "leader_joined_late",
};

class Counters {
 public:
  void hit(Sometimes what) { ++counts_[static_cast<std::size_t>(what)]; }
  void add(const Counters& other) {
    for (std::size_t i = 0; i < kSometimes; ++i) counts_[i] += other.counts_[i];
  }
  std::uint64_t operator[](std::size_t i) const { return counts_[i]; }

 private:
  std::array<std::uint64_t, kSometimes> counts_{};
};

}  // namespace moot::sim
