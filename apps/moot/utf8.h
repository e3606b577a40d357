#pragma once

#include <cstdint>
#include <string_view>

#include "base/utf8.h"

namespace moot::app {

// Control characters, and what changes the direction or the lines of what follows: what a stranger
// may not send to a terminal.
bool misleading(std::uint32_t code);

// Columns a terminal gives it: 0, 1 or 2.
int columns(std::uint32_t code);
int columns(std::string_view text);

}  // namespace moot::app
