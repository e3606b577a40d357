#pragma once

#include <cstdint>
#include <string>

// The runner also compiles without exceptions: what is not as expected aborts with a message.
#include <nlohmann/json.hpp>

#include "base/buffer.h"
#include "base/bytes.h"
#include "model/ids.h"
#include "wire/msgpack.h"

namespace moot::vectors {

// Ordered: the vectors list the keys of a map in wire order.
using Json = nlohmann::ordered_json;

// The values of the vector files. All of them end the program when `v` is something else: the
// files are ours, and a check that silently reads nothing would hold always.
Json load(const std::string& path);
const Json& at(const Json& v, const char* key);
std::string text_of(const Json& v);
std::uint64_t uint_of(const Json& v);  // a number, decimal text, or {"uint": decimal text}
ByteBuf octets_of(const Json& v);      // hex text, or {"bin": hex text}

template <class Id>
Id id_of(const Json& v) {
  const ByteBuf octets = octets_of(v);
  if (octets.size() != Id::kSize) return {};
  return Id::of(octets);
}

// Encodes a value as the vectors write it, knowing nothing of commands.
void put_value(wire::Writer& w, const Json& v);

// The payload of a command from its envelope and its list of [key, value] pairs.
Buffer payload_of(const Json& vector);

}  // namespace moot::vectors
