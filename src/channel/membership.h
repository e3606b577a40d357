#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "channel/effects.h"
#include "channel/user_set.h"
#include "model/ids.h"
#include "model/store_ops.h"

namespace moot {

// What is durable about one channel.
struct Roster {
  ChannelState state;
  std::map<UserId, ChannelMember> members;
  std::map<UserId, Role> ranked;  // the members that are more than plain: few, told in CH_STATUS
  UserSet invited;
  UserSet barred;  // kicked and not invited again

  void put(const ChannelMember& member);
  bool drop(const UserId& user);
  const ChannelMember* member(const UserId& user) const;
  Role role(const UserId& user) const;
  bool may_manage(const UserId& user) const { return role(user) != Role::none; }
  std::size_t owners() const;
  bool server_kept() const { return state.keeper == Keeper::server; }
  bool is_lobby() const { return state.creator == server_user(); }
  std::size_t members_max() const;
  // The first msg id that `user` may see: where history is `since_join`, ids as old as a message
  // relayed at the moment of joining can be (protocol.md 6.3); nothing: all of it.
  std::optional<MsgId> sees_from(const UserId& user) const;
  bool sees(const UserId& user, const MsgId& id) const;
};

// Which channels there are and who is in them: the durable state, its indexes, and every change
// of it together with the operation that makes it durable. Whether a change is allowed is decided
// by who calls.
// Invariant: a folded name belongs to one channel; of(u) holds c exactly when c has the member u.
class Membership {
 public:
  explicit Membership(std::span<const ChannelSnapshot> stored);

  const Roster* find(const ChannelId& channel) const;
  const std::map<ChannelId, Roster>& all() const { return channels_; }
  std::optional<ChannelId> by_name(const std::string& folded) const;
  // The channels `user` is a member of, those he is invited to.
  const std::set<ChannelId>& of(const UserId& user) const;
  const std::set<ChannelId>& invitations(const UserId& user) const;

  // Each returns the ticket of its last operation.
  Ticket create(ChannelState state, ChannelEffects& fx);
  Ticket rename(const ChannelId& channel, std::string name, std::string folded, ChannelEffects& fx);
  Ticket set_topic(const ChannelId& channel, std::string topic, ChannelEffects& fx);
  Ticket raise_epoch(const ChannelId& channel, ChannelEffects& fx);
  // Adds `user`, or gives him another role; an invitation is used up by it.
  Ticket put(const ChannelId& channel, const ChannelMember& member, ChannelEffects& fx);
  Ticket drop(const ChannelId& channel, const UserId& user, ChannelEffects& fx);
  Ticket invite(const ChannelId& channel, const UserId& user, ChannelEffects& fx);
  Ticket withdraw(const ChannelId& channel, const UserId& user, ChannelEffects& fx);
  Ticket bar(const ChannelId& channel, const UserId& user, ChannelEffects& fx);
  Ticket remove(const ChannelId& channel, ChannelEffects& fx);

  void check_invariants() const;

 private:
  Roster& at(const ChannelId& channel);
  Ticket put_state(const Roster& roster, ChannelEffects& fx);
  Ticket put_invited(const Roster& roster, const UserId& user, ChannelEffects& fx);

  std::map<ChannelId, Roster> channels_;
  std::map<std::string, ChannelId> names_;
  std::map<UserId, std::set<ChannelId>> of_;
  std::map<UserId, std::set<ChannelId>> invitations_;
};

}  // namespace moot
