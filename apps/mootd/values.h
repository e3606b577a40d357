#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

// Texts of a configuration that are more than texts.
namespace moot::mootd {

// "8MiB", "64KiB", "1000", "2GB": octets.
Result<std::uint64_t> parse_size(std::string_view text);

// The name out of `known` that `word` was probably meant to be; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace moot::mootd
