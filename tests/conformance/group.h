#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "tests/conformance/json.h"

namespace moot::vectors {

// One group of vectors. A vector passes when every expectation about it held.
class Group {
 public:
  explicit Group(std::string_view name) : name_(name) {}

  // From here on expectations are about the vector `id`.
  void begin(std::string_view id) {
    end();
    id_ = id;
    open_ = true;
  }
  void expect(bool holds, std::string_view what) {
    if (holds) return;
    good_ = false;
    std::printf("%s %s: %.*s\n", name_.c_str(), id_.c_str(), static_cast<int>(what.size()),
                what.data());
  }
  void expect_same(std::string_view got, std::string_view want, std::string_view what) {
    if (got == want) return;
    expect(false, std::string(what) + ": got " + std::string(got.substr(0, 400)) + ", want " +
                      std::string(want.substr(0, 400)));
  }
  // This build has not what the vector needs.
  void skip(std::string_view why) {
    open_ = false;
    ++skipped_;
    std::printf("%s %s: skipped by design, %.*s\n", name_.c_str(), id_.c_str(),
                static_cast<int>(why.size()), why.data());
  }

  // Prints the line of the group; true when nothing failed and something passed.
  bool close() {
    end();
    std::printf("%-24s %4u passed", name_.c_str(), passed_);
    if (failed_ > 0) std::printf(", %u FAILED", failed_);
    if (skipped_ > 0) std::printf(", %u skipped by design", skipped_);
    std::printf("\n");
    return failed_ == 0 && passed_ > 0;
  }

 private:
  void end() {
    if (open_) ++(good_ ? passed_ : failed_);
    open_ = false;
    good_ = true;
  }

  std::string name_;
  std::string id_;
  bool open_ = false;
  bool good_ = true;
  unsigned passed_ = 0;
  unsigned failed_ = 0;
  unsigned skipped_ = 0;
};

// Each reads its file from `dir`, prints a line for each group in it, says whether all held.
bool check_frames(const std::string& dir);
bool check_invalid_frames(const std::string& dir);
bool check_macs(const std::string& dir);
bool check_payloads(const std::string& dir);
bool check_identifiers(const std::string& dir);
bool check_key_files(const std::string& dir);
bool check_records(const std::string& dir);
bool check_sessions(const std::string& dir);
bool check_nonces(const std::string& dir);

}  // namespace moot::vectors
