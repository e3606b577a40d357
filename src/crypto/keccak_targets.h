#pragma once

#include <string>
#include <string_view>
#include <vector>

// For tests and benchmarks alone: the instruction sets that Keccak was compiled for and that this
// processor has. Not for use while another thread hashes.
namespace moot {

std::vector<std::string> keccak_targets();

// From now on that one; the empty name means the best again. False when there is no such target.
bool keccak_use_target(std::string_view name);

}  // namespace moot
