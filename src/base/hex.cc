#include "base/hex.h"

#include <array>

namespace moot {
namespace {
constexpr char kDigits[] = "0123456789abcdef";
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// 0..15, or 255 for what is no digit.
constexpr std::array<std::uint8_t, 256> kValue = [] {
  std::array<std::uint8_t, 256> t{};
  t.fill(255);
  for (unsigned i = 0; i < 16; ++i)
    t[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return t;
}();
constexpr std::array<std::uint8_t, 256> kUrlValue = [] {
  std::array<std::uint8_t, 256> t{};
  t.fill(255);
  for (unsigned i = 0; i < 64; ++i)
    t[static_cast<unsigned char>(kUrl[i])] = static_cast<std::uint8_t>(i);
  return t;
}();
}  // namespace

void hex_into(Bytes bytes, char* out) {
  for (const std::uint8_t b : bytes) {
    *out++ = kDigits[b >> 4];
    *out++ = kDigits[b & 15];
  }
}

std::string hex(Bytes bytes) {
  std::string out(bytes.size() * 2, '0');
  hex_into(bytes, out.data());
  return out;
}

bool unhex_into(std::string_view digits, MutBytes out) {
  if (digits.size() != out.size() * 2) return false;
  unsigned bad = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned hi = kValue[static_cast<unsigned char>(digits[2 * i])];
    const unsigned lo = kValue[static_cast<unsigned char>(digits[2 * i + 1])];
    bad |= (hi | lo) & 0xf0;
    out[i] = static_cast<std::uint8_t>(hi << 4 | (lo & 15));
  }
  return bad == 0;
}

std::optional<ByteBuf> unhex(std::string_view digits) {
  ByteBuf out(digits.size() / 2);
  if (!unhex_into(digits, out)) return std::nullopt;
  return out;
}

std::string base64url(Bytes bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  unsigned acc = 0;
  unsigned bits = 0;
  for (const std::uint8_t b : bytes) {
    acc = acc << 8 | b;
    for (bits += 8; bits >= 6; bits -= 6) out += kUrl[acc >> (bits - 6) & 63];
  }
  if (bits > 0) out += kUrl[acc << (6 - bits) & 63];
  return out;
}

std::optional<ByteBuf> unbase64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  ByteBuf out;
  out.reserve(text.size() * 3 / 4);
  unsigned acc = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const unsigned v = kUrlValue[static_cast<unsigned char>(c)];
    if (v > 63) return std::nullopt;
    acc = (acc << 6 | v) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(acc >> bits));
    }
  }
  // One text per value: the bits left over must be zero.
  if ((acc & ((1u << bits) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace moot
