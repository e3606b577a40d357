#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace moot::net {

// An error where the authorities in the file are not this server's own (security.md 3.3): whoever
// gets a certificate of a public one would be let as far as to the records. `real_path` without
// links, `text` what it holds.
Status check_client_ca(std::string_view real_path, std::string_view text);

// The same for a file as it is now, with its name in the error.
Status check_client_ca_file(const std::string& path);

}  // namespace moot::net
