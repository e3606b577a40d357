#pragma once

#include <string_view>

#include "net/admin_wire.h"

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
  void bad(std::string_view topic, std::string_view what) { line(topic, "bad", what); }
  // What a server found.
  void told(const net::AdminReply::Key& finding);
  bool any_bad() const { return any_bad_; }

 private:
  void line(std::string_view topic, std::string_view verdict, std::string_view what);
  const bool json_;
  bool any_bad_ = false;
};

}  // namespace moot::mootd
