#pragma once

#include <string>
#include <string_view>

// What `mootd doctor` says, a line for each thing it looked at.
namespace moot::mootd {

class Findings {
 public:
  explicit Findings(bool json) : json_(json) {}
  bool json() const { return json_; }

  // `bad` has to be mended, `look` ought to; what was `skipped` is not known to be good.
  void good(std::string_view topic, std::string_view what) { line(topic, "good", what); }
  void look(std::string_view topic, std::string_view what) { line(topic, "look", what); }
  void skipped(std::string_view topic, std::string_view what) { line(topic, "skipped", what); }
  void bad(std::string_view topic, std::string_view what) {
    line(topic, "BAD", what);
    any_bad_ = true;
  }
  // A line of a server, "backup: look, there was none yet".
  void told(std::string_view whole);
  bool any_bad() const { return any_bad_; }

 private:
  void line(std::string_view topic, std::string_view verdict, std::string_view what) const;
  const bool json_;
  bool any_bad_ = false;
};

}  // namespace moot::mootd
