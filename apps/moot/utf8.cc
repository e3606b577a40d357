#include "apps/moot/utf8.h"

#include "text/text.h"

namespace moot::app {

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
