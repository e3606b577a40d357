#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "base/time.h"

namespace moot {

// Random numbers inside a core (xoshiro256**): the shell gives the seed, so the same inputs make
// the same run. Not for secrets.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;  // splitmix64
      std::uint64_t z = seed;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
      z = (z ^ z >> 27) * 0x94d049bb133111eb;
      word = z ^ z >> 31;
    }
  }

  std::uint64_t next() {
    const std::uint64_t out = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return out;
  }
  // 0..n-1. REQUIRES: n > 0. The bias of the remainder is below 2^-32 for what is asked here.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  // Both ends included.
  Millis between(Millis from, Millis to) {
    const auto width = static_cast<std::uint64_t>((to - from).count());
    return from + Millis{static_cast<std::int64_t>(below(width + 1))};
  }
  // `d`, up to 20 % more or less.
  Millis around(Millis d) { return between(d * 4 / 5, d * 6 / 5); }
  void fill(std::span<std::uint8_t> out) {
    for (std::uint8_t& octet : out) octet = static_cast<std::uint8_t>(next() >> 56);
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace moot
