#pragma once

#include <chrono>
#include <cstdint>

namespace moot {

// Time comes into a core as a value, never from a clock it reads itself.
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

// A point on the steady clock of this process: for timers and deadlines.
struct Tick {
  std::int64_t ms = 0;
  friend constexpr auto operator<=>(Tick, Tick) = default;
  friend constexpr Tick operator+(Tick t, Millis d) { return {t.ms + d.count()}; }
  friend constexpr Millis operator-(Tick a, Tick b) { return Millis{a.ms - b.ms}; }
};

// Milliseconds since the unix epoch on the wall clock: what goes on the wire.
struct UnixMs {
  std::uint64_t ms = 0;
  friend constexpr auto operator<=>(UnixMs, UnixMs) = default;
  constexpr std::uint64_t seconds() const { return ms / 1000; }
};

// Both clocks at the moment of a step.
struct Now {
  Tick tick;
  UnixMs wall;
  friend constexpr bool operator==(Now, Now) = default;
};

}  // namespace moot
