#pragma once

#include <deque>
#include <optional>

#include "client/context.h"
#include "model/kept_command.h"

namespace moot::client {

// Changes that somebody asked for: each is sent, sent again on the next connection if this one ends
// before the answer, and told as Done once a barrier is past it or the server refused it.
// All of these commands can be repeated without harm (protocol.md 6.2, 6.3).
class Asks {
 public:
  explicit Asks(Context& cx) : cx_(&cx) {}

  // At limits::kAsksMax it is refused at once.
  void add(RequestId request, const c::Any& cmd);
  void pump();
  void lost();
  bool wants_barrier() const;
  void safe_upto(SentId barrier);
  // False: the ERR is about none of these.
  bool refused(const s::Err& err, const std::optional<SentRange>& ref);

 private:
  struct Ask {
    RequestId request;
    Kept<c::Any> cmd;
    std::optional<SentId> sent_as;
    bool sent_before = false;  // on an earlier connection, fate unknown
  };
  void done(std::deque<Ask>::iterator ask, std::string_view error);

  Context* cx_;
  std::deque<Ask> asks_;
};

}  // namespace moot::client
