#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/bytes.h"
#include "crypto/keccak.h"
#include "crypto/sha3.h"

namespace moot {

inline constexpr std::size_t kMacKeyBytes = 32;
using Mac = std::array<std::uint8_t, 64>;

// An HMAC-SHA3-512 key, kept as the two states that its padded blocks leave behind: the key itself
// is not kept, and each MAC is two permutations cheaper. This is the whole cache of pad states:
// whoever owns the session owns the MacKey and drops it with the session; nothing else remembers
// keys. The states are as secret as the key (the permutation can be run backwards), so they are
// wiped on destruction and on move. There is no printer on purpose.
class MacKey {
 public:
  // The caller still owns `key` and wipes it.
  explicit MacKey(std::span<const std::uint8_t, kMacKeyBytes> key);
  MacKey(MacKey&& from) noexcept;
  MacKey& operator=(MacKey&& from) noexcept;
  MacKey(const MacKey&) = delete;
  MacKey& operator=(const MacKey&) = delete;
  ~MacKey();

  // REQUIRES: not moved from.
  Mac sign(Bytes message) const { return sign(message, {}); }
  // The MAC of `a` followed by `b`, for a message that lies in two places.
  Mac sign(Bytes a, Bytes b) const;

 private:
  friend class MacLane;

  KeccakState inner_;
  KeccakState outer_;
  bool keyed_ = true;
};

// HMAC-SHA3-256 of the parts one after the other. Parts are not delimited: callers do that.
Digest256 hmac_sha3_256(std::span<const std::uint8_t, kMacKeyBytes> key,
                        std::initializer_list<Bytes> parts);

// In time that depends on the size alone.
bool equal_ct(std::span<const std::uint8_t, 64> a, std::span<const std::uint8_t, 64> b);
template <std::size_t N>
bool equal_ct(const std::array<std::uint8_t, N>& a, const std::array<std::uint8_t, N>& b);

namespace detail {
bool equal_ct_octets(const std::uint8_t* a, const std::uint8_t* b, std::size_t octets);
}
inline bool equal_ct(std::span<const std::uint8_t, 64> a, std::span<const std::uint8_t, 64> b) {
  return detail::equal_ct_octets(a.data(), b.data(), a.size());
}
template <std::size_t N>
bool equal_ct(const std::array<std::uint8_t, N>& a, const std::array<std::uint8_t, N>& b) {
  return detail::equal_ct_octets(a.data(), b.data(), N);
}

}  // namespace moot
