#pragma once

#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "client/ack_company.h"
#include "client/context.h"

namespace moot::client {

// Private messages of others, and ours from other devices.
// Invariant: what is acknowledged or shown is on disk. Acknowledgements leave together, within
// AckCompany::kWait, or with what leaves anyway.
class Inbox {
 public:
  explicit Inbox(Context& cx) : cx_(&cx) {}

  void load(std::vector<SeenId> seen) { seen_ = {seen.begin(), seen.end()}; }
  // None: a duplicate, told apart by (from, msg_id) and acknowledged again.
  std::optional<PrivateMessage> receive(const s::Msg& msg);
  void stored();
  // The acknowledgements that are due, or, where something else leaves in this step, all.
  void send_acks(bool all);
  std::optional<Tick> next_tick() const { return acks_.next(); }
  // Acknowledgements that waited for the disk belong to the connection that is gone.
  void lost();
  // What was seen so long ago that no server sends it again.
  void forget();

 private:
  struct Pending {
    Ticket ticket;
    UserId from;
    MsgId msg_id;
    bool ack = true;
    std::optional<PrivateMessage> show;
  };

  Context* cx_;
  std::set<SeenId> seen_;
  std::deque<Pending> pending_;
  AckCompany acks_;
};

}  // namespace moot::client
