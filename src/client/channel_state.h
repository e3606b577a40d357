#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/client_ops.h"
#include "model/codes.h"
#include "model/ids.h"

namespace moot::client {

// A channel as it stands now: what is on disk here, what CH_STATUS or LST_CH said last on this
// connection, and what our replica does there.
struct ChannelState {
  KnownChannel known;
  std::optional<ChannelStatus> status;  // none: not told on this connection
  std::optional<UserId> leader;
  std::uint64_t election = 0;
  std::uint64_t min = 0;
  std::vector<UserId> members;  // up to limits::kStatusListMax
  std::vector<UserId> online;
  std::uint64_t members_n = 0;
  std::uint64_t online_n = 0;
  std::vector<std::pair<UserId, Role>> roles;
  bool invited = false;
  bool attached = false;
  bool leading = false;
  bool synced = false;
};

}  // namespace moot::client
