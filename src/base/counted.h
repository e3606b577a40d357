#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moot {

// "1 record", "2 records"; `many` where an "s" does not do: "1 copy", "2 copies".
inline std::string counted(std::uint64_t n, std::string_view one, std::string_view many = {}) {
  std::string out = std::to_string(n);
  out += ' ';
  if (n == 1 || many.empty()) out += one;
  if (n != 1) out += many.empty() ? "s" : many;
  return out;
}

}  // namespace moot
