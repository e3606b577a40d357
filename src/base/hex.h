#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace moot {

// [0-9a-f]; without a branch, so that a loop over many becomes one over vectors.
constexpr bool is_hex_digit(std::uint8_t c) {
  const bool number = static_cast<std::uint8_t>(c - '0') < 10;
  const bool letter = static_cast<std::uint8_t>(c - 'a') < 6;
  return (number | letter) != 0;
}

// Lower-case hex. `unhex` takes lower case only and an even number of digits.
std::string hex(Bytes bytes);
std::optional<ByteBuf> unhex(std::string_view digits);

// Writes 2 * bytes.size() digits; `out` must have room for them.
void hex_into(Bytes bytes, char* out);
// Reads exactly 2 * out.size() digits; false when one is not [0-9a-f].
bool unhex_into(std::string_view digits, MutBytes out);

// Base64 for URLs without padding (RFC 4648 section 5).
std::string base64url(Bytes bytes);
std::optional<ByteBuf> unbase64url(std::string_view text);

}  // namespace moot
