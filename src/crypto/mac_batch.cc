#include "crypto/mac_batch.h"

namespace moot {

void sign_many(std::span<const MacJob> jobs) {
  for (const MacJob& job : jobs) *job.out = job.key->sign(job.part_a, job.part_b);
}

}  // namespace moot
