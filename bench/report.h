#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

// What the workloads of moot-bench are told, and how they say what they found.
namespace moot::bench {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string bin_dir;
  std::vector<std::string> only;
  int runs = 5;
  std::size_t connections = 10'000;
  std::size_t records = 100'000;
  double seconds = 20;  // of each attack
  std::size_t tries = 1'000'000;
  std::string wall;  // what `wall_named` knows: revoke records of one
  bool batch = true;
  bool json = false;
};

double micros(Clock::duration d);
// The value below which the share `p` of `v` lies; reorders `v`. 0 when there are none.
double percentile(std::vector<double>& v, double p);

struct Figure {
  std::string workload;
  std::string unit;
  std::vector<double> values;  // one a run
  std::string beside;
};

// The median with the spread.
void print(const Options& o, Figure f);

// One point of a curve: what something costs where the work has the size `x`.
struct Point {
  std::string id;     // of the curve
  std::string title;  // as a document says it
  std::string unit;
  std::string x_name;
  double x = 0;
  std::vector<double> values;  // one a run
};
void print(bool json, Point p);

}  // namespace moot::bench
