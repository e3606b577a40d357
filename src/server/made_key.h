#pragma once

#include "model/store_ops.h"

namespace moot::server {

// A key that the shell made and sealed: the core says whose it becomes.
struct MadeKey {
  Kid kid;
  KeyBytes key;  // plain only where it goes out in ENROLLED; the shell wipes it
  ByteBuf sealed;
  std::uint32_t mk_id = 0;
  Octets<32, DupTag> dup;
};

}  // namespace moot::server
