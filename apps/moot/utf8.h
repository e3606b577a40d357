#pragma once

#include <cstdint>
#include <string_view>

#include "base/utf8.h"
#include "text/shown.h"

namespace moot::app {

using text_rules::misleading;

// Columns a terminal gives it: 0, 1 or 2.
int columns(std::uint32_t code);
int columns(std::string_view text);

}  // namespace moot::app
