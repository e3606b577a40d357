#include "apps/moot/utf8.h"

#include <algorithm>
#include <array>

namespace moot::app {

CodePoint next_code_point(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t octets = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < octets) return {};
  std::uint32_t code = lead & (0xff >> (octets + 1));
  for (std::size_t i = 1; i < octets; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (at(i) & 0x3f);
  }
  const bool shortest = octets == 2 || (octets == 3 ? code >= 0x800 : code >= 0x10000);
  if (!shortest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, octets, true};
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

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
