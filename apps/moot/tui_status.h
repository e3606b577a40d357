#pragma once

#include <string>

#include "apps/moot/tui_state.h"

// The sentences above and below the log.
namespace moot::app::tui {

struct Title {
  std::string name;
  std::string topic;
  std::string facts;
  bool alarm = false;  // nothing can be said now
};
// The facts that are needed most, in so many columns.
Title title_of(const State& state, int facts_width);

// What is going on, what needs a look first, in so many columns.
std::string status_of(const State& state, int width);

}  // namespace moot::app::tui
