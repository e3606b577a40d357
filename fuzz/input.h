#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace moot::fuzz {

// Reads choices off the front of a fuzzer's input; an exhausted input gives zeros and nothing.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool done() const { return rest_.empty(); }
  Bytes rest() const { return rest_; }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t b = rest_[0];
    rest_ = rest_.subspan(1);
    return b;
  }
  // Big endian; what is missing reads as zeros.
  std::uint64_t number(unsigned octets) {
    std::uint64_t v = 0;
    for (unsigned i = 0; i < octets; ++i) v = v << 8 | byte();
    return v;
  }
  Bytes take(std::size_t n) {
    const Bytes b = rest_.first(std::min(n, rest_.size()));
    rest_ = rest_.subspan(b.size());
    return b;
  }

 private:
  Bytes rest_;
};

}  // namespace moot::fuzz
