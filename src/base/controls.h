#pragma once

#include <string_view>

namespace moot {

// Unicode's category Cc. REQUIRES: well-formed UTF-8.
constexpr bool has_controls(std::string_view text) {
  unsigned char before = 0;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (b < 0x20 || b == 0x7f || (before == 0xc2 && b < 0xa0)) return true;
    before = b;
  }
  return false;
}

}  // namespace moot
