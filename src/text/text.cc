#include "text/text.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "base/utf8.h"

namespace moot::text_rules {
namespace {

constexpr std::size_t kNameCodePointsMax = 64;  // protocol.md 4

struct Free {
  void operator()(utf8proc_uint8_t* p) const { std::free(p); }
};
const utf8proc_uint8_t* octets(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

// Nothing when the text is not UTF-8.
std::optional<std::string> map(std::string_view text, int options) {
  if (text.empty()) return std::string{};
  utf8proc_uint8_t* made = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(octets(text), static_cast<utf8proc_ssize_t>(text.size()), &made,
                   static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(made);
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size));
}

}  // namespace

bool is_nfc(std::string_view text) { return map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE) == text; }

std::optional<std::string> fold(std::string_view text) {
  // Decomposing first lets a letter fold whose accent was composed with it; composing again after
  // the folding gives every spelling the same octets.
  const auto decomposed = map(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  if (!decomposed) return std::nullopt;
  const auto folded = map(*decomposed, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD);
  if (!folded) return std::nullopt;
  return map(*folded, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

bool valid_name(std::string_view text) {
  std::size_t count = 0;
  for (std::string_view rest = text; !rest.empty(); ++count) {
    const CodePoint c = next_code_point(rest);
    if (!c.valid || is_control(c.code)) return false;
    rest.remove_prefix(c.octets);
  }
  return count >= 1 && count <= kNameCodePointsMax && is_nfc(text);
}

int columns(char32_t code) {
  // Where terminals (wcwidth of glibc) do not follow utf8proc: vowels of Hangul join the syllable
  // before them, marks with a place of their own and signs in front of numbers take one.
  if ((code >= 0x1160 && code <= 0x11ff) || (code >= 0xd7b0 && code <= 0xd7ff)) return 0;
  if ((code >= 0x3248 && code <= 0x324f) || (code >= 0x4dc0 && code <= 0x4dff)) return 2;
  const auto c = static_cast<utf8proc_int32_t>(code);
  const int width = utf8proc_charwidth(c);
  if (width != 0) return width;
  const bool prefix = (code >= 0x0600 && code <= 0x0605) || code == 0x06dd || code == 0x070f ||
                      code == 0x0890 || code == 0x0891 || code == 0x08e2 || code == 0x110bd ||
                      code == 0x110cd;
  return prefix || utf8proc_category(c) == UTF8PROC_CATEGORY_MC ? 1 : 0;
}

}  // namespace moot::text_rules
