#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "channel/rng.h"

// Random choices of the simulator. Each purpose draws from a stream of its own, so that one fault
// less leaves what the others do alone.
namespace moot::sim {

inline Rng stream(std::uint64_t seed, std::string_view purpose, std::uint64_t ordinal = 0) {
  std::uint64_t name = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : purpose) name = (name ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Rng(seed * 0x9e3779b97f4a7c15 ^ name ^ ordinal * 0xd6e8feb86659fd93);
}

inline double unit(Rng& rng) { return static_cast<double>(rng.next() >> 11) * 0x1p-53; }
inline bool chance(Rng& rng, double p) { return unit(rng) < p; }
// Both ends included.
inline std::int64_t between(Rng& rng, std::int64_t from, std::int64_t to) {
  return from + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(to - from) + 1));
}
inline double log_uniform(Rng& rng, double from, double to) {
  return from * std::exp(unit(rng) * std::log(to / from));
}
inline std::int64_t log_between(Rng& rng, std::int64_t from, std::int64_t to) {
  return static_cast<std::int64_t>(
      log_uniform(rng, static_cast<double>(from), static_cast<double>(to)));
}
// Times between independent events of this mean.
inline std::int64_t waiting(Rng& rng, double mean) {
  return static_cast<std::int64_t>(-mean * std::log(1.0 - unit(rng))) + 1;
}
// Four uniform numbers make one that is normal enough.
inline std::int64_t log_normal(Rng& rng, double median, double sigma) {
  const std::uint64_t bits = rng.next();
  const std::uint64_t sum =
      (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
  const double normal = (static_cast<double>(sum) * 0x1p-16 - 2) * 1.7320508075688772;
  return static_cast<std::int64_t>(median * std::exp(sigma * normal)) + 1;
}

}  // namespace moot::sim
