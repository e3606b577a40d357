#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "crypto/keccak.h"

namespace moot {

using Digest256 = std::array<std::uint8_t, 32>;
using Digest512 = std::array<std::uint8_t, 64>;

// Octets that one permutation absorbs, by digest size (FIPS 202 section 6.1).
constexpr std::size_t sha3_rate(std::size_t digest_octets) { return 200 - 2 * digest_octets; }

// Incremental SHA3: any number of updates, then one finish. A value: copying it forks the hash.
template <std::size_t DigestOctets>
class Sha3 {
 public:
  using Digest = std::array<std::uint8_t, DigestOctets>;
  static constexpr std::size_t kRate = sha3_rate(DigestOctets);

  void update(Bytes bytes);
  // Starts over, so the object can hash the next message.
  Digest finish();

 private:
  KeccakState state_{};
  std::size_t filled_ = 0;  // octets of the current block already absorbed, < kRate
};

extern template class Sha3<32>;
extern template class Sha3<64>;
using Sha3_256 = Sha3<32>;
using Sha3_512 = Sha3<64>;

Digest256 sha3_256(Bytes bytes);
Digest512 sha3_512(Bytes bytes);

}  // namespace moot
