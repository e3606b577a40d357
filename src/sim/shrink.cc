#include "sim/shrink.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"

namespace moot::sim {
namespace {
constexpr std::int64_t kSecond = 1'000'000;

class Shrinking {
 public:
  Shrinking(const Options& options, const Outcome& outcome, const RunOnce& run, unsigned runs_max)
      : run_(run), runs_max_(runs_max), best_{options, outcome} {
    best_.options.trace = {};
    // As it was, but by a list: the faults stop when they did, or after what failed before.
    best_.options.heal_at_us =
        outcome.healed_at_us >= 0 ? outcome.healed_at_us : outcome.ended_at_us + kSecond;
  }

  Shrunk all() {
    const Options as_list = with(incidents());
    if (fails(as_list)) {
      drop_kinds();
      drop_chunks();
      stop_sooner();
      drop_chunks();
    }
    best_.runs = runs_;
    return best_;
  }

 private:
  std::vector<Incident> incidents() const {
    std::vector<Incident> list;
    for (const auto& [us, incident] : best_.outcome.incidents) list.push_back(incident);
    return list;
  }
  Options with(const std::vector<Incident>& list) const {
    Options options = best_.options;
    options.only = IncidentSet(list.begin(), list.end());
    return options;
  }

  bool fails(const Options& options) {
    if (runs_ >= runs_max_) return false;
    ++runs_;
    Outcome outcome = run_(options);
    if (!outcome.failure || outcome.failure->invariant != best_.outcome.failure->invariant) {
      return false;
    }
    // A core's own checks differ in what they say.
    if (outcome.failure->invariant == "core" &&
        outcome.failure->what != best_.outcome.failure->what) {
      return false;
    }
    if (outcome.incidents.empty()) {  // an aborted run does not tell them
      for (const auto& at : best_.outcome.incidents) {
        if (options.only->contains(at.second)) outcome.incidents.push_back(at);
      }
    }
    best_ = {options, std::move(outcome)};
    return true;
  }

  // A class of faults as a whole, with what it means for the run from the start on.
  void drop_kinds() {
    for (std::uint8_t kind = 0; kind < kFaults; ++kind) {
      if (!best_.outcome.faults.has(static_cast<Fault>(kind))) continue;
      std::vector<Incident> rest = incidents();
      std::erase_if(rest, [&](const Incident& i) { return i.kind == kind; });
      Options options = with(rest);
      FaultSet faults = best_.outcome.faults;
      faults.bits &= ~(1u << kind);
      options.faults = faults;
      if (!fails(options) && rest.size() < incidents().size()) fails(with(rest));
    }
  }

  void drop_chunks() {
    std::size_t parts = 2;
    while (runs_ < runs_max_) {
      const std::vector<Incident> now = incidents();
      if (now.empty()) return;
      parts = std::min(parts, now.size());
      const std::size_t length = (now.size() + parts - 1) / parts;
      bool dropped = false;
      // The last first: what follows the cause is spared easily.
      for (std::size_t end = now.size(); end > 0 && !dropped; end -= std::min(length, end)) {
        const std::size_t start = end - std::min(length, end);
        std::vector<Incident> rest(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(start));
        rest.insert(rest.end(), now.begin() + static_cast<std::ptrdiff_t>(end), now.end());
        dropped = fails(with(rest));
      }
      if (dropped) {
        parts = std::max<std::size_t>(parts - 1, 2);
      } else if (length == 1) {
        return;
      } else {
        parts = std::min(parts * 2, now.size());
      }
    }
  }

  void stop_sooner() {
    std::int64_t last = 0;
    for (const auto& [us, incident] : best_.outcome.incidents) last = std::max(last, us);
    for (const std::int64_t after : {kSecond, 10 * kSecond, 60 * kSecond}) {
      Options options = best_.options;
      options.heal_at_us = last + after;
      if (options.heal_at_us < best_.options.heal_at_us && fails(options)) return;
    }
  }

  const RunOnce& run_;
  const unsigned runs_max_;
  Shrunk best_;
  unsigned runs_ = 0;
};
}  // namespace

Shrunk shrink(const Options& options, const Outcome& outcome, const RunOnce& run,
              unsigned runs_max) {
  MOOT_CHECK(outcome.failure.has_value());
  return Shrinking(options, outcome, run, runs_max).all();
}

}  // namespace moot::sim
