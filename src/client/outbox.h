#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/context.h"

namespace moot::client {

// Private messages of ours that nobody has confirmed yet (protocol.md 6.2).
//   storing   not on disk yet: no octet of it leaves
//   waiting   may go as soon as the window, the peer and the connection allow
//   wire      sent on this connection, no barrier past it yet
//   safe      a barrier is past it: the server has it on disk or the peer confirmed it
// Invariants: a message is in waiting_ exactly when it is `waiting`; in_flight_ counts `wire`;
// order_ is the order of writing, and what is `waiting` for one peer goes in it.
class Outbox {
 public:
  explicit Outbox(Context& cx) : cx_(&cx) {}

  void load(std::vector<PrivateMessage> stored);
  struct New {
    UserId to;
    std::string text;
    std::optional<MsgId> re;
    std::array<std::uint8_t, 10> random;
    RequestId request;
  };
  Result<MsgId> add(New message);
  // Written on another device of ours: resent from here too, until somebody confirms.
  void adopt(const PrivateMessage& message);
  // An id seen in the conversation with `peer`: later ones of ours are greater.
  void note_id(const UserId& peer, const MsgId& id);

  void opened();
  void lost();
  void stored();
  void acked(const s::MsgAck& ack);
  // False: the ERR is about none of these.
  bool refused(const s::Err& err, const std::optional<SentRange>& ref);
  void safe_upto(SentId barrier);
  // The first barrier of this connection passed: what the server kept for us has arrived.
  void caught_up();
  void peer_came(const UserId& peer);
  void tick();
  // Sends what may go.
  void pump();

  bool wants_barrier() const { return in_flight_ > 0; }
  Tick next_tick() const;
  std::size_t size() const { return by_id_.size(); }
  void check_invariants() const;

 private:
  enum class At : std::uint8_t { storing, waiting, wire, safe };
  struct Entry {
    PrivateMessage m;
    At at = At::storing;
    Ticket ticket;  // of its PutMessage
    SentId sent_as;
    unsigned renumbered = 0;
    bool told = false;  // of its being on disk
    RequestId request;
  };
  struct Hold {
    Tick until;
    Millis step{0};
  };

  Entry* find(const MsgId& id);
  MsgId new_id(const UserId& peer, std::span<const std::uint8_t, 10> random);
  void put_on_wire(std::uint64_t order, Entry& e);
  void leave_wire(Entry& e);
  void wait(std::uint64_t order, Entry& e);
  void erase(std::uint64_t order);
  void fail(std::uint64_t order, std::string_view why);
  void hold(std::uint64_t order, Millis first, std::string_view why);
  void renumber(std::uint64_t order, UnixMs server_now);
  void tell(const Entry& e, std::string_view why = {});

  Context* cx_;
  std::map<std::uint64_t, Entry> entries_;  // by order
  std::unordered_map<MsgId, std::uint64_t> by_id_;
  std::uint64_t next_order_ = 1;
  std::set<std::uint64_t> waiting_;
  std::deque<std::uint64_t> storing_;
  std::deque<std::pair<SentId, std::uint64_t>> wire_;
  std::unordered_map<UserId, MsgId> newest_;
  std::unordered_map<UserId, Hold> holds_;
  std::size_t in_flight_ = 0;
  std::size_t since_drain_ = 0;  // messages sent since in_flight_ was last 0
  std::size_t bytes_since_drain_ = 0;
  bool caught_up_ = false;
  std::optional<Tick> resend_at_;
  Millis resend_step_{0};
};

}  // namespace moot::client
