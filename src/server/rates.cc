#include "server/rates.h"

#include <algorithm>

namespace moot::server {
namespace {
// Reading resumes a moment after the debt is over; octets that waited are read within this.
constexpr Millis kResumeSlack{500};
}  // namespace

void Bucket::refill(Tick now, std::uint64_t per_s, std::uint64_t burst) {
  const auto full = static_cast<std::int64_t>(burst) * 1000;
  if (fresh_) {
    fresh_ = false;
    milli_tokens_ = full;
  } else {
    const std::int64_t ms = std::max<std::int64_t>(0, (now - last_).count());
    milli_tokens_ = std::min(full, milli_tokens_ + ms * static_cast<std::int64_t>(per_s));
  }
  last_ = now;
}

void Bucket::take(Tick now, std::uint64_t per_s, std::uint64_t burst, std::uint64_t tokens) {
  if (per_s == 0) return;
  refill(now, per_s, burst);
  milli_tokens_ -= static_cast<std::int64_t>(tokens) * 1000;
}

Tick Bucket::ready(Tick now, std::uint64_t per_s) const {
  if (per_s == 0 || fresh_ || milli_tokens_ >= 0) return now;
  const auto rate = static_cast<std::int64_t>(per_s);
  return last_ + Millis{(-milli_tokens_ + rate - 1) / rate};
}

void RateMeter::charge(Tick now, const Rates& rates, Class what, unsigned commands,
                       std::size_t octets) {
  if (rates.commands_per_s == 0) return;
  commands_.take(now, rates.commands_per_s, rates.commands_burst, commands);
  octets_.take(now, rates.bytes_per_s, rates.bytes_burst, octets);
  if (what == Class::list) lists_.take(now, limits::kListsPerSecond, limits::kListsBurst, 1);
  if (what == Class::handshake)
    handshakes_.take(now, limits::kListsPerSecond, limits::kListsBurst, 1);
}

void RateMeter::fan_out(Tick now, const Rates& rates, std::size_t copies, std::size_t octets) {
  if (rates.commands_per_s == 0) return;
  fan_out_.take(now, kFanOutBytesPerSecond, kFanOutBytesBurst, copies * (octets + kCopyOverhead));
}

void RateMeter::refused_candidate(Tick now, const Rates& rates) {
  if (rates.commands_per_s == 0) return;
  candidacies_.take(now, 1, limits::kCandidaciesEvery, limits::kCandidaciesEvery);
}

std::optional<Tick> RateMeter::pause_until(Tick now, const Rates& rates) {
  if (rates.commands_per_s == 0) return std::nullopt;
  const Tick until = std::max(
      {commands_.ready(now, rates.commands_per_s), octets_.ready(now, rates.bytes_per_s),
       lists_.ready(now, limits::kListsPerSecond), handshakes_.ready(now, limits::kListsPerSecond),
       candidacies_.ready(now, 1), fan_out_.ready(now, kFanOutBytesPerSecond)});
  if (until <= now) return std::nullopt;
  // Paused again as soon as reading went on: octets were waiting all the time.
  if (!pausing_ || now > paused_until_ + kResumeSlack) paused_since_ = now;
  pausing_ = true;
  paused_until_ = until;
  return until;
}

bool RateMeter::starved(Tick now) const {
  return pausing_ && now <= paused_until_ + kResumeSlack &&
         now - paused_since_ >= limits::kStarvedMax;
}

}  // namespace moot::server
