#pragma once

#include <cstddef>
#include <vector>

#include "bench/driver.h"
#include "bench/server_process.h"

// People for a server under test, and their connections. What fails ends the program.
namespace moot::bench {

// Accounts by one invitation with many uses, over the wire as people get theirs: u0, u1, ...
std::vector<Identity> enrol(ServerProcess& server, std::size_t n);
// Connections of who[from..to), all open when it returns; their `index` is that in `who`.
// `at_once`: so many at most are on their way through CNN.
void open_all(Driver& d, const std::vector<Identity>& who, std::size_t from, std::size_t to,
              std::size_t at_once = 64);

}  // namespace moot::bench
