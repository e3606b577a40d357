#include "apps/moot-sim/report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <span>

namespace moot::sim {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out;
}

// Names with their numbers, four in a row.
void table(std::string_view title, std::span<const std::string_view> names, auto&& number) {
  fmt::print("{}\n", title);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i % 3 == 2 || i + 1 == names.size();
    fmt::print("{}{:<23} {:>9}{}", i % 3 == 0 ? "  " : "   ", names[i], number(i),
               last ? "\n" : "");
  }
}

std::string clock(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  return s < 3'600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                   : fmt::format("{}:{:02}:{:02}", s / 3'600, s / 60 % 60, s % 60);
}

}  // namespace

std::string fault_names(FaultSet set) {
  std::string names;
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (!set.has(static_cast<Fault>(i))) continue;
    if (!names.empty()) names += ',';
    names += kFaultNames[i];
  }
  return names.empty() ? "none" : names;
}

std::string command(const Options& options, const Line& line) {
  std::string text = line.program + " --seed " + std::to_string(options.seed);
  if (line.mutant != 0) text += " --mutant " + std::to_string(line.mutant);
  if (options.faults) text += " --faults " + fault_names(*options.faults);
  if (line.events != Line{}.events && options.heal_at_us < 0) {
    text += " --events " + std::to_string(line.events);
  }
  if (options.only) text += " --only " + sim::text(*options.only);
  if (options.heal_at_us >= 0) text += " --heal " + seconds(options.heal_at_us);
  return text;
}

void Totals::add(const Outcome& o) {
  ++runs;
  failed += o.failure ? 1 : 0;
  events += o.events;
  commits += o.commits;
  simulated_ms += o.simulated_ms;
  counters.add(o.counters);
  for (std::size_t i = 0; i < kFaults; ++i) injected[i] += o.injected[i];
}

std::string Totals::never() const {
  std::string names;
  for (std::size_t i = 0; i < kSometimes; ++i) {
    if (counters[i] > 0) continue;
    if (!names.empty()) names += ' ';
    names += kSometimesNames[i];
  }
  return names;
}

void show_failure(const Outcome& o, const Options& options, const Line& line) {
  fmt::print("seed {}: {} after {} events, {} s: {}\n  faults: {}\n  again:  {}\n", options.seed,
             o.failure->invariant, o.events, o.simulated_ms / 1'000, o.failure->what,
             fault_names(o.faults), command(options, line));
  std::fflush(stdout);
}

void show_json(const Outcome& o, std::uint64_t seed) {
  fmt::print(
      "{{\"seed\":{},\"ok\":{},\"invariant\":\"{}\",\"what\":\"{}\",\"events\":{},\"commits\":{},"
      "\"simulated_ms\":{},\"hash\":\"{:016x}\",\"faults\":\"{}\"}}\n",
      seed, o.failure ? "false" : "true", o.failure ? o.failure->invariant : "",
      o.failure ? quoted(o.failure->what) : "", o.events, o.commits, o.simulated_ms, o.hash,
      fault_names(o.faults));
  std::fflush(stdout);
}

void show_totals(const Totals& t, std::chrono::duration<double> took) {
  fmt::print(
      "{} runs ({} of them twice), {} failed: {} events, {} commits, {} h simulated in {}, "
      "{:.0f} events a second\n",
      t.runs, t.twice, t.failed, t.events, t.commits, t.simulated_ms / 3'600'000,
      clock(took.count()), static_cast<double>(t.events) / std::max(took.count(), 0.001));
  table("faults injected", kFaultNames, [&](std::size_t i) { return t.injected[i]; });
  table("sometimes", kSometimesNames, [&](std::size_t i) { return t.counters[i]; });
  std::fflush(stdout);
}

Progress::Progress(std::uint64_t runs, bool quiet)
    : runs_(runs), quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

void Progress::show(std::uint64_t done, std::uint64_t failed) {
  if (quiet_ || done == 0) return;
  const auto now = std::chrono::steady_clock::now();
  const double each = took().count() / static_cast<double>(done);
  const std::string text =
      fmt::format("{} of {} seeds, {} failed, {:.1f} a second, {} left", done, runs_, failed,
                  1 / std::max(each, 1e-9), clock(each * static_cast<double>(runs_ - done)));
  if (terminal_) {
    if (now - shown_ < std::chrono::milliseconds(100) && done < runs_) return;
    shown_ = now;
    constexpr std::uint64_t kWide = 24;
    const auto full = static_cast<std::size_t>(kWide * done / runs_);
    fmt::print(stderr, "\r\033[K[{}{}] {}", std::string(full, '#'), std::string(kWide - full, '.'),
               text);
    std::fflush(stderr);
    return;
  }
  constexpr std::uint64_t kLines = 20;
  if (done * kLines / runs_ <= lines_) return;
  lines_ = done * kLines / runs_;
  fmt::print(stderr, "{}\n", text);
}

void Progress::clear() {
  if (!quiet_ && terminal_) fmt::print(stderr, "\r\033[K");
}

}  // namespace moot::sim
