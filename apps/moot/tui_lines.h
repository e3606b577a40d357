#pragma once

#include <string>

#include "apps/moot/json.h"
#include "apps/moot/tui_log.h"

// Lines of the log out of what the owner says.
namespace moot::app::tui {

Line line_of_post(const Json& json);
Line line_of_message(const Json& json, const std::string& self);
// Under this name a draft waits.
std::string draft_name(const Line& line);

}  // namespace moot::app::tui
