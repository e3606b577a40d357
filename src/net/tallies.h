#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/tally.h"
#include "channel/effects.h"
#include "model/codes.h"
#include "model/commands.h"

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

// What a thread of connections counts.
struct WorkerTallies {
  Tally connections;  // taken
  Tally held;         // CNN that had to wait
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
};

// What the hub's thread counts.
struct HubTallies {
  std::array<Tally, EnumTexts<Errc>::value.size()> err;
  DcnnTallies dcnn;
  std::array<Tally, kChannelEvents> channel_events;
};

}  // namespace moot::net
