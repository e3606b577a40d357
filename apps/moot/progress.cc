#include "apps/moot/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "model/limits.h"

namespace moot::app {
namespace {

constexpr int kCells = 30;
constexpr int kBlock = 3;
constexpr auto kBetweenDraws = std::chrono::milliseconds(50);

}  // namespace

std::string bar(std::uint64_t done, std::uint64_t total, int cells) {
  if (total == 0) {
    // Back and forth, a step for each page of records.
    const auto room = static_cast<std::uint64_t>(cells - kBlock);
    const std::uint64_t step = done / limits::kRecordsPerPage % (2 * room);
    const auto at = static_cast<std::size_t>(step < room ? step : 2 * room - step);
    return fmt::format("[{}{}{}]", std::string(at, '-'), std::string(kBlock, '#'),
                       std::string(static_cast<std::size_t>(room) - at, '-'));
  }
  // In floating point: 64-bit counts times the width may not fit.
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto full = static_cast<std::size_t>(part * cells);
  return fmt::format("[{}{}] {:3}%", std::string(full, '#'),
                     std::string(static_cast<std::size_t>(cells) - full, '-'),
                     static_cast<int>(part * 100));
}

std::string progress_line(std::string_view what, std::uint64_t records, std::uint64_t missing) {
  // What was not known to be missing may come all the same.
  if (missing == 0 || missing < records)
    return fmt::format("{}  {}  {} records", what, bar(records, 0, kCells), records);
  return fmt::format("{}  {}  {} of {} records", what, bar(records, missing, kCells), records,
                     missing);
}

Progress::Progress(std::string what, bool terminal) : what_(std::move(what)), terminal_(terminal) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(std::uint64_t records, std::uint64_t missing) {
  if (terminal_) {
    const auto now = std::chrono::steady_clock::now();
    if (drawn_ && now - last_ < kBetweenDraws) return;
    fmt::print(stderr, "\r\x1b[K{}", progress_line(what_, records, missing));
    drawn_ = true;
    last_ = now;
    return;
  }
  const bool whole = missing > 0 && records >= missing;
  if (records < next_ && (!whole || whole_)) return;
  fmt::print(stderr, "{}\n", progress_line(what_, records, missing));
  next_ = std::max(next_, records * 2);
  whole_ = whole;
}

}  // namespace moot::app
