#include "base/hex.h"

#include <array>

namespace moot {
namespace {
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::uint8_t, 256> kUrlValue = [] {
  std::array<std::uint8_t, 256> t{};
  t.fill(255);
  for (unsigned i = 0; i < 64; ++i)
    t[static_cast<unsigned char>(kUrl[i])] = static_cast<std::uint8_t>(i);
  return t;
}();
}  // namespace

// Both ways stand on every signature, in and out: without a branch or a table the loops become
// ones over vectors.
void hex_into(Bytes bytes, char* out) {
  const auto digit = [](std::uint8_t n) {
    return static_cast<char>(n + '0' + (n > 9 ? 'a' - '0' - 10 : 0));
  };
  const std::uint8_t* in = bytes.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = digit(static_cast<std::uint8_t>(in[i] >> 4));
    out[2 * i + 1] = digit(static_cast<std::uint8_t>(in[i] & 15));
  }
}

std::string hex(Bytes bytes) {
  std::string out(bytes.size() * 2, '0');
  hex_into(bytes, out.data());
  return out;
}

bool unhex_into(std::string_view digits, MutBytes out) {
  if (digits.size() != out.size() * 2) return false;
  std::uint8_t bad = 0;
  const auto value = [&bad](char c) {
    bad |= static_cast<std::uint8_t>(!is_hex_digit(static_cast<std::uint8_t>(c)));
    const auto number = static_cast<std::uint8_t>(c - '0');
    return static_cast<std::uint8_t>(number > 9 ? c - 'a' + 10 : number);
  };
  const char* in = digits.data();
  std::uint8_t* to = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint8_t high = value(in[2 * i]);
    to[i] = static_cast<std::uint8_t>(high << 4 | (value(in[2 * i + 1]) & 15));
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
