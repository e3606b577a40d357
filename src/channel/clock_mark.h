#pragma once

#include "base/time.h"
#include "channel/effects.h"

namespace moot {

// The server's clock for channels: never before what it was, not even after a restart, because a
// mark ahead of it is on disk (replication.md, hole 7).
class ClockMark {
 public:
  explicit ClockMark(UnixMs stored) : last_(stored), marked_(stored), durable_(stored) {}

  // The clock now. Moves the mark when it comes near.
  UnixMs read(UnixMs wall, ChannelEffects& fx);
  // What clients set theirs by: the wall clock, unless it fell far behind. An id made by either is
  // within the window of the other, and a clock that a restart holds still for seconds would
  // mislead those who count on from it.
  UnixMs told(UnixMs wall) const;
  // What must be on disk before anything that depends on the clock leaves; 0: nothing.
  Ticket gate() const { return last_ > durable_ ? ticket_ : Ticket{}; }
  void committed(Ticket upto) {
    if (ticket_ <= upto) durable_ = marked_;
  }

 private:
  UnixMs last_;
  UnixMs marked_;
  UnixMs durable_;
  Ticket ticket_;
};

}  // namespace moot
