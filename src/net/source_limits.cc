#include "net/source_limits.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>

namespace moot::net {
namespace {

constexpr std::size_t kEarlyDropFrom = 64;
constexpr std::size_t kEarlyDropAll = 256;
constexpr std::uint64_t kEarlyDropPercent = 30;
constexpr Seconds kPenaltyBites{15};
constexpr Seconds kPenaltyMax{600};
constexpr Seconds kFreshWindow{600};

Seconds penalty(SourceLimits::Fault fault) {
  switch (fault) {
    case SourceLimits::Fault::none:
      return Seconds{0};
    case SourceLimits::Fault::no_cnn:
      return Seconds{1};
    case SourceLimits::Fault::auth_failure:
      return Seconds{5};
    case SourceLimits::Fault::protocol_error:
      return Seconds{10};
  }
  return Seconds{0};
}

}  // namespace

bool Address::loopback() const {
  if (!v6) return octets[0] == 127;
  return octets[15] == 1 &&
         std::all_of(octets.begin(), octets.end() - 1, [](auto o) { return o == 0; });
}

Address plain_v4(Address a) {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!a.v6 || std::memcmp(a.octets.data(), kMapped.data(), kMapped.size()) != 0) return a;
  Address v4;
  std::memcpy(v4.octets.data(), a.octets.data() + 12, 4);
  return v4;
}

std::uint64_t source_of(const Address& a) {
  std::uint64_t source = 0;
  std::memcpy(&source, a.octets.data(), a.v6 ? 8 : 4);
  return source;
}

bool Network::holds(const Address& a) const {
  if (a.v6 != address.v6) return false;
  for (unsigned bit = 0; bit < prefix; ++bit) {
    const unsigned mask = 0x80u >> (bit % 8);
    if (((a.octets[bit / 8] ^ address.octets[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

Result<Network> parse_network(std::string_view text) {
  Network n;
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  if (inet_pton(AF_INET, host.c_str(), n.address.octets.data()) == 1) {
    n.prefix = 32;
  } else if (inet_pton(AF_INET6, host.c_str(), n.address.octets.data()) == 1) {
    n.address.v6 = true;
    n.prefix = 128;
  } else {
    return fail("'" + std::string(text) + "' is no address; write one like 127.0.0.0/8 or ::1.");
  }
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (ec != std::errc{} || end != digits.data() + digits.size() || prefix > n.prefix) {
      return fail("'" + std::string(text) +
                  "' has no valid prefix length after the slash; use 0 to " +
                  std::to_string(n.prefix) + ".");
    }
    n.prefix = prefix;
  }
  return n;
}

std::string text(const Address& a) {
  char host[INET6_ADDRSTRLEN] = {};
  inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.octets.data(), host, sizeof host);
  return host;
}

std::string text(const Network& n) { return text(n.address) + "/" + std::to_string(n.prefix); }

bool SourceLimits::exempt(const Address& raw) const {
  const Address a = plain_v4(raw);
  return std::any_of(config_.exempt.begin(), config_.exempt.end(),
                     [&a](const Network& n) { return n.holds(a); });
}

SourceLimits::Source& SourceLimits::source(const Address& from, Tick now) {
  // Connections before CNN live for seconds: a source without any is never far.
  Source& s =
      (from.v6 ? v6_ : v4_).touch(source_of(from), [](const Source& old) { return old.live == 0; });
  if (!s.begun) s.begun = now;
  return s;
}

bool SourceLimits::admit(const Address& raw, Tick now, std::uint32_t random) {
  const Address from = plain_v4(raw);
  if (exempt(from)) return true;
  if (unknown_ >= kEarlyDropFrom) {
    const std::uint64_t over = std::min(unknown_, kEarlyDropAll) - kEarlyDropFrom;
    const std::uint64_t percent =
        kEarlyDropPercent + (100 - kEarlyDropPercent) * over / (kEarlyDropAll - kEarlyDropFrom);
    if (random % 100 < percent) return false;
  }
  Source& s = source(from, now);
  if (s.barred_until - now >= kPenaltyBites) return false;
  if (config_.live_max > 0 && s.live >= config_.live_max) return false;
  if (now - *s.begun >= kFreshWindow) {
    s.begun = now;
    s.fresh = 0;
  }
  if (config_.new_per_10min > 0 && s.fresh >= config_.new_per_10min) return false;
  ++s.fresh;
  ++s.live;
  ++unknown_;
  return true;
}

void SourceLimits::settled(const Address& raw, Tick now, Fault fault) {
  const Address from = plain_v4(raw);
  if (exempt(from)) return;
  if (unknown_ > 0) --unknown_;
  Source& s = source(from, now);
  if (s.live > 0) --s.live;
  if (fault == Fault::none) return;
  s.barred_until = std::min(std::max(s.barred_until, now) + penalty(fault), now + kPenaltyMax);
}

}  // namespace moot::net
