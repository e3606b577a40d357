#pragma once

#include <optional>

#include "base/time.h"
#include "model/store_ops.h"

namespace moot::net {

// Whether the disk takes what the server wants kept. Time counts while something waits for it and
// nothing of it arrives, from the turn in which it began to wait.
class StoreWatch {
 public:
  // At the end of a turn: everything up to `committed` is on disk, and `all` is when nothing waits.
  void turn(Tick now, Ticket committed, bool all) {
    if (all) {
      waits_since_.reset();
    } else if (!waits_since_ || committed_ < committed) {
      waits_since_ = now;
    }
    committed_ = committed;
  }
  bool slow(Tick now, Millis patience) const {
    return waits_since_ && now - *waits_since_ > patience;
  }

 private:
  std::optional<Tick> waits_since_;
  Ticket committed_;
};

}  // namespace moot::net
