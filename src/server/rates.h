#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/time.h"
#include "model/limits.h"

namespace moot::server {

// Rates of what a client starts (protocol.md 10). commands_per_s 0 switches all of them off.
struct Rates {
  std::uint64_t commands_per_s = limits::kCommandsPerSecond;
  std::uint64_t commands_burst = limits::kCommandsBurst;
  std::uint64_t bytes_per_s = limits::kBytesPerSecond;
  std::uint64_t bytes_burst = limits::kBytesBurst;
  friend bool operator==(const Rates&, const Rates&) = default;
};

// What one's own messages make the server send to members of channels, a second and at
// once (security.md 5.4).
inline constexpr std::uint64_t kFanOutBytesPerSecond = 8 * 1024 * 1024;
inline constexpr std::uint64_t kFanOutBytesBurst = 64 * 1024 * 1024;
// Of each copy of a message: its header, signature, ids and stamp, about.
inline constexpr std::size_t kCopyOverhead = 300;

// A token bucket that may go into debt: what was already read is handled, and the debt is waited
// off. Counts in thousandths of a token so that milliseconds lose nothing.
class Bucket {
 public:
  // `tokens` are taken at `now`; per_s 0: no limit.
  void take(Tick now, std::uint64_t per_s, std::uint64_t burst, std::uint64_t tokens);
  // When the debt is over; not later than `now`: there is none.
  Tick ready(Tick now, std::uint64_t per_s) const;

 private:
  void refill(Tick now, std::uint64_t per_s, std::uint64_t burst);
  static constexpr Tick kNever{INT64_MIN};
  Tick last_ = kNever;
  std::int64_t milli_tokens_ = 0;
};

// What one connection has started lately.
class RateMeter {
 public:
  enum class Class : std::uint8_t { plain, list, handshake };

  void charge(Tick now, const Rates& rates, Class what, unsigned commands, std::size_t octets);
  // Its message of so many octets goes to so many connections.
  void fan_out(Tick now, const Rates& rates, std::size_t copies, std::size_t octets);
  // A vote of others refused the connection as leader.
  void refused_candidate(Tick now, const Rates& rates);
  // Until when reading must stop; none: go on.
  std::optional<Tick> pause_until(Tick now, const Rates& rates);
  // Whether the buckets have been empty with octets waiting for 60 s without a break.
  bool starved(Tick now) const;

 private:
  // What most connections never do; made when one does.
  struct Rare {
    Bucket lists;
    Bucket handshakes;
    Bucket candidacies;
    Bucket fan_out;
    bool pausing = false;
    Tick paused_since;
    Tick paused_until;
  };
  Rare& rare();

  Bucket commands_;
  Bucket octets_;
  std::unique_ptr<Rare> rare_;
};

}  // namespace moot::server
