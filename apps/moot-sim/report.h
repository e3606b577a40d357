#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/world.h"

namespace moot::sim {

// The command line of moot-sim (docs/testing.md).
struct Line {
  std::string program = "moot-sim";  // as it was called
  std::uint64_t seed = 0;
  std::uint64_t from = 1;
  std::uint64_t seeds = 0;
  std::uint64_t events = 20'000;
  std::string faults;
  std::string only;
  double heal_s = -1;
  std::string svg;
  std::vector<double> window;  // of the drawing, s: from, to
  int mutant = 0;
  unsigned jobs = 0;
  unsigned shrink_runs = 2'000;
  bool trace = false;
  bool json = false;
  bool stop = false;
  bool no_shrink = false;
  bool sometimes = false;
};

std::string fault_names(FaultSet set);
// The command that does this run again.
std::string command(const Options& options, const Line& line);

struct Totals {
  std::uint64_t runs = 0;
  std::uint64_t twice = 0;
  std::uint64_t failed = 0;
  std::uint64_t events = 0;
  std::uint64_t commits = 0;
  std::int64_t simulated_ms = 0;
  Counters counters;
  std::array<std::uint64_t, kFaults> injected{};

  void add(const Outcome& o);
  std::string never() const;  // names of what was not met
};

void show_failure(const Outcome& o, const Options& options, const Line& line);
void show_json(const Outcome& o, std::uint64_t seed);
void show_totals(const Totals& t, std::chrono::duration<double> took);

// How far a set of runs is, on standard error: a bar on a terminal, a line now and then in a log.
class Progress {
 public:
  Progress(std::uint64_t runs, bool quiet);
  void show(std::uint64_t done, std::uint64_t failed);
  void clear();  // before other text
  std::chrono::duration<double> took() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::uint64_t runs_;
  bool quiet_;
  bool terminal_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_;
  std::uint64_t lines_ = 0;
};

}  // namespace moot::sim
