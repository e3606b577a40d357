#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "model/codes.h"

namespace moot::sim {

// What goes wrong. Faults combine freely.
enum class Fault : std::uint8_t {
  cut,           // a connection ends, with or without what was on its way
  half_open,     // one side or both learn of it late
  stall,         // a connection stands still and goes on
  delay,         // what a connection brings takes longer for a while
  slow_link,     // it brings little at a time for a while
  crash,         // a device's process ends and starts again
  power_cut,     // the same, and a part of what was not synced is gone
  server_crash,  // with and without loss of what was not synced; it comes back under a new epoch
  wipe,          // a device's disk is empty afterwards
  restore,       // a device's disk is an older one
  clock,         // wall clocks are off, drift and jump, the server's too
  hang,          // a device does nothing for a while
  hung_leader,   // the leader does
  roster,        // joins, leaves, kicks
  forger,        // a member forges records, acknowledgements, votes
  colluders,     // two of them, who confirm each other
  liar,          // a member who lies when he leads
  slow_disk,     // a device's disk or the server's takes seconds
};
inline constexpr std::array<std::string_view, 18> kFaultNames{
    "cut",         "half_open",    "stall",  "delay",     "slow_link", "crash",
    "power_cut",   "server_crash", "wipe",   "restore",   "clock",     "hang",
    "hung_leader", "roster",       "forger", "colluders", "liar",      "slow_disk"};
inline constexpr std::size_t kFaults = kFaultNames.size();

struct FaultSet {
  std::uint32_t bits = 0;
  static FaultSet all() { return {(1u << kFaults) - 1}; }
  bool has(Fault f) const { return (bits >> static_cast<unsigned>(f) & 1) != 0; }
  void add(Fault f) { bits |= 1u << static_cast<unsigned>(f); }
};
// Names separated by commas; `none`, `all`. None: a name is unknown.
std::optional<FaultSet> parse_faults(std::string_view list);

// How one run differs from the others: a function of its seed.
struct Plan {
  std::uint64_t seed = 0;
  Keeper keeper = Keeper::members;
  unsigned users = 3;
  unsigned devices = 3;    // the first `users` of them belong to different users
  unsigned outsiders = 0;  // users who are no members at the start
  unsigned preloaded = 0;  // records there are at the start
  double holes = 0;        // how much of them each device lacks
  bool crowded = false;    // one device missed all their commits, and has no room for more
  bool wire = false;       // every command goes through both sessions, as a signed frame
  std::int64_t wall_off_max_ms = 7'200'000;  // of a wall clock from the time
  bool since_join = false;                   // a member sees nothing from before he joined
  bool large = false;                        // some messages are as long as they may be
  double some_stay_dead = 0;
  FaultSet faults;
  std::array<double, kFaults> between_us{};  // mean time between two faults of a kind
  double delay_us = 0;                       // median of one way
  double delay_sigma = 0;
  double disk_us = 0;  // median of an fsync
  double server_disk_us = 0;
  double message_us = 0;  // mean time between two messages

  static Plan of(std::uint64_t seed, std::optional<FaultSet> only);
};

}  // namespace moot::sim
