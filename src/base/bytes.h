#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace moot {

// A view of octets; whoever made it owns them. ByteBuf owns.
using Bytes = std::span<const std::uint8_t>;
using MutBytes = std::span<std::uint8_t>;
using ByteBuf = std::vector<std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// Arrays of whole words as unsigned octets, a word at a time: ids are compared several times for
// every command.
template <class Octet, std::size_t N>
constexpr bool equal_octets(const std::array<Octet, N>& a, const std::array<Octet, N>& b) {
  static_assert(sizeof(Octet) == 1 && N % 8 == 0);
  using Words = std::array<std::uint64_t, N / 8>;
  const auto x = std::bit_cast<Words>(a);
  const auto y = std::bit_cast<Words>(b);
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i < x.size(); ++i) differ |= x[i] ^ y[i];
  return differ == 0;
}
template <class Octet, std::size_t N>
constexpr std::strong_ordering order_octets(const std::array<Octet, N>& a,
                                            const std::array<Octet, N>& b) {
  static_assert(sizeof(Octet) == 1 && N % 8 == 0);
  using Words = std::array<std::uint64_t, N / 8>;
  const auto x = std::bit_cast<Words>(a);
  const auto y = std::bit_cast<Words>(b);
  const auto number = [](std::uint64_t word) {
    return std::endian::native == std::endian::little ? std::byteswap(word) : word;
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] != y[i]) return number(x[i]) <=> number(y[i]);
  }
  return std::strong_ordering::equal;
}

inline void append(ByteBuf& to, Bytes more) { to.insert(to.end(), more.begin(), more.end()); }

inline void put_be32(std::uint8_t* p, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(v >> (24 - 8 * i));
}
inline void put_be64(std::uint8_t* p, std::uint64_t v) {
  for (int i = 0; i < 8; ++i) p[i] = static_cast<std::uint8_t>(v >> (56 - 8 * i));
}
inline std::uint32_t get_be32(const std::uint8_t* p) {
  std::uint32_t v = 0;
  for (int i = 0; i < 4; ++i) v = v << 8 | p[i];
  return v;
}
inline std::uint64_t get_be64(const std::uint8_t* p) {
  std::uint64_t v = 0;
  for (int i = 0; i < 8; ++i) v = v << 8 | p[i];
  return v;
}

}  // namespace moot
