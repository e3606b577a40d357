#include "crypto/keccak.h"

#include <bit>
#include <cstddef>

#include "crypto/keccak_constants.h"
#include "crypto/keccak_targets.h"

#define MOOT_KECCAK_INLINE [[gnu::always_inline]] inline

namespace moot {
namespace {

struct WordOps {
  using V = std::uint64_t;
  static V xor2(V a, V b) { return a ^ b; }
  static V xor3(V a, V b, V c) { return a ^ b ^ c; }
  static V chi(V x, V y, V z) { return x ^ (~y & z); }
  template <int N>
  static V rotl(V v) {
    return std::rotl(v, N);
  }
  static V set1(std::uint64_t v) { return v; }
};

#include "crypto/keccak_rounds.inc"

}  // namespace

void keccak_permute_scalar(KeccakState& state) {
  std::uint64_t a[25];
  std::memcpy(a, state.data(), sizeof a);
  keccak_rounds<WordOps>(a);
  std::memcpy(state.data(), a, sizeof a);
}

#ifdef MOOT_NO_HIGHWAY

void keccak_permute(KeccakState& state) { keccak_permute_scalar(state); }

namespace {
template <int N>
void permute_each(KeccakLanes<N>& states) {
  for (int lane = 0; lane < N; ++lane) {
    KeccakState one;
    std::uint64_t* words = states.lane(lane);
    for (std::size_t i = 0; i < 25; ++i) one[i] = words[i * N];
    keccak_permute_scalar(one);
    for (std::size_t i = 0; i < 25; ++i) words[i * N] = one[i];
  }
}
}  // namespace

void keccak_permute(KeccakLanes<4>& states) { permute_each(states); }
void keccak_permute(KeccakLanes<8>& states) { permute_each(states); }
int keccak_lanes() { return 1; }

std::vector<std::string> keccak_targets() { return {"portable"}; }
bool keccak_use_target(std::string_view name) { return name.empty() || name == "portable"; }

#endif

}  // namespace moot
