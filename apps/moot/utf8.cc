#include "apps/moot/utf8.h"

#include <algorithm>
#include <array>

namespace moot::app {

bool misleading(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

int columns(std::uint32_t c) {
  struct Span {
    std::uint32_t first, last;
  };
  constexpr std::array<Span, 12> kNone{{{0x0300, 0x036f},
                                        {0x0483, 0x0489},
                                        {0x0591, 0x05bd},
                                        {0x0610, 0x061a},
                                        {0x064b, 0x065f},
                                        {0x1ab0, 0x1aff},
                                        {0x1dc0, 0x1dff},
                                        {0x200b, 0x200f},
                                        {0x20d0, 0x20ff},
                                        {0xfe00, 0xfe0f},
                                        {0xfe20, 0xfe2f},
                                        {0xe0100, 0xe01ef}}};
  constexpr std::array<Span, 11> kTwo{{{0x1100, 0x115f},
                                       {0x2e80, 0x303e},
                                       {0x3041, 0x33ff},
                                       {0x3400, 0x4dbf},
                                       {0x4e00, 0x9fff},
                                       {0xa000, 0xa4cf},
                                       {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff},
                                       {0xfe30, 0xfe6f},
                                       {0xff00, 0xff60},
                                       {0x1f300, 0x1faff}}};
  const auto in = [c](const Span& s) { return c >= s.first && c <= s.last; };
  if (std::ranges::any_of(kNone, in)) return 0;
  return std::ranges::any_of(kTwo, in) ? 2 : 1;
}

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
