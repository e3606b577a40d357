#pragma once

#include <string>

#include "apps/moot/seat.h"
#include "apps/moot/tui_screen.h"

namespace moot::app::tui {

// The full-screen chat: carries lines and keys to the model and its state to the screen, until
// somebody leaves. `signals`: SIGWINCH, and those that end it.
int run(Seat seat, const std::string& target, std::unique_ptr<Screen> screen, Fd signals);

}  // namespace moot::app::tui
