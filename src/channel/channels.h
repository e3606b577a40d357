#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "channel/effects.h"
#include "model/commands.h"
#include "model/kept_records.h"
#include "model/limits.h"
#include "model/store_ops.h"
#include "model/text_rules.h"

namespace moot {

struct ChannelsConfig {
  std::uint32_t msg_bytes_max = limits::kMsgBytesMax;
  std::uint32_t frame_bytes_max = limits::kFrameBytesMax;
  bool member_kept = true;  // may be created: `keepers` of the configuration
  bool server_kept = true;
  bool lobby = true;
  // Random values, used only where the store has none yet.
  ChannelId lobby_id;
  KeyBytes stamp_key;
};

// One channel as an operator sees it.
struct ChannelReport {
  ChannelState state;
  std::vector<ChannelMember> members;
  std::vector<UserId> online;
  UserId leader;  // empty: none
  ChannelStatus status = ChannelStatus::few;
  std::uint64_t election = 0;
  std::uint64_t records = 0;  // kept by the server
  std::size_t in_flight = 0;  // relayed and not committed
};

// How all channels are, in numbers.
struct ChannelCensus {
  std::array<std::size_t, EnumTexts<ChannelStatus>::value.size()> by_status{};
  std::size_t led = 0;        // kept by members, who have a leader
  std::size_t standing = 0;   // a candidate stands
  std::size_t attached = 0;   // replicas
  std::size_t in_flight = 0;  // relayed and not committed
};

// The server's side of channels: who is in which, and for each channel its coordinator
// (replication.md 2.3) or its keeper (2.8).
//
// Knows nothing before `start`, which takes every channel over: a new epoch each, on disk before
// anything about the channel leaves. Each call ends in effects, never in an exception.
// Thread rule: one owner.
class Channels {
 public:
  // `records` outlives this object.
  Channels(const ChannelsConfig& config, const TextRules& text, const ServerSnapshot& stored,
           const KeptRecords& records);
  ~Channels();

  void start(Now now, ChannelEffects& fx);
  // Another configuration from now on; a lobby that was switched on is made. The random values of
  // the first one stay.
  void configure(Now now, const ChannelsConfig& config, ChannelEffects& fx);

  // A user's connection is through CNN and has its SINFO: sends one CH_STATUS for every channel of
  // the user and LST_CH for every invitation. `sid` on the wire is ConnId.n.
  void connected(Now now, ConnId conn, const UserId& user, ChannelEffects& fx);
  void disconnected(Now now, ConnId conn, ChannelEffects& fx);

  // Accounts: one was made, and is a member of the lobby where there is one; or is gone for ever.
  // A new nickname concerns nobody here.
  void user_added(Now now, const UserId& user, ChannelEffects& fx);
  void user_removed(Now now, const UserId& user, ChannelEffects& fx);

  // REQUIRES: `connected` told of `conn`.
  void step(Now now, ConnId conn, const c::ChCreate& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChJoin& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChLeave& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChInvite& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChKick& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChSet& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChLst& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChMembers& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChAttach& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChMsg& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::AckChMsg& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChCommit& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChLead& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChVote& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChPull& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChAppend& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChMerge& cmd, ChannelEffects& fx);
  void step(Now now, ConnId conn, const c::ChAckReq& cmd, ChannelEffects& fx);

  // Everything up to `upto` is on disk. Call it after each commit that had an operation of ours.
  void committed(Now now, Ticket upto, ChannelEffects& fx);

  // When `tick` has something to do next; it may be called earlier.
  std::optional<Tick> next_deadline() const;
  void tick(Now now, ChannelEffects& fx);

  // ---- for operators ----
  std::size_t size() const;
  std::optional<ChannelId> find(std::string_view name) const;  // by folded name, no '#'
  ChannelCensus census() const;
  std::vector<ChannelReport> report() const;  // in id order
  std::optional<ChannelReport> report(const ChannelId& channel) const;
  // As an owner would; `reason` of a failure is a sentence.
  Status set_role(Now now, const ChannelId& channel, const UserId& user, Role role,
                  ChannelEffects& fx);
  Status remove(Now now, const ChannelId& channel, ChannelEffects& fx);
  // An invitation that names a channel: no one need be asked.
  Status add_member(Now now, const ChannelId& channel, const UserId& user, ChannelEffects& fx);
  // What was relayed and is not committed, by key, and whose acknowledgements count for it.
  std::vector<RecordKey> in_flight(const ChannelId& channel) const;
  std::vector<UserId> asked(const ChannelId& channel, const RecordKey& key) const;
  // Users who share a channel other than the lobby with `user`, in order (presence `shared`).
  std::vector<UserId> peers(const UserId& user) const;
  bool share_channel(const UserId& a, const UserId& b) const;
  std::size_t attached_channels(ConnId conn) const;  // the send queue's limit depends on it

  // Aborts when an invariant of replication.md 2.7 that the server can see does not hold.
  void check_invariants() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moot
