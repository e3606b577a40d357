#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace moot::app {

// "[#####-----]  50%"; `total` 0 is unknown: "[---###----]", which moves.
std::string bar(std::uint64_t done, std::uint64_t total, int cells);

// How far a pull is, on stderr: one line that is drawn over on a terminal, else a line whenever
// twice as much has come as at the line before, and one when all has.
class Progress {
 public:
  Progress(std::string what, bool terminal);
  ~Progress();  // leaves a clean line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t records, std::uint64_t missing);

 private:
  std::string what_;
  bool terminal_;
  bool drawn_ = false;
  std::uint64_t next_ = 1;
  bool whole_ = false;  // the last line said that all has come
  std::chrono::steady_clock::time_point last_{};
};
// What it shows: "#ops  [###---]  50%  512 of 1024 records", "#ops  [--###-]  512 records".
std::string progress_line(std::string_view what, std::uint64_t records, std::uint64_t missing);

}  // namespace moot::app
