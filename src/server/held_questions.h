#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "model/limits.h"

namespace moot::server {

// What a connection that is behind with reading asked for and gets later: questions whose answers
// are bulk, and the barriers behind them, in their order (protocol.md 5.7, 10).
class HeldQuestions {
 public:
  struct Question {
    std::uint64_t nonce = 0;
    std::string_view cmd;  // of the table of commands
    std::optional<std::uint64_t> index;
    ByteBuf map;
  };

  // False: no room.
  [[nodiscard]] bool put(Question q) {
    if (all_.size() >= limits::kHeldQuestions ||
        octets_ + q.map.size() > limits::kHeldQuestionBytes) {
      return false;
    }
    octets_ += q.map.size();
    all_.push_back(std::move(q));
    return true;
  }
  // REQUIRES: not empty.
  Question take() {
    Question q = std::move(all_.front());
    all_.pop_front();
    octets_ -= q.map.size();
    return q;
  }
  bool empty() const { return all_.empty(); }

 private:
  std::deque<Question> all_;
  std::size_t octets_ = 0;
};

}  // namespace moot::server
