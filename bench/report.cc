#include "bench/report.h"

#include <algorithm>
#include <cstdio>

namespace moot::bench {

double micros(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

double percentile(std::vector<double>& v, double p) {
  if (v.empty()) return 0;
  const auto at = static_cast<std::size_t>(p * static_cast<double>(v.size() - 1));
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(at), v.end());
  return v[at];
}

void print(const Options& o, Figure f) {
  std::ranges::sort(f.values);
  const double median = f.values[f.values.size() / 2];
  if (o.json) {
    std::printf(
        "{\"workload\":\"%s\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,\"unit\":\"%s\",\"runs\":%"
        "zu,\"beside\":\"%s\"}\n",
        f.workload.c_str(), median, f.values.front(), f.values.back(), f.unit.c_str(),
        f.values.size(), f.beside.c_str());
  } else {
    std::printf("%-34s %10.3f  [%.3f .. %.3f] %-22s %s\n", f.workload.c_str(), median,
                f.values.front(), f.values.back(), f.unit.c_str(), f.beside.c_str());
  }
  std::fflush(stdout);
}

}  // namespace moot::bench
