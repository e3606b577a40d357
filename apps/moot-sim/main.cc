#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "apps/moot-sim/crew.h"
#include "apps/moot-sim/report.h"
#include "channel/mutants.h"
#include "sim/diagram.h"
#include "sim/shrink.h"

namespace moot::sim {
namespace {

constexpr std::uint64_t kTwiceIn = 100;     // one seed in so many runs twice
constexpr std::uint64_t kShrunkInASet = 3;  // of the failing seeds of a set

volatile std::sig_atomic_t told_to_stop = 0;
extern "C" void on_stop(int) { told_to_stop = 1; }

// None: a word of it is wrong, and was complained about.
std::optional<Options> options_of(const Line& line) {
  Options options;
  options.seed = line.seed;
  options.events_min = line.events;
  if (!line.faults.empty()) {
    options.faults = parse_faults(line.faults);
    if (!options.faults) {
      fmt::print(stderr, "moot-sim: unknown fault in `{}`; the faults are {}, or none.\n",
                 line.faults, fault_names(FaultSet::all()));
      return std::nullopt;
    }
  }
  if (!line.only.empty()) {
    options.only = parse_incidents(line.only);
    if (!options.only) {
      fmt::print(stderr,
                 "moot-sim: `{}` is no list like device.0-2,say.1-5,cut.3; name faults, "
                 "`say` or `device`, each with its numbers.\n",
                 line.only);
      return std::nullopt;
    }
  }
  if (line.heal_s >= 0) options.heal_at_us = static_cast<std::int64_t>(line.heal_s * 1e6 + 0.5);
  return options;
}

// The options of the shortest run that fails alike.
Options shrink_and_show(const Options& options, const Outcome& outcome, const Line& line) {
  if (line.no_shrink) return options;
  const Shrunk shrunk = shrink(options, outcome, run_apart, line.shrink_runs);
  fmt::print("  shrunk: {} incidents of {}, {} events, after {} runs: {}: {}\n  again:  {}\n",
             shrunk.outcome.incidents.size(), outcome.incidents.size(), shrunk.outcome.events,
             shrunk.runs, shrunk.outcome.failure->invariant, shrunk.outcome.failure->what,
             command(shrunk.options, line));
  std::fflush(stdout);
  return shrunk.options;
}

// Draws a run, the shortest that fails if it fails; in this process, so not one that aborts.
int draw(Options options, const Line& line, bool failed) {
  Diary diary;
  options.diary = &diary;
  World world(options);
  const Outcome outcome = world.run();
  DiagramOptions how;
  how.title = "moot-sim --seed " + std::to_string(options.seed) +
              (outcome.failure ? ", " + outcome.failure->invariant + " does not hold" : "");
  how.lanes = world.names();
  how.last = failed && line.window.empty();
  if (line.window.size() == 2) {
    how.from_us = static_cast<std::int64_t>(line.window[0] * 1e6);
    how.to_us = static_cast<std::int64_t>(line.window[1] * 1e6);
  }
  std::ofstream file(line.svg, std::ios::binary);
  file << diagram(diary, how);
  file.close();
  if (!file) {
    fmt::print(stderr, "moot-sim: cannot write {}; name a file in a directory that exists.\n",
               line.svg);
    return 2;
  }
  fmt::print("drawn: {}\n", line.svg);
  return failed ? 1 : 0;
}

int run_one(Options options, const Line& line) {
  if (line.trace) {
    options.trace = [](const std::string& text) {
      fmt::print("{}\n", text);
      std::fflush(stdout);  // the next step may abort
    };
  }
  const Progress time(1, true);
  const Outcome outcome = run_apart(options);
  Totals totals;
  totals.add(outcome);
  if (line.json) {
    show_json(outcome, options.seed);
  } else if (outcome.failure) {
    show_failure(outcome, options, line);
    if (!options.only) options = shrink_and_show(options, outcome, line);
  } else {
    fmt::print("seed {} holds, trace {:016x}\n", options.seed, outcome.hash);
    show_totals(totals, time.took());
  }
  if (line.svg.empty()) return outcome.failure ? 1 : 0;
  if (outcome.failure && outcome.failure->invariant == "core") {
    fmt::print(stderr, "moot-sim: the run aborts, so there is no picture of it; use --trace.\n");
    return 1;
  }
  options.trace = {};
  return draw(options, line, outcome.failure.has_value());
}

// Seeds from `line.from` on, many at once; one in a hundred twice, to compare the traces.
class Set {
 public:
  Set(const Options& options, const Line& line)
      : options_(options),
        line_(line),
        crew_(line.jobs > 0 ? line.jobs : std::max(1u, std::thread::hardware_concurrency())),
        progress_(line.seeds, line.json) {}

  int run() {
    // Interrupted, it says what it has seen so far.
    std::signal(SIGINT, on_stop);
    std::signal(SIGTERM, on_stop);
    while (next_ < line_.seeds || second_ || !crew_.idle()) {
      while (!crew_.full() && !stopped() && (next_ < line_.seeds || second_)) start();
      if (const auto ended = crew_.next(std::chrono::seconds(1))) take(ended->tag, ended->outcome);
      progress_.show(totals_.runs, totals_.failed);
      if (stopped() && crew_.idle()) break;
    }
    progress_.clear();
    if (!line_.json) show_totals(totals_, progress_.took());
    if (!line_.sometimes || totals_.never().empty()) return totals_.failed > 0 ? 1 : 0;
    fmt::print("moot-sim: never met, so these runs have not shown enough: {}\n", totals_.never());
    return 1;
  }

 private:
  bool stopped() const { return told_to_stop != 0 || (line_.stop && totals_.failed > 0); }
  Options with(std::uint64_t seed) const {
    Options options = options_;
    options.seed = seed;
    return options;
  }
  void start() {
    const std::uint64_t seed = second_ ? *second_ : line_.from + next_++;
    crew_.start(with(seed), seed);
    const bool again = !second_ && seed % kTwiceIn == 7;
    second_ = again ? std::optional(seed) : std::nullopt;
  }
  void take(std::uint64_t seed, Outcome o) {
    if (seed % kTwiceIn == 7) {
      const auto [first, fresh] = hashes_.emplace(seed, o.hash);
      if (fresh) return;  // its twin is to come
      ++totals_.twice;
      if (first->second != o.hash && !o.failure) {
        o.failure = Failure{"same seed", "two runs, two traces"};
      }
    }
    totals_.add(o);
    if (line_.json) return show_json(o, seed);
    if (!o.failure) return;
    progress_.clear();
    show_failure(o, with(seed), line_);
    if (totals_.failed <= kShrunkInASet && o.failure->invariant != "same seed") {
      shrink_and_show(with(seed), o, line_);
    }
  }

  const Options options_;
  const Line& line_;
  Crew crew_;
  Progress progress_;
  Totals totals_;
  std::uint64_t next_ = 0;
  std::optional<std::uint64_t> second_;
  std::map<std::uint64_t, std::uint64_t> hashes_;
};

int run(const Line& line) {
  const auto options = options_of(line);
  if (!options) return 2;
  return line.seeds > 0 ? Set(*options, line).run() : run_one(*options, line);
}

}  // namespace
}  // namespace moot::sim

int main(int argc, char** argv) {
  moot::sim::Line line;
  CLI::App app{"Channels under simulated faults: the real cores on virtual time"};
  auto* seed = app.add_option("--seed", line.seed, "run this one");
  auto* seeds = app.add_option("--seeds", line.seeds, "run so many")->excludes(seed);
  app.add_option("--from", line.from, "the first of them (default 1)");
  app.add_option("--jobs", line.jobs, "so many at once (default: one a core)");
  app.add_option("--events", line.events, "faults stop after so many events (default 20000)");
  app.add_option("--faults", line.faults, "these faults instead of the seed's, or `none`, `all`");
  app.add_option("--only", line.only, "nothing happens but these, as a shrunk run prints them");
  app.add_option("--heal", line.heal_s, "faults stop at this second instead");
  app.add_flag("--trace", line.trace, "print every event (with --seed)")->excludes(seeds);
  app.add_option("--svg", line.svg, "draw the run into this file (with --seed)")->excludes(seeds);
  app.add_option("--window", line.window, "draw these seconds of it: FROM TO")->expected(2);
  app.add_flag("--stop", line.stop, "stop at the first seed that fails");
  app.add_flag("--no-shrink", line.no_shrink, "do not look for a shorter run that fails");
  app.add_option("--shrink-runs", line.shrink_runs, "look with so many at most (default 2000)");
  app.add_flag("--sometimes", line.sometimes, "fail if a situation was never met");
  app.add_flag("--json", line.json, "one JSON object a run");
#ifdef MOOT_MUTANTS
  app.add_option("--mutant", line.mutant, "with this rule broken (src/channel/mutants.h)");
#endif
  if (argc > 0 && *argv[0] != '\0') line.program = argv[0];
  if (argc < 2) {
    fmt::print(stderr, "{}", app.help());
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
#ifdef MOOT_MUTANTS
  moot::mutant_in_hand = static_cast<moot::Mutant>(line.mutant);
#endif
  return moot::sim::run(line);
}
