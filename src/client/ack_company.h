#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/commands.h"

namespace moot::client {

// ACK_MSG that wait for company, so that many leave in one frame (docs/adr/0011). Nobody waits for
// one but an author for his second mark; one that is lost with the connection makes the server send
// its message again.
class AckCompany {
 public:
  static constexpr Millis kWait{20};
  static constexpr std::size_t kMost = 32;

  void add(Tick now, c::AckMsg ack) {
    if (acks_.empty()) due_ = now + kWait;
    acks_.push_back(ack);
  }
  bool due(Tick now) const { return acks_.size() >= kMost || (!acks_.empty() && due_ <= now); }
  std::optional<Tick> next() const { return acks_.empty() ? std::nullopt : std::optional(due_); }
  bool empty() const { return acks_.empty(); }
  std::vector<c::AckMsg> take() { return std::exchange(acks_, {}); }

 private:
  std::vector<c::AckMsg> acks_;
  Tick due_;  // of the first
};

}  // namespace moot::client
