#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "crypto/hmac.h"
#include "wire/commands.h"

namespace moot::session {

// A frame in `out` that still lacks its signature. Offsets stay right while `out` only grows.
struct Unsigned {
  wire::FrameSlot slot;
};

// One direction of one connection: numbers frames, puts them into the send buffer, several
// commands into one BATCH where the other side asked for it. Signing is apart from it, so that
// the frames of many connections can be signed together.
class Outgoing {
 public:
  explicit Outgoing(Dir dir) : dir_(dir) {}

  // The nonce of the first signed frame (security.md R5).
  void start(std::uint64_t first_nonce) { first_ = next_ = first_nonce; }
  std::uint64_t first_nonce() const { return first_; }
  std::uint64_t next_nonce() const { return next_; }
  std::uint64_t frames() const { return next_ - first_; }
  bool batch() const { return batch_; }
  void set_batch(bool on, std::uint32_t payload_max) {
    batch_ = on;
    payload_max_ = payload_max;
  }

  // Appends `bodies` in order, as BATCHes where that is negotiated and there are several, and
  // tells the frames to sign. `unix_s`: the sender's clock.
  void put(Buffer& out, std::uint64_t unix_s, std::span<const wire::Body> bodies,
           std::vector<Unsigned>& to_sign);

 private:
  void put_one(Buffer& out, std::uint64_t unix_s, const wire::Body& body,
               std::vector<Unsigned>& to_sign);
  void put_batch(Buffer& out, std::uint64_t unix_s, std::span<const wire::Body> bodies,
                 std::size_t elements_octets, std::vector<Unsigned>& to_sign);

  Dir dir_;
  bool batch_ = false;
  std::uint32_t payload_max_ = limits::kFrameBytesMax;
  std::uint64_t first_ = 0;
  std::uint64_t next_ = 0;
};

// Signs at once what `put` left unsigned; `key` none: behind a wall, zeros.
void sign_all(Buffer& out, std::span<const Unsigned> frames, const MacKey* key);

// Whether `sig` (hex) is the MAC of `payload`: constant time over 64 octets (security.md R2).
bool signature_is(std::string_view sig, const Mac& mac);

}  // namespace moot::session
