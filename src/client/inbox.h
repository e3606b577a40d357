#pragma once

#include <deque>
#include <set>
#include <vector>

#include "client/context.h"

namespace moot::client {

// Private messages of others, and ours from other devices.
// Invariant: what is acknowledged or shown is on disk. Acknowledgements of one commit leave
// together.
class Inbox {
 public:
  explicit Inbox(Context& cx) : cx_(&cx) {}

  void load(std::vector<SeenId> seen) { seen_ = {seen.begin(), seen.end()}; }
  // None: a duplicate, told apart by (from, msg_id) and acknowledged again.
  std::optional<PrivateMessage> receive(const s::Msg& msg);
  void stored();
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
};

}  // namespace moot::client
