// Who is in which channel: the commands of protocol.md 6.3 from CH_CREATE to CH_MEMBERS, and what
// an operator may do.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "channel/channels_impl.h"
#include "channel/ranges.h"
#include "model/limits.h"

namespace moot {

// ---- what changes ----------------------------------------------------------------------------

LiveChannel& Channels::Impl::open(const Roster& roster) {
  const ChannelState& state = roster.state;
  const auto [at, made] =
      roster.server_kept()
          ? live.emplace(state.id,
                         LiveChannel{.rules = ServerKeeper(state.epoch, state.id, records)})
          : live.emplace(state.id, LiveChannel{.rules = Coordinator(state.epoch)});
  MOOT_CHECK(made);
  return at->second;
}

void Channels::Impl::tell_joined(const Turn& t, const UserId& user, Conns to) {
  t.send(to, s::ChUjoin{.channel = t.id(), .user = user});
}

void Channels::Impl::tell_invited(const Turn& t, Conns to) {
  ChannelEntry one = entry(t.roster, UserId{});
  one.invited = true;
  t.send(to, s::LstCh{.channels = std::span(&one, 1)});
}

void Channels::Impl::add_member(Now now, const ChannelId& channel, const UserId& user, Role role,
                                ChannelEffects& fx) {
  const Turn t = turn(now, channel, fx);
  t.after(membership.put(channel, {.user = user, .role = role, .joined = t.clock}, fx));
  t.status.touch();
  tell_joined(t, user, conns_of_members(t.roster));
  for (const ConnId conn : conns_of(user)) tell_status(t, conn);
  settle(t);
}

void Channels::Impl::drop_member(Now now, const ChannelId& channel, const UserId& user,
                                 std::string_view reason, ChannelEffects& fx) {
  const Turn t = turn(now, channel, fx);
  const std::vector<ConnId> told = conns_of_members(t.roster);
  for (const ConnId conn : t.here.conns_of(user)) detach(t, conn);
  Coordinator* c = live.at(channel).coordinator();
  if (c) {
    for (const ConnId conn : conns_of(user)) c->gone(conn);
  }
  t.after(membership.drop(channel, user, fx));
  if (c) c->left(t, user);
  t.send(told, s::ChUleave{.channel = channel, .user = user, .reason = reason});
  if (t.roster.members.empty() && !is_lobby(t.roster)) {
    return remove_channel(now, channel, reason, fx);
  }
  t.status.touch();
  settle(t);
}

void Channels::Impl::remove_channel(Now now, const ChannelId& channel, std::string_view reason,
                                    ChannelEffects& fx) {
  const Turn t = turn(now, channel, fx);
  while (!t.here.conns().empty()) detach(t, t.here.conns().front());
  std::vector<UserId> members;
  for (const auto& [user, m] : t.roster.members) members.push_back(user);
  LiveChannel& l = live.at(channel);
  const std::vector<ConnId> told = conns_of_members(t.roster);
  t.after(membership.remove(channel, fx));
  // `t.roster` is gone from here on.
  for (const UserId& user : members) {
    std::vector<ConnId> to;
    for (const ConnId conn : told) {
      if (user_of(conn) == user) to.push_back(conn);
    }
    t.send(to, s::ChUleave{.channel = channel, .user = user, .reason = reason});
  }
  recents.forget(channel);
  if (l.due) deadlines.erase({*l.due, channel});
  unsynced.erase(channel);
  live.erase(channel);
}

void Channels::Impl::make_lobby(Now now, ChannelEffects& fx) {
  if (!config.lobby) return;
  std::optional<ChannelId> lobby;
  for (const auto& [id, roster] : membership.all()) {
    if (roster.is_lobby()) lobby = id;
  }
  if (!lobby) {
    constexpr std::string_view kName = "lobby";
    const std::string folded = text.fold(kName);
    if (membership.by_name(folded)) return;  // somebody's own channel has the name
    ChannelState state{.id = config.lobby_id,
                       .name = std::string(kName),
                       .folded = folded,
                       .keeper = Keeper::server,
                       .visibility = Visibility::public_,
                       .history = History::all,
                       .created = now.wall,
                       .creator = server_user(),
                       .epoch = 1};
    const Ticket made = membership.create(std::move(state), fx);
    lobby = config.lobby_id;
    open(*membership.find(*lobby)).gate = made;
  }
  const Roster& roster = *membership.find(*lobby);
  for (const UserId& user : users) {
    if (!has_room(roster)) break;
    if (roster.member(user) || roster.barred.contains(user)) continue;
    add_member(now, *lobby, user, Role::none, fx);
  }
}

void Channels::user_added(Now now, const UserId& user, ChannelEffects& fx) {
  Impl& d = *impl_;
  if (!d.users.insert(user).second || !d.config.lobby) return;
  for (const auto& [id, roster] : d.membership.all()) {
    if (!d.is_lobby(roster)) continue;
    if (d.has_room(roster)) d.add_member(now, id, user, Role::none, fx);
    return;
  }
}

void Channels::user_removed(Now now, const UserId& user, ChannelEffects& fx) {
  Impl& d = *impl_;
  if (d.users.erase(user) == 0) return;
  const std::set<ChannelId> invited = d.membership.invitations(user);
  for (const ChannelId& id : invited) d.membership.withdraw(id, user, fx);
  const std::set<ChannelId> of = d.membership.of(user);
  for (const ChannelId& id : of) {
    const Roster& roster = *d.membership.find(id);
    if (roster.role(user) == Role::owner && roster.owners() == 1 && !roster.is_lobby()) {
      // Nobody could ever change the channel again: the longest serving admin, else member, owns
      // it.
      const ChannelMember* heir = nullptr;
      for (const auto& [other, m] : roster.members) {
        if (other == user) continue;
        const auto rank = [](const ChannelMember& x) {
          return std::pair(x.role == Role::admin ? 0 : 1, x.joined);
        };
        if (!heir || rank(m) < rank(*heir)) heir = &m;
      }
      if (heir) {
        ChannelMember owner = *heir;
        owner.role = Role::owner;
        d.membership.put(id, owner, fx);
      }
    }
    d.drop_member(now, id, user, "removed", fx);
  }
}

// ---- commands --------------------------------------------------------------------------------

void Channels::step(Now now, ConnId conn, const c::ChCreate& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const UserId user = d.user_of(conn);
  const auto refuse = [&](Errc code, std::string_view why) {
    fx.err(conn, code, why, {.channel = cmd.id});
  };
  if (!d.name_ok(cmd.name.text)) {
    return refuse(Errc::bad_payload, "The name is not in Unicode's NFC form; normalise it.");
  }
  if (const Roster* known = d.membership.find(cmd.id)) {
    const ChannelState& s = known->state;
    if (s.creator != user || s.name != cmd.name.text || s.keeper != cmd.keeper ||
        s.visibility != cmd.visibility || s.history != cmd.history || !known->member(user)) {
      return refuse(Errc::conflict, "Another channel has this id; make a new id.");
    }
    const Turn t = d.turn(now, cmd.id, fx);
    d.tell_joined(t, user, Conns(&conn, 1));
    d.tell_status(t, conn);
    return;
  }
  if (!(cmd.keeper == Keeper::server ? d.config.server_kept : d.config.member_kept)) {
    return refuse(Errc::unsupported, "This server has no channels kept so; try the other keeper.");
  }
  std::string folded = d.text.fold(cmd.name.text);
  if (d.membership.by_name(folded)) {
    return refuse(Errc::name_taken, "A channel of this name exists; choose another name.");
  }
  if (d.membership.of(user).size() >= limits::kChannelsPerUser) {
    return refuse(Errc::limit, "You are in as many channels as one may be; leave one first.");
  }
  const Ticket made = d.membership.create({.id = cmd.id,
                                           .name = std::string(cmd.name.text),
                                           .folded = std::move(folded),
                                           .keeper = cmd.keeper,
                                           .visibility = cmd.visibility,
                                           .history = cmd.history,
                                           .created = now.wall,
                                           .creator = user,
                                           .epoch = 1},
                                          fx);
  d.open(*d.membership.find(cmd.id)).gate = made;
  d.add_member(now, cmd.id, user, Role::owner, fx);
}

void Channels::step(Now now, ConnId conn, const c::ChJoin& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const UserId user = d.user_of(conn);
  const auto refuse = [&](Errc code, std::string_view why) {
    fx.err(conn, code, why, {.channel = cmd.id});
  };
  const Roster* roster = d.membership.find(cmd.id);
  if (!roster)
    return refuse(Errc::not_found,
                  "There is no such channel; the list of channels (CH_LST) has all.");
  if (roster->member(user)) {
    const Turn t = d.turn(now, cmd.id, fx);
    d.tell_joined(t, user, Conns(&conn, 1));
    d.tell_status(t, conn);
    return;
  }
  if (roster->barred.contains(user)) {
    return refuse(Errc::not_allowed, "You were sent out of this channel; ask to be invited again.");
  }
  if (roster->state.visibility == Visibility::private_ && !roster->invited.contains(user)) {
    return refuse(Errc::not_allowed,
                  "The channel is private; ask one of its owners to invite you.");
  }
  if (d.membership.of(user).size() >= limits::kChannelsPerUser) {
    return refuse(Errc::limit, "You are in as many channels as one may be; leave one first.");
  }
  if (!d.has_room(*roster)) {
    return refuse(Errc::limit, "The channel has as many members as it may; try again later.");
  }
  d.add_member(now, cmd.id, user, Role::none, fx);
}

void Channels::step(Now now, ConnId conn, const c::ChLeave& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const UserId user = d.user_of(conn);
  const Roster* known = d.membership.find(cmd.id);
  if (known && !known->member(user) && known->invited.contains(user)) {
    const Turn t = d.turn(now, cmd.id, fx);
    t.after(d.membership.withdraw(cmd.id, user, fx));
    t.send(d.conns_of(user), s::ChUleave{.channel = cmd.id, .user = user, .reason = "left"});
    return;
  }
  const auto a = d.admit(conn, cmd.id, Impl::Needs::membership, std::nullopt, fx);
  if (!a) return;
  const auto refuse = [&](std::string_view why) {
    fx.err(conn, Errc::not_allowed, why, {.channel = cmd.id});
  };
  if (d.is_lobby(a->roster)) return refuse("Everybody is in the lobby; it cannot be left.");
  if (a->roster.role(user) == Role::owner && a->roster.owners() == 1 &&
      a->roster.members.size() > 1) {
    return refuse("You are the last owner; make somebody else an owner before leaving.");
  }
  d.drop_member(now, cmd.id, user, "left", fx);
}

void Channels::step(Now now, ConnId conn, const c::ChInvite& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const auto a = d.admit(conn, cmd.id, Impl::Needs::membership, cmd.user, fx);
  if (!a) return;
  const auto refuse = [&](Errc code, std::string_view why) {
    fx.err(conn, code, why, {.channel = cmd.id, .id = cmd.user});
  };
  if (!a->roster.may_manage(a->user)) {
    return refuse(Errc::not_allowed, "Only owners and admins invite; ask one of them.");
  }
  if (!d.users.contains(cmd.user)) {
    return refuse(Errc::unknown_user, "There is no such user; `moot users` lists them.");
  }
  if (a->roster.member(cmd.user)) return;
  if (!a->roster.invited.contains(cmd.user) &&
      a->roster.invited.size() >= limits::kInvitedPerChannel) {
    return refuse(Errc::limit, "Too many invitations wait; let some be answered first.");
  }
  const Turn t = d.turn(now, cmd.id, fx);
  t.after(d.membership.invite(cmd.id, cmd.user, fx));
  d.tell_invited(t, d.conns_of(cmd.user));
}

void Channels::step(Now now, ConnId conn, const c::ChKick& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const auto a = d.admit(conn, cmd.id, Impl::Needs::membership, cmd.user, fx);
  if (!a) return;
  const auto refuse = [&](Errc code, std::string_view why) {
    fx.err(conn, code, why, {.channel = cmd.id, .id = cmd.user});
  };
  if (!a->roster.may_manage(a->user)) {
    return refuse(Errc::not_allowed, "Only owners and admins send members out; ask one of them.");
  }
  if (cmd.user == a->user) {
    return refuse(Errc::not_allowed,
                  "Nobody sends himself out; leave the channel instead (CH_LEAVE).");
  }
  if (!d.users.contains(cmd.user)) {
    return refuse(Errc::unknown_user,
                  "There is no such user; the channel's list of members (CH_MEMBERS) has the ids.");
  }
  if (!a->roster.member(cmd.user)) {
    return refuse(Errc::not_member,
                  "The user is not in this channel; its list of members (CH_MEMBERS) has who is.");
  }
  if (a->roster.role(cmd.user) == Role::owner && a->roster.role(a->user) != Role::owner) {
    return refuse(Errc::not_allowed, "Only an owner sends an owner out; ask one of them.");
  }
  d.turn(now, cmd.id, fx).after(d.membership.bar(cmd.id, cmd.user, fx));
  d.drop_member(now, cmd.id, cmd.user, "kicked", fx);
}

std::optional<Channels::Impl::Refusal> Channels::Impl::roles_refused(const Roster& roster,
                                                                     Roles roles) const {
  std::map<UserId, Role> after;
  for (const auto& [user, m] : roster.members) {
    if (m.role != Role::none) after.emplace(user, m.role);
  }
  for (const RoleOf& r : roles) {
    if (!roster.member(r.user)) {
      return Refusal{Errc::not_member, "Only members have roles; invite the user first.", r.user};
    }
    after[r.user] = r.role;
  }
  std::erase_if(after, [](const auto& r) { return r.second == Role::none; });
  const bool owned =
      std::ranges::any_of(after, [](const auto& r) { return r.second == Role::owner; });
  if (!owned && !roster.is_lobby()) {
    return Refusal{Errc::not_allowed, "A channel needs an owner; name another one as well.", {}};
  }
  if (after.size() > limits::kRolesMax) {
    return Refusal{Errc::limit, "At most 63 members have roles; take one away first.", {}};
  }
  return std::nullopt;
}

void Channels::step(Now now, ConnId conn, const c::ChSet& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const auto a = d.admit(conn, cmd.id, Impl::Needs::membership, std::nullopt, fx);
  if (!a) return;
  const auto refuse = [&](Errc code, std::string_view why, const UserId& about = {}) {
    ErrDetail detail{.channel = cmd.id};
    if (!about.empty()) detail.id = about;
    fx.err(conn, code, why, detail);
  };
  if (a->roster.role(a->user) != Role::owner) {
    return refuse(Errc::not_allowed, "Only owners change a channel; ask one of them.");
  }
  // All of it, or nothing.
  std::string folded;
  if (cmd.name) {
    if (!d.name_ok(cmd.name->text)) {
      return refuse(Errc::bad_payload, "The name is not in Unicode's NFC form; normalise it.");
    }
    folded = d.text.fold(cmd.name->text);
    if (const auto taken = d.membership.by_name(folded); taken && *taken != cmd.id) {
      return refuse(Errc::name_taken, "A channel of this name exists; choose another name.");
    }
  }
  if (cmd.topic && has_controls(*cmd.topic)) {
    return refuse(Errc::bad_payload,
                  "The topic has control characters; write it on one line, without them.");
  }
  if (cmd.roles) {
    if (const auto no = d.roles_refused(a->roster, *cmd.roles)) {
      return refuse(no->code, no->why, no->user);
    }
  }
  const Turn t = d.turn(now, cmd.id, fx);
  if (cmd.name) {
    t.after(d.membership.rename(cmd.id, std::string(cmd.name->text), std::move(folded), fx));
  }
  if (cmd.topic) t.after(d.membership.set_topic(cmd.id, std::string(*cmd.topic), fx));
  if (cmd.roles) {
    for (const RoleOf& r : *cmd.roles) {
      ChannelMember member = *a->roster.member(r.user);
      member.role = r.role;
      t.after(d.membership.put(cmd.id, member, fx));
    }
  }
  t.status.touch(true);
  d.settle(t);
}

ChannelEntry Channels::Impl::entry(const Roster& roster, const UserId& user) const {
  const LiveChannel& l = live.at(roster.state.id);
  const Leadership lead = l.leadership();
  ChannelEntry e{.id = roster.state.id,
                 .name = Name{roster.state.name},
                 .status = status_of(roster, l.here, lead),
                 .keeper = roster.state.keeper,
                 .members = roster.members.size(),
                 .online = l.here.online().size()};
  if (!lead.leader.empty()) e.leader = lead.leader;
  if (roster.invited.contains(user)) e.invited = true;
  return e;
}

namespace {
// What an entry of LST_CH takes but for its name, one of CH_MEMBERS whole; at their largest.
constexpr std::size_t kChannelEntryOctets = 192;
constexpr std::size_t kChannelEntryNodes = 1 + 2 * 8;
constexpr std::size_t kMemberEntryOctets = 16 + limits::kUserIdBytesMax;
constexpr std::size_t kMemberEntryNodes = 1 + 2 * 2;
}  // namespace

void Channels::step(Now, ConnId conn, const c::ChLst& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const UserId& user = d.user_of(conn);
  const auto& all = d.membership.all();
  std::vector<ChannelEntry> page;
  PageBudget room = page_budget(d.config.frame_bytes_max);
  bool more = false;
  Ticket gate;
  for (auto at = cmd.after ? all.upper_bound(*cmd.after) : all.begin(); at != all.end(); ++at) {
    const Roster& roster = at->second;
    if (roster.state.visibility == Visibility::private_ && !roster.member(user) &&
        !roster.invited.contains(user)) {
      continue;
    }
    const ChannelEntry entry = d.entry(roster, user);
    const bool fits = room.take(kChannelEntryOctets + entry.name.text.size(), kChannelEntryNodes);
    if (page.size() == limits::kChannelsPerPage || (!fits && !page.empty())) {
      more = true;
      break;
    }
    page.push_back(entry);
    gate = std::max(gate, d.live.at(at->first).gate);
  }
  const s::LstCh list{.channels = page, .more = more};
  // A channel that is not on disk yet is not told of.
  gate > d.durable ? fx.send_after(gate, Conns(&conn, 1), list) : fx.send(Conns(&conn, 1), list);
}

void Channels::step(Now now, ConnId conn, const c::ChMembers& cmd, ChannelEffects& fx) {
  Impl& d = *impl_;
  const auto a = d.admit(conn, cmd.id, Impl::Needs::membership, std::nullopt, fx);
  if (!a) return;
  const auto& members = a->roster.members;
  std::vector<MemberEntry> page;
  PageBudget room = page_budget(d.config.frame_bytes_max);
  auto at = cmd.after ? members.upper_bound(*cmd.after) : members.begin();
  for (; at != members.end() && page.size() < limits::kMembersPerPage; ++at) {
    if (!room.take(kMemberEntryOctets, kMemberEntryNodes) && !page.empty()) break;
    page.push_back({.id = at->first, .online = a->live.here.online().contains(at->first)});
  }
  d.turn(now, cmd.id, fx)
      .send(conn, s::ChMembers{.id = cmd.id, .users = page, .more = at != members.end()});
}

// ---- operators -------------------------------------------------------------------------------

Status Channels::set_role(Now now, const ChannelId& channel, const UserId& user, Role role,
                          ChannelEffects& fx) {
  Impl& d = *impl_;
  const Roster* roster = d.membership.find(channel);
  if (!roster) return fail("There is no such channel; list them with `mootd channel list`.");
  const RoleOf wanted{user, role};
  if (const auto no = d.roles_refused(*roster, Roles(&wanted, 1))) {
    return fail(std::string(no->why));
  }
  const Turn t = d.turn(now, channel, fx);
  ChannelMember member = *roster->member(user);
  member.role = role;
  t.after(d.membership.put(channel, member, fx));
  t.status.touch(true);
  d.settle(t);
  return {};
}

Status Channels::remove(Now now, const ChannelId& channel, ChannelEffects& fx) {
  Impl& d = *impl_;
  const Roster* roster = d.membership.find(channel);
  if (!roster) return fail("There is no such channel; list them with `mootd channel list`.");
  if (d.is_lobby(*roster)) {
    return fail("The lobby stays while `channels.lobby` is true; set it to false first.");
  }
  d.remove_channel(now, channel, "removed", fx);
  return {};
}

Status Channels::add_member(Now now, const ChannelId& channel, const UserId& user,
                            ChannelEffects& fx) {
  Impl& d = *impl_;
  const Roster* roster = d.membership.find(channel);
  if (!roster) return fail("There is no such channel; list them with `mootd channel list`.");
  if (!d.users.contains(user))
    return fail("There is no such user; list them with `mootd user list`.");
  if (roster->member(user)) return {};
  if (!d.has_room(*roster)) return fail("The channel has as many members as it may.");
  if (d.membership.of(user).size() >= limits::kChannelsPerUser) {
    return fail("The user is in as many channels as one may be.");
  }
  d.add_member(now, channel, user, Role::none, fx);
  return {};
}

}  // namespace moot
