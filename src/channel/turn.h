#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"
#include "channel/attendance.h"
#include "channel/effects.h"
#include "channel/membership.h"
#include "channel/recents.h"
#include "channel/status.h"
#include "model/store_ops.h"

namespace moot {

// One step about one channel: what it knows, and where its effects go.
struct Turn {
  Now now;
  UnixMs clock;  // the server's, which never goes back (replication.md, hole 7)
  UnixMs told;   // what to tell clients as `now`
  ChannelEffects& fx;
  // What must be on disk before anything about the channel leaves; 0: nothing.
  Ticket& gate;
  const Roster& roster;
  Attendance& here;
  StatusNotice& status;
  Recents& recents;
  std::span<const StampKey> keys;  // the last one makes new stamps
  std::uint32_t msg_bytes_max;
  std::uint32_t frame_bytes_max;

  const ChannelId& id() const { return roster.state.id; }

  // Everything about the channel from now on leaves after this.
  void after(Ticket ticket) const {
    if (gate < ticket) gate = ticket;
  }

  void send(Conns to, const s::Any& cmd) const {
    if (to.empty()) return;
    gate.n == 0 ? fx.send(to, cmd) : fx.send_after(gate, to, cmd);
  }
  void send(ConnId to, const s::Any& cmd) const { send(Conns(&to, 1), cmd); }

  void err(ConnId to, Errc code, std::string_view sentence, ErrDetail detail = {}) const {
    if (!detail.channel) detail.channel = id();
    fx.err(to, code, sentence, detail);
  }
};

}  // namespace moot
