#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/bytes.h"

namespace moot::fuzz {

// A value of the msgpack profile as a tree: what the validator and the reader are compared with.
struct Value {
  enum class Type : std::uint8_t { nil, boolean, uint, str, bin, array, map };
  Type type = Type::nil;
  std::uint64_t number = 0;   // of uint and boolean
  std::string octets;         // of str and bin
  std::vector<Value> values;  // of an array; of a map key, value, key, value, ...
  friend bool operator==(const Value&, const Value&) = default;
};

// The profile of protocol.md 2 read literally, by recursion and copying: none when `payload` is
// outside of it. Shares no code with src/wire.
std::optional<Value> parse_naively(Bytes payload);

// Minimal forms.
void print_naively(Buffer& out, const Value& value);

// Changes one place of the tree: another type, another size, a copy, a swap, a loss.
void mutate(Value& value, std::mt19937& random);

}  // namespace moot::fuzz
