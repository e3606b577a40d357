#include "channel/membership.h"

#include <array>
#include <utility>

#include "base/check.h"
#include "model/limits.h"

namespace moot {

const ChannelMember* Roster::member(const UserId& user) const {
  const auto at = members.find(user);
  return at == members.end() ? nullptr : &at->second;
}

Role Roster::role(const UserId& user) const {
  const ChannelMember* m = member(user);
  return m ? m->role : Role::none;
}

void Roster::put(const ChannelMember& member) {
  members.insert_or_assign(member.user, member);
  if (member.role == Role::none) {
    ranked.erase(member.user);
  } else {
    ranked.insert_or_assign(member.user, member.role);
  }
}

bool Roster::drop(const UserId& user) {
  ranked.erase(user);
  return members.erase(user) == 1;
}

std::size_t Roster::owners() const {
  std::size_t n = 0;
  for (const auto& [user, role] : ranked) n += role == Role::owner;
  return n;
}

std::size_t Roster::members_max() const {
  return server_kept() ? limits::kMembersServerKept : limits::kMembersMemberKept;
}

std::optional<MsgId> Roster::sees_from(const UserId& user) const {
  if (state.history == History::all) return std::nullopt;
  const ChannelMember* m = member(user);
  if (m == nullptr) return std::nullopt;
  const std::uint64_t age = static_cast<std::uint64_t>(Millis{limits::kChannelIdAge}.count());
  const UnixMs from{m->joined.ms > age ? m->joined.ms - age : 0};
  return MsgId::make(from, std::array<std::uint8_t, 10>{});
}

bool Roster::sees(const UserId& user, const MsgId& id) const {
  const std::optional<MsgId> from = sees_from(user);
  return !from || *from <= id;
}

Membership::Membership(std::span<const ChannelSnapshot> stored) {
  for (const ChannelSnapshot& s : stored) {
    Roster roster{.state = s.channel};
    for (const ChannelMember& m : s.members) {
      roster.put(m);
      of_[m.user].insert(s.channel.id);
    }
    for (const UserId& u : s.invited) {
      roster.invited.insert(u);
      invitations_[u].insert(s.channel.id);
    }
    for (const UserId& u : s.barred) roster.barred.insert(u);
    names_.emplace(s.channel.folded, s.channel.id);
    channels_.emplace(s.channel.id, std::move(roster));
  }
}

const Roster* Membership::find(const ChannelId& channel) const {
  const auto at = channels_.find(channel);
  return at == channels_.end() ? nullptr : &at->second;
}

std::optional<ChannelId> Membership::by_name(const std::string& folded) const {
  const auto at = names_.find(folded);
  if (at == names_.end()) return std::nullopt;
  return at->second;
}

namespace {
const std::set<ChannelId>& channels_in(const std::map<UserId, std::set<ChannelId>>& index,
                                       const UserId& user) {
  static const std::set<ChannelId> none;
  const auto at = index.find(user);
  return at == index.end() ? none : at->second;
}
void forget(std::map<UserId, std::set<ChannelId>>& index, const UserId& user,
            const ChannelId& channel) {
  const auto at = index.find(user);
  if (at == index.end()) return;
  at->second.erase(channel);
  if (at->second.empty()) index.erase(at);
}
}  // namespace

const std::set<ChannelId>& Membership::of(const UserId& user) const {
  return channels_in(of_, user);
}
const std::set<ChannelId>& Membership::invitations(const UserId& user) const {
  return channels_in(invitations_, user);
}

Roster& Membership::at(const ChannelId& channel) {
  const auto at = channels_.find(channel);
  MOOT_CHECK(at != channels_.end());
  return at->second;
}

Ticket Membership::put_state(const Roster& roster, ChannelEffects& fx) {
  return fx.persist(op::PutChannel{roster.state});
}

Ticket Membership::put_invited(const Roster& roster, const UserId& user, ChannelEffects& fx) {
  return fx.persist(op::PutInvited{.channel = roster.state.id,
                                   .user = user,
                                   .invited = roster.invited.contains(user),
                                   .barred = roster.barred.contains(user)});
}

Ticket Membership::create(ChannelState state, ChannelEffects& fx) {
  MOOT_CHECK(!channels_.contains(state.id) && !names_.contains(state.folded));
  names_.emplace(state.folded, state.id);
  const ChannelId id = state.id;
  Roster& roster = channels_[id];
  roster.state = std::move(state);
  return put_state(roster, fx);
}

Ticket Membership::rename(const ChannelId& channel, std::string name, std::string folded,
                          ChannelEffects& fx) {
  Roster& roster = at(channel);
  names_.erase(roster.state.folded);
  MOOT_CHECK(names_.emplace(folded, channel).second);
  roster.state.name = std::move(name);
  roster.state.folded = std::move(folded);
  return put_state(roster, fx);
}

Ticket Membership::set_topic(const ChannelId& channel, std::string topic, ChannelEffects& fx) {
  Roster& roster = at(channel);
  roster.state.topic = std::move(topic);
  return put_state(roster, fx);
}

Ticket Membership::raise_epoch(const ChannelId& channel, ChannelEffects& fx) {
  Roster& roster = at(channel);
  ++roster.state.epoch;
  return put_state(roster, fx);
}

Ticket Membership::put(const ChannelId& channel, const ChannelMember& member, ChannelEffects& fx) {
  Roster& roster = at(channel);
  roster.put(member);
  of_[member.user].insert(channel);
  if (roster.invited.contains(member.user) || roster.barred.contains(member.user)) {
    roster.barred.erase(member.user);
    withdraw(channel, member.user, fx);
  }
  return fx.persist(op::PutMember{channel, member});
}

Ticket Membership::drop(const ChannelId& channel, const UserId& user, ChannelEffects& fx) {
  MOOT_CHECK(at(channel).drop(user));
  forget(of_, user, channel);
  return fx.persist(op::RemoveMember{channel, user});
}

Ticket Membership::invite(const ChannelId& channel, const UserId& user, ChannelEffects& fx) {
  Roster& roster = at(channel);
  roster.invited.insert(user);
  roster.barred.erase(user);
  invitations_[user].insert(channel);
  return put_invited(roster, user, fx);
}

Ticket Membership::withdraw(const ChannelId& channel, const UserId& user, ChannelEffects& fx) {
  Roster& roster = at(channel);
  roster.invited.erase(user);
  forget(invitations_, user, channel);
  return put_invited(roster, user, fx);
}

Ticket Membership::bar(const ChannelId& channel, const UserId& user, ChannelEffects& fx) {
  at(channel).barred.insert(user);
  return withdraw(channel, user, fx);
}

Ticket Membership::remove(const ChannelId& channel, ChannelEffects& fx) {
  const Roster roster = std::move(at(channel));
  for (const auto& [user, m] : roster.members) forget(of_, user, channel);
  for (const UserId& user : roster.invited) forget(invitations_, user, channel);
  names_.erase(roster.state.folded);
  channels_.erase(channel);
  return fx.persist(op::RemoveChannel{channel});
}

void Membership::check_invariants() const {
  std::size_t memberships = 0;
  std::size_t invited = 0;
  for (const auto& [id, roster] : channels_) {
    MOOT_CHECK(roster.state.id == id);
    const auto name = names_.find(roster.state.folded);
    MOOT_CHECK(name != names_.end() && name->second == id);
    for (const auto& [user, m] : roster.members) {
      MOOT_CHECK(m.user == user);
      MOOT_CHECK(of(user).contains(id));
      MOOT_CHECK(!roster.invited.contains(user) && !roster.barred.contains(user));
    }
    for (const UserId& user : roster.invited) {
      MOOT_CHECK(invitations(user).contains(id));
      MOOT_CHECK(!roster.barred.contains(user));
    }
    MOOT_CHECK(roster.is_lobby() || !roster.members.empty());
    memberships += roster.members.size();
    invited += roster.invited.size();
  }
  MOOT_CHECK(names_.size() == channels_.size());
  for (const auto& [user, channels] : of_) memberships -= channels.size();
  for (const auto& [user, channels] : invitations_) invited -= channels.size();
  MOOT_CHECK(memberships == 0 && invited == 0);
}

}  // namespace moot
