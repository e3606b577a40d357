#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/slot_table.h"
#include "base/time.h"
#include "server/message_key.h"

namespace moot::server {

// Private messages that were acknowledged lately: enough to answer a resend (protocol.md 6.2). The
// newest limits::kRecentAckedPerAuthor of an author, each for limits::kRecentMemory.
class RecentAcks {
 public:
  // What was remembered of the message's content; none: it is not known.
  std::optional<std::size_t> tag(const UserId& author, const MsgId& id) const;
  // Nothing changes when it is known already.
  void put(Tick now, const UserId& author, const MsgId& id, std::size_t tag);
  void forget(const UserId& author);
  void expire(Tick now);

  std::size_t authors() const { return authors_.size(); }

 private:
  struct Ack {
    MsgId id;
    Tick at;
    std::size_t tag = 0;
  };
  // A ring, oldest first: ack n of `begin .. begin + size` is at n modulo its length.
  struct Author {
    std::vector<Ack> ring;  // a power of two, or none
    std::size_t begin = 0;
    std::size_t size = 0;
    HashIndex by_id;

    const Ack* find(const MsgId& id) const;
    void push(const Ack& ack);
    void pop();
    void grow();
    void recycle(bool) { *this = Author(); }
  };
  SlotTable<UserId, Author, UserHash> authors_;
};

}  // namespace moot::server
