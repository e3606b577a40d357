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
        "{\"workload\":\"%s\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,\"unit\":\"%s\","
        "\"runs\":%zu,\"beside\":\"%s\"}\n",
        f.workload.c_str(), median, f.values.front(), f.values.back(), f.unit.c_str(),
        f.values.size(), f.beside.c_str());
  } else {
    std::printf("%-34s %10.3f  [%.3f .. %.3f] %-22s %s\n", f.workload.c_str(), median,
                f.values.front(), f.values.back(), f.unit.c_str(), f.beside.c_str());
  }
  std::fflush(stdout);
}

void print(bool json, Point p) {
  std::ranges::sort(p.values);
  const double median = p.values[p.values.size() / 2];
  if (json) {
    std::printf(
        "{\"id\":\"%s\",\"workload\":\"%s\",\"unit\":\"%s\",\"x_name\":\"%s\",\"x\":%.0f,"
        "\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,\"runs\":%zu}\n",
        p.id.c_str(), p.title.c_str(), p.unit.c_str(), p.x_name.c_str(), p.x, median,
        p.values.front(), p.values.back(), p.values.size());
  } else {
    std::printf("%-48s %9.0f %-14s %12.3f  [%.3f .. %.3f] %s\n", p.title.c_str(), p.x,
                p.x_name.c_str(), median, p.values.front(), p.values.back(), p.unit.c_str());
  }
  std::fflush(stdout);
}

}  // namespace moot::bench
