#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "crypto/hmac.h"
#include "crypto/keccak.h"

namespace moot {

inline constexpr std::size_t kMacRate = sha3_rate(64);
inline constexpr int kMacRateWords = static_cast<int>(kMacRate / 8);
inline constexpr int kMacWords = 8;

// The padding of SHA3-512 after a message of exactly the octets of a MAC: word 8 of the block.
inline constexpr std::uint64_t kMacOuterPadding = 0x8000000000000006;

// One message on its way through HMAC-SHA3-512: what the single and the many-lane path share. It
// says which state to start from and which block to absorb next; whoever owns it holds the state.
class MacLane {
 public:
  void begin(const MacKey& key, Bytes a, Bytes b);

  const KeccakState& inner() const { return key_->inner_; }
  const KeccakState& outer() const { return key_->outer_; }

  // The next kMacRate octets to absorb, the last of them padded; false when all were handed out.
  bool done() const { return done_; }
  const std::uint8_t* next_block();

 private:
  const MacKey* key_ = nullptr;
  Bytes a_;
  Bytes b_;
  bool done_ = true;
  std::array<std::uint8_t, kMacRate> block_;
};

}  // namespace moot
