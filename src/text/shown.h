#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What strangers wrote, for a terminal.
namespace moot::text_rules {

// Control characters, and what changes the direction or the lines of what follows: what a stranger
// may not send to a terminal.
bool misleading(std::uint32_t code);

// What somebody else wrote, harmless on a terminal: misleading characters and octets that are no
// UTF-8 are shown as escapes. With `lines`, a line end begins an indented line.
std::string safe(std::string_view foreign, bool lines = false);

// A JSON string, quotes included, which is one of TOML too. Misleading characters are written as
// \uXXXX, which both allow everywhere; an octet that is no UTF-8 as U+FFFD.
std::string json_text(std::string_view foreign);
// The same; null where there is nothing.
std::string json_or_null(std::string_view foreign);

}  // namespace moot::text_rules
