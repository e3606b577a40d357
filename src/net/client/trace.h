#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/commands.h"

namespace moot::net {

// The commands of a connection as lines of a file, for who wants to see what is said:
//   17:03:11.204 -> PV_MSG to=@bob msg_id=01HHNNM7S8M2RW5MZ4YM31EA1S msg=<24 octets>
// Keys are left out, and so are messages but for short ones. Times are UTC.
class Trace {
 public:
  // Appends; a new file is its owner's alone.
  static Result<std::unique_ptr<Trace>> open(const std::string& path);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  void sent(UnixMs at, const c::Any& cmd);
  void heard(UnixMs at, const s::Any& cmd);

 private:
  explicit Trace(int fd) : fd_(fd) {}
  void line(UnixMs at, std::string_view arrow, const std::string& command);

  int fd_;
};

}  // namespace moot::net
