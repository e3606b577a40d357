#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace moot {

struct CodePoint {
  std::uint32_t code = 0;
  std::size_t octets = 1;
  bool valid = false;
};
// The first code point of a text that is not empty; one octet at a time where it is no UTF-8.
CodePoint next_code_point(std::string_view text);
// Unicode's category Cc.
constexpr bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}
bool has_controls(std::string_view text);
// REQUIRES: a code point that UTF-8 has, no surrogate.
void append_utf8(std::string& out, std::uint32_t code);

}  // namespace moot
