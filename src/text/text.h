#pragma once

#include <optional>
#include <string>
#include <string_view>

// Unicode: the only door to utf8proc. Cores get these verdicts as values.
namespace moot::text_rules {

// Valid UTF-8 in normalisation form C.
bool is_nfc(std::string_view text);

// NFC of toCasefold of NFD (protocol.md 4): names that people read as equal fold to the same
// octets. Nothing when the text is not valid UTF-8.
std::optional<std::string> fold(std::string_view text);

// A nickname or a channel name: 1..64 code points, NFC, no control characters (category Cc).
bool valid_name(std::string_view text);

// Columns a terminal gives the code point: 0, 1 or 2.
int columns(char32_t code);

}  // namespace moot::text_rules
