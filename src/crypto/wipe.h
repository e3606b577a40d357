#pragma once

#include <cstddef>
#include <cstring>

namespace moot {

// Zeroes memory that held a secret; the barrier makes the compiler believe that it is read again.
inline void wipe(void* p, std::size_t octets) {
  std::memset(p, 0, octets);
  asm volatile("" : : "r"(p) : "memory");
}

}  // namespace moot
