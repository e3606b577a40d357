#include "text/shown.h"

#include "base/utf8.h"

namespace moot::text_rules {
namespace {

// `digits` of them at least.
std::string hex_of(std::uint32_t n, std::size_t digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (; n > 0 || out.size() < digits; n >>= 4) out.insert(out.begin(), kHex[n & 15]);
  return out;
}

}  // namespace

bool misleading(std::uint32_t c) {
  return is_control(c) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

std::string safe(std::string_view foreign, bool lines) {
  std::string out;
  while (!foreign.empty()) {
    const CodePoint c = next_code_point(foreign);
    if (!c.valid) {
      out += "\\x" + hex_of(static_cast<unsigned char>(foreign[0]), 2);
    } else if (c.code == '\n' && lines) {
      out += "\n       ";
    } else if (c.code == '\t' && lines) {
      out += "    ";
    } else if (misleading(c.code)) {
      out += c.code < 0x100 ? "\\x" + hex_of(c.code, 2) : "\\u" + hex_of(c.code, 4);
    } else {
      out += foreign.substr(0, c.octets);
    }
    foreign.remove_prefix(c.octets);
  }
  return out;
}

std::string json_text(std::string_view foreign) {
  std::string out = "\"";
  while (!foreign.empty()) {
    const CodePoint c = next_code_point(foreign);
    if (!c.valid) {
      out += "\\ufffd";
    } else if (c.code == '"' || c.code == '\\') {
      out += '\\';
      out += foreign[0];
    } else if (c.code == '\n') {
      out += "\\n";
    } else if (c.code == '\t') {
      out += "\\t";
    } else if (misleading(c.code)) {
      out += "\\u" + hex_of(c.code, 4);  // all of them are below U+10000
    } else {
      out += foreign.substr(0, c.octets);
    }
    foreign.remove_prefix(c.octets);
  }
  return out + '"';
}

std::string json_or_null(std::string_view foreign) {
  return foreign.empty() ? "null" : json_text(foreign);
}

}  // namespace moot::text_rules
