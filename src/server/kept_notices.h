#pragma once

#include <map>
#include <vector>

#include "model/commands.h"
#include "server/context.h"

namespace moot::server {

// What the author of a private message has to be told while none of his devices is connected: that
// it was acknowledged, or that nobody read it in time (protocol.md 6.2). On disk, and told at every
// connection until one of them got it. Bound: kKeptAcksPerAuthor, the oldest goes.
class KeptNotices {
 public:
  explicit KeptNotices(const ServerSnapshot& stored);

  // When it is on disk.
  Ticket put(const Step& step, KeptNotice n);
  void connected(const Step& step, const Conn& conn);
  // What was told up to this mark has reached a device.
  void reached(const Step& step, const UserId& author, std::uint64_t token);
  void user_removed(const UserId& user) { notices_.erase(user); }

 private:
  std::map<UserId, std::vector<KeptNotice>> notices_;
  std::uint64_t seq_ = 0;
  Ticket last_;  // after which every notice is on disk
};

s::Err nobody_read(const MsgId& id);

}  // namespace moot::server
