#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "net/out.h"
#include "net/tallies.h"
#include "server/effects.h"

namespace moot::net {

// The server core's effects, sorted by the thread whose connection they concern. What waits for
// the disk is held until it is there. Encodes a command once; other threads get a copy of its
// octets.
// Invariant: what leaves with a ticket leaves after that ticket is on disk, what waits for one
// ticket in the order of the calls; nothing but its end leaves to a connection before the SINFO
// that lets it in. Thread rule: the hub's.
class FanOut : public server::Effects {
 public:
  struct Fetch {
    ConnId conn;
    Kid kid;
    std::uint64_t after_seq = 0;
  };
  struct KeyWish {
    ConnId conn;
    UserId account;
    std::optional<Kid> existing;
  };

  // `threads` 0: nobody is connected (the commands of a stopped server).
  explicit FanOut(unsigned threads);

  void send(Conns to, const s::Any& cmd, Ticket after) override;
  void sinfo(ConnId to, std::optional<std::uint64_t> ref, Ticket after) override;
  void close(ConnId conn, DcnnCode code, std::string_view sentence,
             std::optional<std::uint64_t> retry_s, Ticket after) override;
  void finish(ConnId conn) override;
  Ticket persist(op::Any op) override;
  void fetch_offline(ConnId conn, const Kid& kid, std::uint64_t after_seq) override;
  void need_key(ConnId conn, const UserId& account, const std::optional<Kid>& existing) override;
  void mark(ConnId conn, std::uint64_t token) override;
  void seen(ConnId conn, std::uint64_t nonce) override;
  void when_drained(ConnId conn, Ticket after) override;
  void pause(ConnId conn, Tick until) override;
  void happened(ChannelEvent event) override {
    tallies.channel_events[static_cast<std::size_t>(event)].add();
  }

  // Whose frame is handled: what is sent to it from now on is an answer of this turn.
  void asking(ConnId conn) { asking_ = conn; }
  // Octets of answers to `conn` since the turn began; the caller may overwrite it.
  std::size_t& answered(ConnId conn) { return answered_[conn]; }
  void begin_turn() { answered_.clear(); }

  void keys(ConnId conn, KeyAnswer answer);
  void wall(ConnId conn, const WallAnswer& answer);
  void queue_max(ConnId conn, std::size_t octets);

  // Everything up to `upto` is on disk: what waited for it leaves.
  void release(Ticket upto);
  std::unique_ptr<Outbox> take(unsigned thread);  // null: nothing
  // Whether something waits for the shell: what a step asked for and nobody took yet.
  bool untaken() const;

  HubTallies tallies;
  // For the shell, which takes and clears them.
  std::vector<op::Any> ops;
  std::vector<Fetch> fetches;
  std::vector<KeyWish> key_wishes;
  Ticket newest() const { return ticket_; }
  Ticket committed() const { return committed_; }

 private:
  struct Held {
    Outbox box;  // `outs` name pieces of this box
  };
  Outbox& box(unsigned thread);
  void put(Conns to, const s::Any& cmd, Ticket after);
  void emit(const Out& out);
  void count(Conns to, const Piece& piece);
  Held& held(Ticket after) { return held_[after.n]; }
  bool now(Ticket after) const { return after <= committed_; }
  // `after`, or later where the connection has not had its first SINFO yet.
  Ticket not_before(ConnId conn, Ticket after) const;

  const unsigned threads_;
  std::vector<std::unique_ptr<Outbox>> boxes_;
  std::map<std::uint64_t, Held> held_;
  std::map<ConnId, Ticket> let_in_at_;  // whose first SINFO waits for the disk
  Ticket ticket_;
  Ticket committed_;
  ConnId asking_;
  std::map<ConnId, std::size_t> answered_;
};

}  // namespace moot::net
