#pragma once

#include <optional>

#include "base/time.h"

namespace moot {

// Whether the leader does what is asked of him while his connection lives (replication.md,
// hole 12): a quorum he does not commit, a pull he does not answer is a strike.
class LeaderWatch {
 public:
  // How long he has, given what a frame and its answer take with him.
  static Millis commit_patience(Millis round_trip);
  static Millis pull_patience(Millis round_trip);

  // Whether that was one too many: depose him.
  bool strike(Tick now);
  void reset() { last_.reset(); }

 private:
  std::optional<Tick> last_;  // of the strike that is remembered
};

}  // namespace moot
