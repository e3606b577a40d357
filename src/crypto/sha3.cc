#include "crypto/sha3.h"

#include <algorithm>

namespace moot {
namespace {

void xor_octet(KeccakState& state, std::size_t at, std::uint8_t octet) {
  state[at / 8] ^= static_cast<std::uint64_t>(octet) << (8 * (at % 8));
}

}  // namespace

template <std::size_t DigestOctets>
void Sha3<DigestOctets>::update(Bytes bytes) {
  const auto octet = [&] {
    xor_octet(state_, filled_++, bytes.front());
    bytes = bytes.subspan(1);
  };
  while (!bytes.empty()) {
    const std::size_t room = kRate - filled_;
    if (filled_ % 8 == 0 && bytes.size() >= 8) {
      const std::size_t words = std::min(room, bytes.size()) / 8;
      for (std::size_t i = 0; i < words; ++i) {
        state_[filled_ / 8 + i] ^= load_le64(bytes.data() + 8 * i);
      }
      filled_ += 8 * words;
      bytes = bytes.subspan(8 * words);
    } else {
      octet();
    }
    if (filled_ == kRate) {
      keccak_permute(state_);
      filled_ = 0;
    }
  }
}

template <std::size_t DigestOctets>
auto Sha3<DigestOctets>::finish() -> Digest {
  xor_octet(state_, filled_, 0x06);  // FIPS 202 6.1 and B.2: suffix 01, then pad10*1
  xor_octet(state_, kRate - 1, 0x80);
  keccak_permute(state_);
  Digest digest;
  for (std::size_t i = 0; i < DigestOctets / 8; ++i) {
    store_le64(digest.data() + 8 * i, state_[i]);
  }
  *this = Sha3();
  return digest;
}

template class Sha3<32>;
template class Sha3<64>;

Digest256 sha3_256(Bytes bytes) {
  Sha3_256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest512 sha3_512(Bytes bytes) {
  Sha3_512 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace moot
