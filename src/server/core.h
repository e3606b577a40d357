#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "channel/channels.h"
#include "model/store_ops.h"
#include "model/text_rules.h"
#include "model/wall.h"
#include "server/effects.h"
#include "server/made_key.h"
#include "server/offline_page.h"
#include "server/presence_mode.h"
#include "server/rates.h"
#include "session/server_session.h"

// The server behind its connections: who people are, who is there, and what they say to each
// other (protocol.md 5-6, 9). Pure: no clock, no randomness, no disk, no socket.
namespace moot::server {

struct Config {
  std::uint32_t max_msg = limits::kMsgBytesMax;
  bool offline_keep = true;
  std::uint64_t offline_messages = limits::kOfflineMessages;
  std::uint64_t offline_bytes = limits::kOfflineBytes;
  Millis offline_age = limits::kOfflineAge;
  PresenceMode presence = PresenceMode::all;
  Rates rates;
  ChannelsConfig channels;
};

// How a connection came through CNN.
struct Admission {
  ConnId conn;
  Kid kid;
  std::uint64_t nonce = 0;      // of its CNN
  std::uint64_t timestamp = 0;  // of its CNN, unix seconds
  bool challenged = true;       // false: the literal CNN of the founding note (security.md R8)
  bool bound = false;           // carried a right channel binding
  bool secure = false;          // TLS, or a loopback address: keys may travel
  bool batch = false;
  std::optional<Kid> wall;  // of `wall+key`: the record of whom the wall vouches for
};

// One frame that passed its session.
struct Incoming {
  ConnId conn;
  std::uint64_t nonce = 0;
  std::string_view cmd;
  Bytes payload;           // inside the profile
  std::size_t octets = 0;  // of the whole frame, for the rates
};

struct Counts {
  std::size_t accounts = 0;
  std::size_t connections = 0;
  std::size_t users_online = 0;
  std::size_t offline_messages = 0;
  std::size_t channels = 0;
};

// Frames by command, in the order of c::Any; the last one counts those that are none of it.
using Received = std::array<std::uint64_t, std::variant_size_v<c::Any> + 1>;

class Core {
 public:
  // `records` outlives the core. `now` is the time of the start.
  Core(const Config& config, const TextRules& text, const ServerSnapshot& stored,
       const KeptRecords& records, Now now);
  ~Core();

  // Before the first connection: takes the channels over, sweeps what expired.
  void start(Now now, Effects& fx);
  // A new configuration (SIGHUP): limits and rates from now on.
  void configure(Now now, const Config& config, Effects& fx);

  // ---- who connects: asked before a CNN is believed (security.md R3) ----
  // The credential a CNN names; null when there is none. Valid until the next step.
  const Credential* find(const UserId& account, const Kid& kid) const;
  // A CNN without `kid` is tried against these, at most eight (R16).
  std::vector<const Credential*> candidates(const UserId& account) const;
  // The record of an identity that a wall vouches for; null: none that is not revoked.
  const Credential* find_wall(const WallIdentity& identity) const;
  // Whether there was one, and now there is none.
  bool revoked_wall(const WallIdentity& identity) const;
  session::CredentialFacts facts(const Credential& credential, const session::Claim& claim,
                                 Now now) const;

  // ---- connections ----
  // REQUIRES: the session judged the CNN `deliver`. SINFO and everything after it come as effects.
  void admit(Now now, const Admission& who, Effects& fx);
  void frame(Now now, const Incoming& in, Effects& fx);
  void gone(Now now, ConnId conn, Effects& fx);

  // ---- answers of the shell ----
  void committed(Now now, Ticket upto, Effects& fx);
  void offline_page(Now now, ConnId conn, OfflinePage page, Effects& fx);
  void key_ready(Now now, ConnId conn, const MadeKey& key, Effects& fx);
  void reached(Now now, ConnId conn, std::uint64_t token, Effects& fx);
  // The send queue of the connection went above the soft bound (protocol.md 10): bulk waits.
  void behind(Now now, ConnId conn, Effects& fx);
  // What Effects::when_drained asked for: what waited goes on.
  void drained(Now now, ConnId conn, Effects& fx);

  // ---- time ----
  Tick next_deadline() const;
  void tick(Now now, Effects& fx);
  // Stores what is unacknowledged and says DCNN `shutdown` to everybody.
  void shutdown(Now now, std::uint64_t retry_s, Effects& fx);

  // ---- administration: every change is on disk at `after`; `actor` goes into the audit log ----
  struct Done {
    Ticket after;
    std::string note;  // a sentence for the operator, where there is one
  };
  Result<Done> user_add(Now now, std::string_view actor, std::string_view id, std::string_view name,
                        std::string_view label, const MadeKey& key, Effects& fx);
  // The same with a wall identity in place of the first key.
  Result<Done> user_add_wall(Now now, std::string_view actor, std::string_view id,
                             std::string_view name, std::string_view label,
                             const WallIdentity& identity, const Kid& kid, Effects& fx);
  Result<Done> user_set_state(Now now, std::string_view actor, std::string_view id, AccountState to,
                              Effects& fx);  // active, disabled or removed
  Result<Done> key_add(Now now, std::string_view actor, std::string_view id, std::string_view label,
                       const MadeKey& key, Effects& fx);
  // A wall identity: `kid` random, no key.
  Result<Done> key_add_wall(Now now, std::string_view actor, std::string_view id,
                            std::string_view label, const WallIdentity& identity, const Kid& kid,
                            Effects& fx);
  Result<Done> key_rotate(Now now, std::string_view actor, const Kid& kid, Millis overlap,
                          const MadeKey& key, Effects& fx);
  Result<Done> key_revoke(Now now, std::string_view actor, const Kid& kid, Effects& fx);
  Result<Done> key_revoke_all(Now now, std::string_view actor, std::string_view id, Effects& fx);
  Result<Done> invite(Now now, std::string_view actor, std::uint32_t uses, Millis expires,
                      std::string_view channel, const MadeKey& key, Effects& fx);
  Result<Done> channel_role(Now now, std::string_view actor, std::string_view channel,
                            std::string_view user, Role role, Effects& fx);
  Result<Done> channel_remove(Now now, std::string_view actor, std::string_view channel,
                              Effects& fx);
  std::vector<Account> accounts() const;
  std::vector<Credential> credentials(std::string_view account) const;  // empty: of all
  const Channels& channels() const;
  bool online(const UserId& user) const;
  Counts counts() const;
  const Received& received() const;

  // Octets the send queue of this connection may hold (protocol.md 10).
  std::size_t send_queue_max(ConnId conn) const;

  void check_invariants() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moot::server
