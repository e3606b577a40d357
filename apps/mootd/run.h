#pragma once

#include "apps/mootd/config.h"

namespace moot::mootd {

// `mootd run`. `ready_fd` -1: none.
int run_daemon(const Config& config, const ConfigSources& sources, int ready_fd);

}  // namespace moot::mootd
