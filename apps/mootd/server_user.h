#pragma once

#include <string>
#include <vector>

#include "apps/mootd/config.h"

namespace moot::mootd {

// An error for the first of these files that the server's user may not read, saying whose it has to
// be. Root may read everything, so what root sees is not what the server will see: the user is the
// configuration's `user`, or else the owner of the data directory. Whoever is not root is taken for
// the server's user.
// Thread rule: for a process of one thread, which is that user meanwhile.
Status readable_by_server(const Config& config, const std::vector<std::string>& files);

}  // namespace moot::mootd
