#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace moot::client {

// The part of TOML that a key file may use: `name = value` lines whose values are strings on one
// line, whole numbers, true or false. Anything else TOML has (tables, arrays, dates) is refused by
// line.
struct FlatEntry {
  std::string name;
  std::variant<std::uint64_t, std::string, bool> value;
};
Result<std::vector<FlatEntry>> read_flat_toml(std::string_view text);

// A basic string with its quotes.
std::string toml_string(std::string_view text);

}  // namespace moot::client
