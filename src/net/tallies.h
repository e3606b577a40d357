#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/tally.h"
#include "channel/effects.h"
#include "model/codes.h"
#include "model/commands.h"
#include "session/proxy_header.h"

namespace moot::net {

using DcnnTallies = std::array<Tally, EnumTexts<DcnnCode>::value.size()>;

// Connections that ended without a word of ours.
enum class Silent : std::uint8_t {
  auth_failure,
  protocol_error,
  no_cnn,
  bad_signature,
  stalled,
  queues_full,
};
inline constexpr std::array<std::string_view, 6> kSilentTexts{
    "auth_failure", "protocol_error", "no_cnn", "bad_signature", "stalled", "queues_full"};

// What fronts sent, by what was wrong with it: nothing, a fault, or that it did not come in time.
inline constexpr std::size_t kFrontLate = static_cast<std::size_t>(session::ProxyFault::cn) + 1;
using FrontTallies = std::array<Tally, kFrontLate + 1>;
inline std::string_view front_text(std::size_t i) {
  return i == kFrontLate ? "it did not come in time"
                         : session::text(static_cast<session::ProxyFault>(i));
}

// What a thread of connections counts.
struct WorkerTallies {
  Tally connections;  // taken
  Tally cnn;          // CNN frames that were judged
  Tally admitted;     // of them, let in
  Tally frames_in;    // with CNN
  Tally frames_out;
  Tally octets_in;
  Tally octets_out;  // that the system took
  Tally queued;      // octets in send queues now
  std::array<Tally, std::variant_size_v<s::Any>> commands_out;
  DcnnTallies dcnn;  // that the thread decided
  std::array<Tally, kSilentTexts.size()> silent;
  FrontTallies fronts;
};

// What the hub's thread counts.
struct HubTallies {
  Tally held;  // CNN that had to wait
  std::array<Tally, EnumTexts<Errc>::value.size()> err;
  DcnnTallies dcnn;
  std::array<Tally, kChannelEvents> channel_events;
};

}  // namespace moot::net
