#include "server/rates.h"

#include <algorithm>

namespace moot::server {
namespace {
// Reading resumes a moment after the debt is over; octets that waited are read within this.
constexpr Millis kResumeSlack{500};
}  // namespace

void Bucket::refill(Tick now, std::uint64_t per_s, std::uint64_t burst) {
  const auto full = static_cast<std::int64_t>(burst) * 1000;
  if (last_ == kNever) {
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
  if (per_s == 0 || last_ == kNever || milli_tokens_ >= 0) return now;
  const auto rate = static_cast<std::int64_t>(per_s);
  return last_ + Millis{(-milli_tokens_ + rate - 1) / rate};
}

RateMeter::Rare& RateMeter::rare() {
  if (!rare_) rare_ = std::make_unique<Rare>();
  return *rare_;
}

void RateMeter::charge(Tick now, const Rates& rates, Class what, unsigned commands,
                       std::size_t octets) {
  if (rates.commands_per_s == 0) return;
  commands_.take(now, rates.commands_per_s, rates.commands_burst, commands);
  octets_.take(now, rates.bytes_per_s, rates.bytes_burst, octets);
  if (what == Class::list) rare().lists.take(now, limits::kListsPerSecond, limits::kListsBurst, 1);
  if (what == Class::handshake)
    rare().handshakes.take(now, limits::kListsPerSecond, limits::kListsBurst, 1);
}

void RateMeter::fan_out(Tick now, const Rates& rates, std::size_t copies, std::size_t octets) {
  if (rates.commands_per_s == 0) return;
  rare().fan_out.take(now, kFanOutBytesPerSecond, kFanOutBytesBurst,
                      copies * (octets + kCopyOverhead));
}

void RateMeter::refused_candidate(Tick now, const Rates& rates) {
  if (rates.commands_per_s == 0) return;
  rare().candidacies.take(now, 1, limits::kCandidaciesEvery, limits::kCandidaciesEvery);
}

std::optional<Tick> RateMeter::pause_until(Tick now, const Rates& rates) {
  if (rates.commands_per_s == 0) return std::nullopt;
  Tick until =
      std::max(commands_.ready(now, rates.commands_per_s), octets_.ready(now, rates.bytes_per_s));
  if (rare_) {
    until = std::max({until, rare_->lists.ready(now, limits::kListsPerSecond),
                      rare_->handshakes.ready(now, limits::kListsPerSecond),
                      rare_->candidacies.ready(now, 1),
                      rare_->fan_out.ready(now, kFanOutBytesPerSecond)});
  }
  if (until <= now) return std::nullopt;
  // Paused again as soon as reading went on: octets were waiting all the time.
  Rare& r = rare();
  if (!r.pausing || now > r.paused_until + kResumeSlack) r.paused_since = now;
  r.pausing = true;
  r.paused_until = until;
  return until;
}

bool RateMeter::starved(Tick now) const {
  return rare_ && rare_->pausing && now <= rare_->paused_until + kResumeSlack &&
         now - rare_->paused_since >= limits::kStarvedMax;
}

}  // namespace moot::server
