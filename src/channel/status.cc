#include "channel/status.h"

#include <algorithm>

#include "channel/ranges.h"
#include "model/limits.h"

namespace moot {

namespace {
// Receipts in channels that the server keeps stop above this many members.
constexpr std::size_t kReceiptMembersMax = 50;
}  // namespace

bool wants_acks(const Roster& roster) {
  return !roster.server_kept() || roster.members.size() <= kReceiptMembersMax;
}

ChannelStatus status_of(const Roster& roster, const Attendance& here, const Leadership& lead) {
  if (roster.server_kept()) return ChannelStatus::server;
  if (here.online().size() < lead.online_min) return ChannelStatus::few;
  return lead.leader.empty() ? ChannelStatus::electing : ChannelStatus::healthy;
}

namespace {
constexpr std::size_t kListedUserOctets = 2;  // and the user's id
constexpr std::size_t kListedUserNodes = 1;
// What stands around the lists at its largest: name, topic, roles.
constexpr std::size_t kStatusOctets = 512 + 4 * limits::kNameCodePointsMax +
                                      limits::kTopicBytesMax +
                                      limits::kRolesMax * (limits::kUserIdBytesMax + 8);

bool listed(const Roster& roster, const Attendance& here, std::uint32_t frame_bytes_max) {
  if (roster.members.size() > limits::kStatusListMax) return false;
  PageBudget room = page_budget(frame_bytes_max);
  const auto take = [&room](const UserId& user) {
    return room.take(kListedUserOctets + user.str().size(), kListedUserNodes);
  };
  return room.take(kStatusOctets, 0) &&
         std::ranges::all_of(roster.members, [&](const auto& m) { return take(m.first); }) &&
         std::ranges::all_of(here.online(), take);
}
}  // namespace

StatusText::StatusText(const Roster& roster, const Attendance& here, const Leadership& lead,
                       UnixMs now, std::uint32_t frame_bytes_max) {
  for (const auto& [user, role] : roster.ranked) roles_.push_back({user, role});
  command_ = {.id = roster.state.id,
              .name = Name{roster.state.name},
              .status = status_of(roster, here, lead),
              .election = lead.election,
              .keeper = roster.state.keeper,
              .min = lead.online_min,
              .roles = roles_,
              .topic = roster.state.topic,
              .acks = wants_acks(roster),
              .now = now.ms};
  if (!lead.leader.empty()) command_.leader = lead.leader;
  if (listed(roster, here, frame_bytes_max)) {
    for (const auto& [user, m] : roster.members) members_.push_back(user);
    command_.members = members_;
    command_.online = here.online().list();
  } else {
    command_.members_n = roster.members.size();
    command_.online_n = here.online().size();
  }
}

std::optional<Tick> StatusNotice::due() const {
  if (!dirty_) return std::nullopt;
  if (!last_) return Tick{};
  return *last_ + limits::kStatusCoalesce;
}

}  // namespace moot
