#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

// Keccak-f[1600] (FIPS 202 section 3), for one state and for several side by side.
// No branch and no address depends on the octets, only on how many there are.
namespace moot {

// Word x + 5y is lane (x, y); octet i of the state is octet i % 8, little endian, of word i / 8.
using KeccakState = std::array<std::uint64_t, 25>;

// Permutes one state by whatever is fastest on this processor.
void keccak_permute(KeccakState& state);

// The same in plain C++, whatever the processor: what the others must agree with.
void keccak_permute_scalar(KeccakState& state);

// N independent states, interleaved: word i of state n is words[i * N + n].
template <int N>
struct alignas(64) KeccakLanes {
  std::array<std::uint64_t, 25 * N> words;

  // The lane's word 0; word i stands i * N further on.
  std::uint64_t* lane(int n) { return words.data() + n; }
};

void keccak_permute(KeccakLanes<4>& states);
void keccak_permute(KeccakLanes<8>& states);

// How many states this processor should be given at once: 8, 4 or 1. With 1 the functions for 4 and
// 8 still work, no faster than one after the other.
int keccak_lanes();

inline std::uint64_t load_le64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, 8);
  if constexpr (std::endian::native == std::endian::big) v = std::byteswap(v);
  return v;
}
inline void store_le64(std::uint8_t* p, std::uint64_t v) {
  if constexpr (std::endian::native == std::endian::big) v = std::byteswap(v);
  std::memcpy(p, &v, 8);
}

}  // namespace moot
