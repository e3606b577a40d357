#pragma once

#include "apps/mootd/config.h"

namespace moot::mootd {

// `mootd doctor`: a line for each thing it looks at, with what to do where something is wrong.
// Exit 1 when something has to be done.
int run_doctor(const Config& config, bool json);

}  // namespace moot::mootd
