#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moot::app {

struct CodePoint {
  std::uint32_t code = 0;
  std::size_t octets = 1;
  bool valid = false;
};
// The first code point of a text that is not empty; one octet at a time where it is no UTF-8.
CodePoint next_code_point(std::string_view text);
void append_utf8(std::string& out, std::uint32_t code);

// Control characters, and what changes the direction or the lines of what follows: what a stranger
// may not send to a terminal.
bool misleading(std::uint32_t code);

// Columns a terminal gives it: 0, 1 or 2.
int columns(std::uint32_t code);
int columns(std::string_view text);

}  // namespace moot::app
