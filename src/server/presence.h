#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "channel/channels.h"
#include "model/commands.h"
#include "server/accounts.h"
#include "server/context.h"
#include "server/presence_mode.h"

namespace moot::server {

// Who is there, and who is told of it (protocol.md 6.1). Changes of a quarter of a second leave as
// one burst; who came and went inside it is told only to those who saw it. For a connection that is
// behind with reading they wait together until its queue is drained: of limits::kPresenceHeld
// users; what is to be said of others goes into its queue, which has a bound that ends it.
// Invariant: what one burst says to a connection fits into one BATCH.
class Presence {
 public:
  Presence(PresenceMode mode, const Accounts& accounts, const ConnTable& conns,
           const Channels& channels)
      : mode_(mode), accounts_(accounts), conns_(conns), channels_(channels) {}

  void configure(PresenceMode mode) { mode_ = mode; }

  // ---- what happened ----
  void came(const UserId& user) { change(user, false).online_now = true; }
  void went(const UserId& user) { change(user, true).online_now = false; }
  void changed(const UserId& user) { change(user, conns_.online(user)).account = true; }  // or made
  void removed(const UserId& user) { change(user, conns_.online(user)).removed = true; }

  // `of` was shown to be there to these, by something else than presence.
  void seen(const UserId& of, std::span<const ConnId> by);

  // USR_LST, one page, which fits into a frame.
  void list(const Step& step, Conn& to, const c::LstUsr& cmd, std::uint32_t frame_bytes_max);

  // The connection may be told again what waited for it; or is no more.
  void drained(ConnId conn);
  void gone(ConnId conn) {
    held_.erase(conn);
    drained_.erase(conn);
  }

  std::optional<Tick> next_deadline() const;
  void tick(const Step& step);

 private:
  struct Change {
    bool was_online = false;
    bool online_now = false;
    bool account = false;
    bool removed = false;
    bool seen = false;  // by somebody, since
  };
  Change& change(const UserId& user, bool online_before);
  PresenceMode mode_in_force() const;
  UserStatus status_of(const Account& a, const UserId& asker) const;
  void tell(const Step& step, const UserId& about, const Change& c);
  // Takes those out who are told later.
  void hold_back(std::vector<ConnId>& to, const UserId& about, const Change& c);
  void tell_held(const Step& step, ConnId conn, std::size_t users_max);
  void say(const Step& step, const std::vector<ConnId>& others, const std::vector<ConnId>& own,
           const UserId& about, const Change& c) const;
  void correct(const Step& step, const UserId& about, const Change& c);
  bool visible(const UserId& about, const UserId& to) const;

  PresenceMode mode_;
  const Accounts& accounts_;
  const ConnTable& conns_;
  const Channels& channels_;
  std::map<UserId, Change> changes_;
  std::deque<UserId> order_;  // of the changes, oldest first
  std::set<ConnId> seers_;    // of any of the changes
  std::map<ConnId, std::map<UserId, Change>> held_;
  std::set<ConnId> drained_;            // of those in held_
  std::map<ConnId, std::size_t> past_;  // users of this burst told to those in held_
  Tick next_burst_{INT64_MIN / 2};
};

}  // namespace moot::server
