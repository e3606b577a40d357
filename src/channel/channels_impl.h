#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/groups.h"
#include "base/slot_table.h"
#include "channel/attendance.h"
#include "channel/channels.h"
#include "channel/clock_mark.h"
#include "channel/coordinator.h"
#include "channel/keeper.h"
#include "channel/membership.h"
#include "channel/recents.h"
#include "channel/status.h"
#include "channel/turn.h"
#include "model/id_hash.h"

namespace moot {

// One connection, and the replicas it carries.
struct Connection {
  using Attached = std::map<ChannelId, ReplicaId>;

  UserId user;
  Together<ConnId> with_user;          // of `conns_by_user`
  std::unique_ptr<Attached> channels;  // null: none

  const Attached& attached() const {
    static const Attached kNone;
    return channels ? *channels : kNone;
  }
  Attached& attached() {
    if (!channels) channels = std::make_unique<Attached>();
    return *channels;
  }
  void recycle(bool) { *this = {}; }
};

// What is soft about one channel.
struct LiveChannel {
  Attendance here;
  StatusNotice status;
  Ticket gate;  // Turn::gate
  std::variant<Coordinator, ServerKeeper> rules;
  std::optional<Tick> due;  // as in Impl::deadlines

  Coordinator* coordinator() { return std::get_if<Coordinator>(&rules); }
  ServerKeeper* keeper() { return std::get_if<ServerKeeper>(&rules); }
  Leadership leadership() const {
    return std::visit([](const auto& r) { return r.leadership(); }, rules);
  }
};

struct Channels::Impl {
  Impl(const ChannelsConfig& config_in, const TextRules& text_in, const ServerSnapshot& stored,
       const KeptRecords& records_in);

  // ---- steps on one channel ----
  // What a command needs to know before anything else: refusals `not_found`, `not_member`,
  // `not_attached` are told here (protocol.md 6.3).
  struct Admitted {
    LiveChannel& live;
    const Roster& roster;
    const UserId& user;
  };
  enum class Needs : std::uint8_t { membership, attachment };
  std::optional<Admitted> admit(ConnId conn, const ChannelId& channel, Needs needs,
                                std::optional<MsgOrUser> about, ChannelEffects& fx);
  Turn turn(Now now, const ChannelId& channel, ChannelEffects& fx);
  // After anything was done to a channel: CH_STATUS if it is due, and when to look again.
  void settle(const Turn& turn);
  void tell_status(const Turn& turn, ConnId conn);
  void flush_status(const Turn& turn);

  // ---- connections ----
  const UserId& user_of(ConnId conn) const { return connection(conn).user; }
  const Connection& connection(ConnId conn) const;
  Connection& connection(ConnId conn);
  std::span<const ConnId> conns_of(const UserId& user) const;
  std::vector<ConnId> conns_of_members(const Roster& roster) const;
  std::size_t pulls_of(ConnId conn) const;  // routed to leaders and not answered
  void detach(const Turn& turn, ConnId conn);
  void detach_everywhere(Now now, ConnId conn, ChannelEffects& fx);
  void attach(Now now, ConnId conn, const c::ChAttach& cmd, ChannelEffects& fx);

  // ---- membership ----
  LiveChannel& open(const Roster& roster);  // makes the soft part of a channel
  void add_member(Now now, const ChannelId& channel, const UserId& user, Role role,
                  ChannelEffects& fx);
  void drop_member(Now now, const ChannelId& channel, const UserId& user, std::string_view reason,
                   ChannelEffects& fx);
  void remove_channel(Now now, const ChannelId& channel, std::string_view reason,
                      ChannelEffects& fx);
  void tell_joined(const Turn& turn, const UserId& user, Conns to);
  void tell_invited(const Turn& turn, Conns to);
  void make_lobby(Now now, ChannelEffects& fx);
  bool is_lobby(const Roster& roster) const { return config.lobby && roster.is_lobby(); }
  bool has_room(const Roster& roster) const { return roster.members.size() < roster.members_max(); }
  ChannelEntry entry(const Roster& roster, const UserId& user) const;
  bool name_ok(std::string_view name) const { return text.is_nfc(name); }
  // Null: the owner may give these roles; else why not.
  struct Refusal {
    Errc code;
    std::string_view why;
    UserId user;
  };
  std::optional<Refusal> roles_refused(const Roster& roster, Roles roles) const;

  ChannelReport report(const Roster& roster) const;

  ChannelsConfig config;
  TextRules text;
  const KeptRecords& records;
  std::vector<StampKey> stamp_keys;
  Membership membership;
  ClockMark clock;
  Recents recents;
  std::set<UserId> users;  // those there are; removed ones are not
  std::map<ChannelId, LiveChannel> live;
  using ConnTable = SlotTable<ConnId, Connection, ConnHash>;
  ConnTable conns;
  Groups<ConnTable, UserHash, &Connection::user, &Connection::with_user> conns_by_user;
  std::map<ReplicaId, ConnId> replicas;
  std::set<std::pair<Tick, ChannelId>> deadlines;
  Ticket durable;
  std::set<ChannelId> unsynced;  // channels with kept records that may not be on disk yet
};

}  // namespace moot
