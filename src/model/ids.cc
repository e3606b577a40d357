#include "model/ids.h"

#include "base/check.h"
#include "base/hex.h"

namespace moot {
namespace {
constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

constexpr std::array<std::int8_t, 256> kCrockfordValue = [] {
  std::array<std::int8_t, 256> t{};
  t.fill(-1);
  for (int i = 0; i < 32; ++i)
    t[static_cast<unsigned char>(kCrockford[i])] = static_cast<std::int8_t>(i);
  return t;
}();
}  // namespace

std::string ulid_text(Bytes sixteen) {
  MOOT_CHECK(sixteen.size() == 16);
  // 130 bits in 26 groups of five: two zero bits stand before the 128.
  std::string out(26, '0');
  unsigned acc = 0;
  unsigned bits = 2;
  std::size_t at = 0;
  for (const std::uint8_t b : sixteen) {
    acc = (acc << 8 | b) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out[at++] = kCrockford[acc >> bits & 31];
    }
  }
  return out;
}

std::optional<std::array<std::uint8_t, 16>> ulid_parse(std::string_view text) {
  if (text.size() != 26 || text[0] > '7') return std::nullopt;
  std::array<std::uint8_t, 16> out{};
  unsigned acc = 0;
  unsigned bits = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < 26; ++i) {
    const int v = kCrockfordValue[static_cast<unsigned char>(text[i])];
    if (v < 0) return std::nullopt;
    acc = (acc << 5 | static_cast<unsigned>(v)) & 0x1fff;
    bits += i == 0 ? 3 : 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = static_cast<std::uint8_t>(acc >> bits);
    }
  }
  return out;
}

std::string text(const Kid& kid) { return hex(kid.bytes()); }

std::optional<Kid> parse_kid(std::string_view hex16) {
  Kid kid;
  if (!unhex_into(hex16, kid.octets)) return std::nullopt;
  return kid;
}

std::optional<UserId> UserId::parse(std::string_view text) {
  if (text.empty() || text.size() > limits::kUserIdBytesMax) return std::nullopt;
  UserId id;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool inner = c == '.' || c == '_' || c == '-';
    if (!plain && !(inner && i > 0)) return std::nullopt;
    id.text_[i] = c;
  }
  id.size_ = static_cast<std::uint8_t>(text.size());
  return id;
}

const UserId& server_user() {
  static const UserId id = *UserId::parse("server");
  return id;
}
const UserId& invite_user() {
  static const UserId id = *UserId::parse("invite");
  return id;
}

}  // namespace moot
