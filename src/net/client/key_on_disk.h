#pragma once

#include <string>

#include "client/keyfile.h"

namespace moot::net {

// The key file at `path`, refused when others may read it (security.md 2.3).
Result<client::KeyFile> load_key_file(const std::string& path);

}  // namespace moot::net
