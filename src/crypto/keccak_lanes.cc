#ifndef MOOT_NO_HIGHWAY

// Compiled once for each instruction set by foreach_target.h, which includes this file again; the
// processor found at run time chooses. Only these pay here: SSSE3 and SSE4 have no 64-bit rotation
// and half the width, so they lose against plain words.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "crypto/keccak_lanes.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <bit>
#include <cstddef>
#include <cstdint>

#include "crypto/keccak.h"
#include "crypto/keccak_constants.h"
#include "crypto/keccak_targets.h"

#undef MOOT_KECCAK_INLINE
#define MOOT_KECCAK_INLINE HWY_INLINE

HWY_BEFORE_NAMESPACE();
namespace moot {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

struct WordOps {
  using V = std::uint64_t;
  static HWY_INLINE V xor2(V a, V b) { return a ^ b; }
  static HWY_INLINE V xor3(V a, V b, V c) { return a ^ b ^ c; }
  static HWY_INLINE V chi(V x, V y, V z) { return x ^ (~y & z); }
  template <int N>
  static HWY_INLINE V rotl(V v) {
    return v << N | v >> (64 - N);
  }
  static HWY_INLINE V set1(std::uint64_t v) { return v; }
};

#undef MOOT_KECCAK_VECTORS
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
#define MOOT_KECCAK_VECTORS 1
#else
#define MOOT_KECCAK_VECTORS 0
#endif

#if MOOT_KECCAK_VECTORS
template <int Lanes>
struct LaneOps {
  using D = hn::FixedTag<std::uint64_t, Lanes>;
  using V = hn::Vec<D>;

  static HWY_INLINE V xor2(V a, V b) { return hn::Xor(a, b); }
  static HWY_INLINE V xor3(V a, V b, V c) { return hn::Xor3(a, b, c); }
  static HWY_INLINE V chi(V x, V y, V z) {
#if HWY_TARGET == HWY_AVX3
    // One instruction where Highway has none: bit 4x + 2y + z of 0xd2 is x ^ (~y & z).
    if constexpr (Lanes == 8) {
      return V{_mm512_ternarylogic_epi64(x.raw, y.raw, z.raw, 0xd2)};
    } else if constexpr (Lanes == 4) {
      return V{_mm256_ternarylogic_epi64(x.raw, y.raw, z.raw, 0xd2)};
    } else {
      return V{_mm_ternarylogic_epi64(x.raw, y.raw, z.raw, 0xd2)};
    }
#else
    return hn::Xor(x, hn::AndNot(y, z));
#endif
  }
  template <int N>
  static HWY_INLINE V rotl(V v) {
    return hn::RotateRight<64 - N>(v);
  }
  static HWY_INLINE V set1(std::uint64_t v) { return hn::Set(D(), v); }
};
#endif

#include "crypto/keccak_rounds.inc"

// Permutes `Lanes` of the `Stride` interleaved states that start at `words`.
template <class Ops, int Stride>
HWY_INLINE void permute_words(std::uint64_t* words) {
  std::uint64_t a[25];
  for (std::size_t i = 0; i < 25; ++i) a[i] = words[i * Stride];
  keccak_rounds<Ops>(a);
  for (std::size_t i = 0; i < 25; ++i) words[i * Stride] = a[i];
}

#if MOOT_KECCAK_VECTORS
template <int Lanes, int Stride>
HWY_INLINE void permute_lanes(std::uint64_t* words) {
  using Ops = LaneOps<Lanes>;
  const typename Ops::D d;
  typename Ops::V a[25];
  for (std::size_t i = 0; i < 25; ++i) a[i] = hn::LoadU(d, words + i * Stride);
  keccak_rounds<Ops>(a);
  for (std::size_t i = 0; i < 25; ++i) hn::StoreU(a[i], d, words + i * Stride);
}
#endif

void permute_1(std::uint64_t* words) {
#if HWY_TARGET == HWY_AVX3
  permute_lanes<1, 1>(words);  // 32 registers hold the whole state
#else
  permute_words<WordOps, 1>(words);
#endif
}

void permute_4(std::uint64_t* words) {
#if MOOT_KECCAK_VECTORS
  permute_lanes<4, 4>(words);
#else
  for (int lane = 0; lane < 4; ++lane) permute_words<WordOps, 4>(words + lane);
#endif
}

void permute_8(std::uint64_t* words) {
#if HWY_TARGET == HWY_AVX3
  permute_lanes<8, 8>(words);
#elif HWY_TARGET == HWY_AVX2
  permute_lanes<4, 8>(words);
  permute_lanes<4, 8>(words + 4);
#else
  for (int lane = 0; lane < 8; ++lane) permute_words<WordOps, 8>(words + lane);
#endif
}

int lanes() {
#if HWY_TARGET == HWY_AVX3
  return 8;
#elif HWY_TARGET == HWY_AVX2
  return 4;
#else
  return 1;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace moot
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moot {

HWY_EXPORT(permute_1);
HWY_EXPORT(permute_4);
HWY_EXPORT(permute_8);
HWY_EXPORT(lanes);

void keccak_permute(KeccakState& state) { HWY_DYNAMIC_DISPATCH(permute_1)(state.data()); }
void keccak_permute(KeccakLanes<4>& states) {
  HWY_DYNAMIC_DISPATCH(permute_4)(states.words.data());
}
void keccak_permute(KeccakLanes<8>& states) {
  HWY_DYNAMIC_DISPATCH(permute_8)(states.words.data());
}
int keccak_lanes() { return HWY_DYNAMIC_DISPATCH(lanes)(); }

namespace {
void choose(std::int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}
std::int64_t available() { return hwy::SupportedTargets() & HWY_TARGETS; }
}  // namespace

std::vector<std::string> keccak_targets() {
  std::vector<std::string> names;
  for (std::int64_t left = available(); left != 0; left &= left - 1) {
    names.emplace_back(hwy::TargetName(left & -left));
  }
  return names;
}

bool keccak_use_target(std::string_view name) {
  choose(0);
  if (name.empty()) return true;
  for (std::int64_t left = available(); left != 0; left &= left - 1) {
    if (name == hwy::TargetName(left & -left)) {
      choose(left & -left);
      return true;
    }
  }
  return false;
}

}  // namespace moot
#endif  // HWY_ONCE

#endif  // MOOT_NO_HIGHWAY
