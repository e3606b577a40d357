#include "sim/plan.h"

#include <algorithm>
#include <string>

#include "model/limits.h"
#include "sim/chance.h"

namespace moot::sim {

std::optional<FaultSet> parse_faults(std::string_view list) {
  FaultSet set;
  if (list == "none" || list.empty()) return set;
  if (list == "all") return FaultSet::all();
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const auto at = std::find(kFaultNames.begin(), kFaultNames.end(), list.substr(0, comma));
    if (at == kFaultNames.end()) return std::nullopt;
    set.add(static_cast<Fault>(at - kFaultNames.begin()));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return set;
}

Plan Plan::of(std::uint64_t seed, std::optional<FaultSet> only) {
  Rng shape = stream(seed, "shape");
  // Nothing goes wrong, and nothing did before.
  const bool calm = seed % 10 == 0;
  Plan p;
  p.seed = seed;
  p.keeper = chance(shape, 0.2) ? Keeper::server : Keeper::members;
  p.users = 3 + static_cast<unsigned>(shape.below(10));
  p.devices = p.users + (chance(shape, 0.4) ? 1 + static_cast<unsigned>(shape.below(5)) : 0);
  if (p.users > 3) p.outsiders = static_cast<unsigned>(shape.below(p.users - 2));
  if (chance(shape, 0.25)) p.preloaded = static_cast<unsigned>(log_between(shape, 5, 1'500));
  p.holes = chance(shape, 0.5) ? 0 : log_uniform(shape, 0.002, 0.5);
  if (calm) p.holes = 0;
  p.crowded = shape.below(60) == 0 && !calm;
  if (p.crowded) p.preloaded = limits::kPendingRecords;
  p.wire = shape.below(100) < 5;
  // Sessions refuse who is further off than a quarter of an hour; some runs have to meet that.
  if (p.wire) p.wall_off_max_ms = 600'000;
  p.large = shape.below(40) == 0;
  p.some_stay_dead = chance(shape, 0.3) && !calm ? 0.4 : 0;
  p.delay_us = log_uniform(shape, 100, 200'000);
  p.delay_sigma = log_uniform(shape, 0.05, 1);
  p.disk_us = log_uniform(shape, 200, 50'000);
  p.server_disk_us = log_uniform(shape, 200, 50'000);
  p.message_us = log_uniform(shape, 30'000, 3'000'000);

  // A stream of its own: a seed in which it does not come is what it was.
  Rng history = stream(seed, "late joiners");
  p.since_join = chance(history, 0.15);

  // One stream a class: naming some of them changes nothing about the others.
  for (std::size_t i = 0; i < kFaults; ++i) {
    Rng rng = stream(seed, std::string("swarm ") + std::string(kFaultNames[i]));
    const auto fault = static_cast<Fault>(i);
    const bool picked = chance(rng, 0.5) && !calm;
    p.between_us[i] = log_uniform(rng, 3e6, 300e6);
    if (only ? only->has(fault) : picked) p.faults.add(fault);
  }
  if (!p.faults.has(Fault::roster)) p.outsiders = 0;
  return p;
}

}  // namespace moot::sim
