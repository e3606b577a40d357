#pragma once

#include <cstdint>

#include "base/slot_table.h"
#include "model/ids.h"

// Hashes of what tables are looked up by.
namespace moot {

struct UserHash {
  std::uint64_t operator()(const UserId& u) const { return hash_octets(u.padded()); }
};
struct KidHash {
  std::uint64_t operator()(const Kid& kid) const { return hash_octets(kid.bytes()); }
};
struct MsgIdHash {
  std::uint64_t operator()(const MsgId& id) const { return hash_octets(id.bytes()); }
};
struct ConnHash {
  std::uint64_t operator()(ConnId id) const { return hash_number(id.n); }
};

}  // namespace moot
