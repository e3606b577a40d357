#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>

#include "fuzz/value.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);

namespace moot::fuzz {

// For inputs that are `head` octets of choices and then one payload: mostly changes the payload as
// a tree, so that lengths and counts stay right, sometimes the octets.
inline std::size_t mutate_payload(std::uint8_t* data, std::size_t size, std::size_t max,
                                  unsigned seed, std::size_t head) {
  std::mt19937 random(seed);
  if (size <= head || random() % 4 == 0) return LLVMFuzzerMutate(data, size, max);
  auto tree = parse_naively({data + head, size - head});
  if (!tree) return LLVMFuzzerMutate(data, size, max);
  for (unsigned n = 1 + random() % 4; n > 0; --n) mutate(*tree, random);
  Buffer out;
  print_naively(out, *tree);
  if (head + out.size() > max) return LLVMFuzzerMutate(data, size, max);
  if (head > 0 && random() % 8 == 0) data[random() % head] = static_cast<std::uint8_t>(random());
  std::memcpy(data + head, out.data(), out.size());
  return head + out.size();
}

}  // namespace moot::fuzz
