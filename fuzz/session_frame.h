#pragma once

#include <string_view>

#include "base/buffer.h"
#include "fuzz/input.h"
#include "wire/commands.h"

namespace moot::fuzz {

// A frame as a session core gets it, with the verdict about its MAC that the input chose.
struct StubbedFrame {
  Buffer octets;
  wire::Frame frame;
  bool mac_ok = false;
};

// What the input decides about a frame apart from its command.
struct Choices {
  std::uint8_t bits = 0;
  bool mac_ok() const { return (bits & 1) == 0; }
  bool zero_signature() const { return (bits & 2) != 0; }
  bool other_dir() const { return (bits & 12) == 12; }
  bool other_header() const { return (bits & 48) == 48; }
};

inline void finish(StubbedFrame& f, const wire::FrameSlot& slot, std::string_view cmd,
                   Choices choices) {
  wire::put_zero_signature(f.octets, slot);
  if (!choices.zero_signature()) f.octets.data()[slot.sig + 5] = 'a';
  const std::string_view text = as_text(f.octets.bytes());
  f.frame = {.cmd = choices.other_header() ? "KALIVE" : cmd,
             .sig = text.substr(slot.sig, limits::kSigHexDigits),
             .payload = f.octets.bytes().subspan(slot.payload, slot.payload_len),
             .octets = f.octets.size()};
  f.mac_ok = choices.mac_ok();
}

// `body` in an envelope.
inline StubbedFrame stubbed(Dir dir, std::uint64_t nonce, std::uint64_t timestamp,
                            const wire::Body& body, Choices choices) {
  StubbedFrame f;
  if (choices.other_dir()) dir = dir == Dir::client ? Dir::server : Dir::client;
  const wire::FrameSlot slot = wire::put_frame(f.octets, dir, nonce, timestamp, body);
  finish(f, slot, body.cmd, choices);
  return f;
}

// Any octets as the payload.
inline StubbedFrame stubbed(std::string_view cmd, Bytes payload, Choices choices) {
  StubbedFrame f;
  const std::size_t size = payload.empty() ? 1 : payload.size();
  const wire::FrameSlot slot = wire::put_frame(f.octets, cmd, size);
  f.octets.data()[slot.payload] = 0xc1;
  if (!payload.empty()) std::memcpy(f.octets.data() + slot.payload, payload.data(), size);
  finish(f, slot, cmd, choices);
  return f;
}

// The part of an envelope's rules that needs no state; none: the frame must end the connection.
inline std::optional<wire::Envelope> sound_envelope(const wire::Frame& frame, Dir dir) {
  if (wire::validate(frame.payload) != wire::ProfileError::ok) return std::nullopt;
  const auto opened = wire::open(frame.payload);
  if (!opened || opened->envelope.cmd != frame.cmd || opened->envelope.dir != text(dir)) {
    return std::nullopt;
  }
  return opened->envelope;
}

}  // namespace moot::fuzz
