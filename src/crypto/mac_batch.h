#pragma once

#include <span>

#include "base/bytes.h"
#include "crypto/hmac.h"

namespace moot {

// One message to sign: *out becomes key->sign(part_a, part_b).
struct MacJob {
  const MacKey* key;
  Bytes part_a;
  Bytes part_b;
  Mac* out;
};

// Signs all of them, as many at once as the processor has lanes for; messages of any mix of sizes
// keep the lanes full. The results are those of MacKey::sign, the order of work is not.
// REQUIRES: no `out` overlaps a part or a key of another job. Allocates nothing.
void sign_many(std::span<const MacJob> jobs);

}  // namespace moot
