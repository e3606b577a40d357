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
  // Oldest first; a power of two of places, or none.
  class Ring {
   public:
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    bool full() const { return size_ == places_.size(); }
    Ack& at(std::size_t n) { return places_[place(n)]; }
    const Ack& at(std::size_t n) const { return places_[place(n)]; }
    const Ack& in_place(std::size_t place) const { return places_[place]; }
    std::size_t place(std::size_t n) const { return (begin_ + n) & (places_.size() - 1); }
    void push(const Ack& ack);  // REQUIRES: !full()
    void pop();
    void grow();  // the first is in place 0 then

   private:
    std::vector<Ack> places_;
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
  };
  // A device's ids rise (protocol.md 4), so most acknowledgements come in the order of their ids:
  // those are found by it, without an index that has to be kept. The others have one.
  struct Author {
    Ring rising;  // by id as well as by time
    Ring strays;  // whose id was not above those that came before them
    HashIndex strays_by_id;

    const Ack* find(const MsgId& id) const;
    std::size_t size() const { return rising.size() + strays.size(); }
    void push(const Ack& ack);
    const Ack& oldest() const { return stray_is_oldest() ? strays.at(0) : rising.at(0); }
    void pop();
    void recycle(bool) { *this = Author(); }

   private:
    bool stray_is_oldest() const;
    const Ack* find_rising(const MsgId& id) const;
  };
  SlotTable<UserId, Author, UserHash> authors_;
};

}  // namespace moot::server
