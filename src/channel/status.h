#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "channel/attendance.h"
#include "channel/membership.h"
#include "model/commands.h"

namespace moot {

// What CH_STATUS says beyond the roster and who is attached.
struct Leadership {
  UserId leader;  // empty: none
  std::uint64_t election = 0;
  std::size_t online_min = 0;
};

ChannelStatus status_of(const Roster& roster, const Attendance& here, const Leadership& lead);

// A CH_STATUS and what its views show.
class StatusText {
 public:
  // The lists are left out where they would not fit into a frame.
  StatusText(const Roster& roster, const Attendance& here, const Leadership& lead, UnixMs now,
             std::uint32_t frame_bytes_max);
  const s::ChStatus& command() const { return command_; }

 private:
  std::vector<UserId> members_;
  std::vector<RoleOf> roles_;
  s::ChStatus command_;
};

// Whether members keep sending ACK_CH_MSG (protocol.md 6.3).
bool wants_acks(const Roster& roster);

// When CH_STATUS is due: at once, but never twice within 100 ms (protocol.md 6.3).
class StatusNotice {
 public:
  // Something in it changed. `to_members`: those who are not attached hear it too.
  void touch(bool to_members = false) {
    ++revision_;
    dirty_ = true;
    to_members_ = to_members_ || to_members;
  }
  bool dirty() const { return dirty_; }
  bool to_members() const { return to_members_; }
  std::uint64_t revision() const { return revision_; }
  std::optional<Tick> due() const;
  void told(Tick now) {
    last_ = now;
    dirty_ = false;
    to_members_ = false;
  }

 private:
  std::uint64_t revision_ = 1;
  bool dirty_ = false;
  bool to_members_ = false;
  std::optional<Tick> last_;
};

}  // namespace moot
