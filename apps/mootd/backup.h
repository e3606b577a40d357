#pragma once

#include <string>

#include "apps/mootd/config.h"

namespace moot::mootd {

// Copies the store to a new file where the caller may write, whatever the server may, and tells the
// audit log. SIGTERM and the like end the copying, and nothing is left of it.
int run_backup(const Config& config, const std::string& file);

}  // namespace moot::mootd
