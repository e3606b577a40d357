#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/slot_table.h"
#include "model/commands.h"
#include "server/accounts.h"
#include "server/backlogs.h"
#include "server/context.h"
#include "server/kept_notices.h"
#include "server/message_key.h"
#include "server/offline_page.h"
#include "server/own_copies.h"
#include "server/recent_acks.h"

namespace moot::server {

struct PrivateLimits {
  std::uint32_t max_msg = limits::kMsgBytesMax;
  bool keep = true;
  std::uint64_t messages = limits::kOfflineMessages;
  std::uint64_t bytes = limits::kOfflineBytes;
  Millis age = limits::kOfflineAge;
};

// Private messages (protocol.md 6.2): relayed to who is there, kept for every device that is not,
// confirmed by the recipient's first acknowledgement.
//
// Invariants: a message is known by (author, msg id); its copies are the credentials that have not
// acknowledged it; a copy is with a connection, on disk, or both. MSG_ACK leaves only when every
// other copy is on disk or gone.
class PrivateMessages {
 public:
  PrivateMessages(const PrivateLimits& limits, const Accounts& accounts, ConnTable& conns,
                  const ServerSnapshot& stored, Now now);

  void configure(const PrivateLimits& limits) { limits_ = limits; }

  void ack_msg(const Step& step, Conn& from, const Ref& ref, const c::AckMsg& cmd);
  void pv_msg(const Step& step, Conn& from, const Ref& ref, const c::PvMsg& cmd);

  // After its SINFO: notices, then what was kept.
  void connected(const Step& step, Conn& conn);
  void page(const Step& step, Conn& conn, const OfflinePage& page);
  void drained(const Step& step, const Conn& conn) { backlogs_.drained(step, conn); }
  void reached(const Step& step, const UserId& author, std::uint64_t token) {
    notices_.reached(step, author, token);
  }
  // Stores what this connection still has under way.
  void disconnected(const Step& step, const Conn& conn);
  // For the barrier of 5.8: afterwards every message of the connection is acknowledged, or on disk
  // at the ticket.
  Ticket settle(const Step& step, const Conn& conn);
  void settle_all(const Step& step);

  void credential_gone(const Step& step, const Kid& kid);
  void user_removed(const Step& step, const UserId& user);

  std::optional<Tick> next_deadline() const;
  void tick(const Step& step);

  std::size_t kept() const { return messages_.size(); }
  void check_invariants() const;

 private:
  using Key = MessageKey;
  struct Copy {
    Kid kid;
    bool own = false;
    bool stored = false;
  };
  struct Message {
    UserId recipient;
    ByteBuf body;  // until every copy is stored
    std::uint32_t bytes = 0;
    std::size_t tag = 0;  // of content and recipient, in this process; 0: known from disk alone
    Octets<8, ContentTag> content;  // once stored
    std::vector<Copy> copies;
    bool acked = false;
    Ticket stored;  // covers the copies on disk
    UnixMs aged;    // its time in `by_age_`; 0: not there
    ConnId origin;

    void recycle(bool keep_memory);
  };
  using Messages = SlotTable<Key, Message, MessageKeyHash>;
  using Usage = OwnCopies::Usage;
  struct Queue : Usage {
    void recycle(bool) { *this = {}; }
  };
  bool refuse_new(const Step& step, const Conn& from, const Ref& ref, const c::PvMsg& cmd);
  bool resent(const Step& step, Conn& from, const Ref& ref, const c::PvMsg& cmd, std::size_t tag);
  bool relay(const Step& step, const Key& key, Message& m, Bytes body);
  void store(const Step& step, const Key& key, Message& m, Copy& copy);
  void make_room(const Step& step, const Kid& kid);
  Ticket store_all(const Step& step, const Key& key, Message& m);
  // When it is on disk, where that is necessary.
  Ticket confirm(const Step& step, const UserId& author, const MsgId& id, const UserId& by,
                 Ticket after);
  Ticket drop_copy(const Step& step, const Key& key, Message& m, std::size_t at);
  void finished(const Step& step, Messages::Entry& entry);
  void expire(const Step& step);
  void drop_copies(const Step& step, const Kid& kid, bool stored_too);
  bool here(const Kid& kid) const;
  static bool has_copy(const Message& m, const Kid& kid);
  bool counts(const Message& m) const;
  void recount(const Message& m, bool counted_before);
  static std::size_t tag_of(Bytes body, const UserId& recipient);

  PrivateLimits limits_;
  const Accounts& accounts_;
  ConnTable& conns_;
  Tick started_;

  Messages messages_;
  SlotTable<UserId, Queue, UserHash> usage_;  // by recipient
  std::map<Kid, std::size_t> stored_for_;     // copies on disk, by credential
  OwnCopies own_;                             // those of them that are the owner's own
  std::deque<std::pair<Tick, Messages::Handle>> unsettled_;  // relayed within the last second
  std::set<std::pair<UnixMs, Key>> by_age_;                  // those that were stored, oldest first
  RecentAcks recent_;
  KeptNotices notices_;
  Backlogs backlogs_;
  Tick sweep_at_;

  // Scratch of one step, kept for its memory.
  std::vector<Kid> kids_;
  std::vector<ConnId> to_;
  std::vector<ConnId> to_own_;
};

}  // namespace moot::server
