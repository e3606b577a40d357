#include "apps/moot/utf8.h"

#include "text/text.h"

namespace moot::app {

bool misleading(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

int columns(std::uint32_t c) { return text_rules::columns(c); }

int columns(std::string_view text) {
  int n = 0;
  while (!text.empty()) {
    const CodePoint c = next_code_point(text);
    text.remove_prefix(c.octets);
    n += c.valid ? columns(c.code) : 1;
  }
  return n;
}

}  // namespace moot::app
