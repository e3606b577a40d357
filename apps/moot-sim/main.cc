#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "sim/world.h"

// The command line of moot-sim (docs/testing.md).
namespace moot::sim {
namespace {

struct Line {
  std::uint64_t seed = 0;
  std::uint64_t from = 1;
  std::uint64_t seeds = 0;
  std::uint64_t events = 20'000;
  std::string faults;
  bool trace = false;
  bool json = false;
  bool stop = false;
};

// What to say when a core aborts because one of its own invariants does not hold.
char replay[256];
extern "C" void on_abort(int) {
  const auto written = write(STDOUT_FILENO, replay, std::strlen(replay));
  std::signal(SIGABRT, SIG_DFL);
  _exit(written >= 0 ? 1 : 2);
}

std::string command(std::uint64_t seed, const Line& line) {
  std::string text = "moot-sim --seed " + std::to_string(seed);
  if (!line.faults.empty()) text += " --faults " + line.faults;
  if (line.events != 20'000) text += " --events " + std::to_string(line.events);
  return text;
}

std::string fault_names(FaultSet set) {
  std::string names;
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (!set.has(static_cast<Fault>(i))) continue;
    if (!names.empty()) names += ',';
    names += kFaultNames[i];
  }
  return names.empty() ? "none" : names;
}

struct Totals {
  std::uint64_t runs = 0;
  std::uint64_t twice = 0;
  std::uint64_t failed = 0;
  std::uint64_t events = 0;
  std::uint64_t commits = 0;
  std::int64_t simulated_ms = 0;
  Counters counters;
  std::array<std::uint64_t, kFaults> injected{};

  void add(const Outcome& o) {
    ++runs;
    events += o.events;
    commits += o.commits;
    simulated_ms += o.simulated_ms;
    counters.add(o.counters);
    for (std::size_t i = 0; i < kFaults; ++i) injected[i] += o.injected[i];
  }
};

void show(const Outcome& o, std::uint64_t seed, const Line& line) {
  if (line.json) {
    std::printf(
        "{\"seed\":%llu,\"ok\":%s,\"invariant\":\"%s\",\"what\":\"%s\",\"events\":%llu,"
        "\"commits\":%llu,\"simulated_ms\":%lld,\"hash\":\"%016llx\",\"faults\":\"%s\"}\n",
        static_cast<unsigned long long>(seed), o.failure ? "false" : "true",
        o.failure ? o.failure->invariant.c_str() : "", o.failure ? o.failure->what.c_str() : "",
        static_cast<unsigned long long>(o.events), static_cast<unsigned long long>(o.commits),
        static_cast<long long>(o.simulated_ms), static_cast<unsigned long long>(o.hash),
        fault_names(o.faults).c_str());
  } else if (o.failure) {
    std::printf("seed %llu: %s after %llu events, %lld s: %s\n  faults: %s\n  replay: %s\n",
                static_cast<unsigned long long>(seed), o.failure->invariant.c_str(),
                static_cast<unsigned long long>(o.events),
                static_cast<long long>(o.simulated_ms / 1'000), o.failure->what.c_str(),
                fault_names(o.faults).c_str(), command(seed, line).c_str());
  }
  std::fflush(stdout);
}

void show(const Totals& t) {
  std::printf(
      "%llu runs (%llu of them twice), %llu events, %llu commits, %lld h simulated, "
      "%llu failed\n",
      static_cast<unsigned long long>(t.runs), static_cast<unsigned long long>(t.twice),
      static_cast<unsigned long long>(t.events), static_cast<unsigned long long>(t.commits),
      static_cast<long long>(t.simulated_ms / 3'600'000),
      static_cast<unsigned long long>(t.failed));
  std::printf("faults:");
  for (std::size_t i = 0; i < kFaults; ++i) {
    std::printf(" %s %llu", std::string(kFaultNames[i]).c_str(),
                static_cast<unsigned long long>(t.injected[i]));
  }
  std::printf("\nsometimes:");
  for (std::size_t i = 0; i < kSometimes; ++i) {
    std::printf(" %s %llu", std::string(kSometimesNames[i]).c_str(),
                static_cast<unsigned long long>(t.counters[i]));
  }
  std::printf("\nnever:");
  for (std::size_t i = 0; i < kSometimes; ++i) {
    if (t.counters[i] == 0) std::printf(" %s", std::string(kSometimesNames[i]).c_str());
  }
  std::printf("\n");
}

Outcome one(std::uint64_t seed, const Line& line, std::optional<FaultSet> faults) {
  Options options;
  options.seed = seed;
  options.faults = faults;
  options.events_min = line.events;
  std::snprintf(replay, sizeof replay, "seed %llu: a core's own invariant\n  replay: %s\n",
                static_cast<unsigned long long>(seed), command(seed, line).c_str());
  if (line.trace) {
    options.trace = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
  }
  return World(options).run();
}

int run(const Line& line) {
  std::optional<FaultSet> faults;
  if (!line.faults.empty()) {
    faults = parse_faults(line.faults);
    if (!faults) {
      std::fprintf(stderr, "moot-sim: unknown fault in `%s`; the faults are %s, or none.\n",
                   line.faults.c_str(), fault_names(FaultSet::all()).c_str());
      return 2;
    }
  }
  std::signal(SIGABRT, on_abort);
  const bool set = line.seeds > 0;
  const std::uint64_t first = set ? line.from : line.seed;
  const std::uint64_t count = set ? line.seeds : 1;
  const bool progress = set && !line.json && isatty(STDERR_FILENO) != 0;
  Totals totals;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t seed = first + i;
    Outcome o = one(seed, line, faults);
    if (seed % 100 == 7) {
      ++totals.twice;
      const Outcome again = one(seed, line, faults);
      if (again.hash != o.hash && !o.failure) o.failure = Failure{"same seed", "two traces differ"};
    }
    totals.add(o);
    totals.failed += o.failure ? 1 : 0;
    if (o.failure || !set || line.json) show(o, seed, line);
    if (o.failure && line.stop) break;
    if (progress && i % 10 == 9) {
      std::fprintf(stderr, "\r%llu of %llu seeds, %llu failed",
                   static_cast<unsigned long long>(i + 1), static_cast<unsigned long long>(count),
                   static_cast<unsigned long long>(totals.failed));
    }
  }
  if (progress) std::fprintf(stderr, "\r\033[K");
  if (!line.json) {
    if (!set && totals.failed == 0)
      std::printf("seed %llu holds\n", static_cast<unsigned long long>(first));
    show(totals);
  }
  return totals.failed > 0 ? 1 : 0;
}

}  // namespace
}  // namespace moot::sim

int main(int argc, char** argv) {
  moot::sim::Line line;
  CLI::App app{"Channels under simulated faults: the real cores on virtual time"};
  auto* seed = app.add_option("--seed", line.seed, "run this one");
  app.add_option("--seeds", line.seeds, "run so many")->excludes(seed);
  app.add_option("--from", line.from, "the first of them (default 1)");
  app.add_option("--events", line.events, "faults stop after so many events (default 20000)");
  app.add_option("--faults", line.faults, "these faults instead of the seed's, or `none`, `all`");
  app.add_flag("--trace", line.trace, "print every event");
  app.add_flag("--stop", line.stop, "stop at the first seed that fails");
  app.add_flag("--json", line.json, "one JSON object a run");
  CLI11_PARSE(app, argc, argv);
  return moot::sim::run(line);
}
