#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "bench/report.h"

namespace moot::bench {

// So many at most are on their way through their login: a longer queue than some servers listen
// with makes the kernel drop connections for seconds.
inline constexpr std::size_t kLoginsAtOnce = 8;

// What one run of a workload cost the server.
struct Cost {
  double cpu_us = 0;  // a delivered message
  double rate = 0;    // delivered messages a second
  std::vector<double> latency_us;
};
using CpuSeconds = std::function<double()>;

// Measures between its making and `finish`.
class Stopwatch {
 public:
  explicit Stopwatch(CpuSeconds cpu) : cpu_(std::move(cpu)), before_(cpu_()) {}
  void finish(Cost& cost, double deliveries) const {
    cost.cpu_us = (cpu_() - before_) * 1e6 / deliveries;
    cost.rate = deliveries / (micros(Clock::now() - begin_) * 1e-6);
  }

 private:
  CpuSeconds cpu_;
  double before_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace moot::bench
