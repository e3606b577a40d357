#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "net/hub.h"
#include "net/tallies.h"

namespace moot::net {

// What a scrape sees. Names of users and channels are no part of it.
struct MetricsView {
  Hub& hub;
  std::span<const WorkerTallies* const> workers;
  std::size_t connections = 0;    // of every kind, now
  std::uint64_t early_drops = 0;  // not taken: the source's limits, or the early drop
  std::uint64_t log_lines_left_out = 0;
  UnixMs started;
  bool draining = false;
  std::string_view version;
};

// In Prometheus' text format (0.0.4). Thread rule: the hub's.
std::string metrics_text(const MetricsView& view);

}  // namespace moot::net
