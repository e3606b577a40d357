#include "text/text.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

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
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t used =
        utf8proc_iterate(octets(rest), static_cast<utf8proc_ssize_t>(rest.size()), &code);
    if (used <= 0 || utf8proc_category(code) == UTF8PROC_CATEGORY_CC) return false;
    rest.remove_prefix(static_cast<std::size_t>(used));
  }
  return count >= 1 && count <= kNameCodePointsMax && is_nfc(text);
}

}  // namespace moot::text_rules
