#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "channel/history.h"
#include "channel/memory_records.h"
#include "channel/record.h"

// What the tests of this folder build histories from.
namespace moot::test {

inline const ChannelId kChannel = ChannelId::of(as_bytes("a channel of 16."));

inline UserId user(const std::string& name) { return UserId::parse(name).value(); }

// An id whose order is that of `n`.
inline MsgId msg_id(std::uint64_t n) {
  MsgId id;
  put_be64(id.octets.data() + 2, n);
  return id;
}

inline const StoredRecord& record(std::uint64_t n, const std::string& text = "text",
                                  const std::string& from = "ada") {
  static std::map<std::tuple<std::uint64_t, std::string, std::string>, StoredRecord> made;
  const auto [it, fresh] = made.try_emplace({n, text, from});
  StoredRecord& r = it->second;
  if (!fresh) return r;
  r.id = msg_id(n);
  r.from = user(from);
  r.msg.assign(text.begin(), text.end());
  r.stamp = {1, 2, 3, 4};
  r.digest = record_digest(kChannel, r.id, r.from, r.msg);
  return r;
}

// A history and the disk below it; `sync` makes durable what was inserted.
class Shelf {
 public:
  Shelf() : history_(disk_, {}) {}

  HistoryIndex& history() { return history_; }
  MemoryRecords& disk() { return disk_; }
  bool add(const StoredRecord& r) {
    ++ticket_.n;
    if (!history_.insert(r, ticket_)) return false;
    waiting_.push_back(rop::PutCommitted{r});
    return true;
  }
  void sync() {
    for (const LeafSummary& leaf : history_.take_changed_leaves())
      waiting_.push_back(rop::PutLeaf{leaf});
    disk_.apply(waiting_);
    waiting_.clear();
    history_.durable(ticket_);
  }

 private:
  MemoryRecords disk_;
  HistoryIndex history_;
  Ticket ticket_;
  std::vector<rop::Any> waiting_;
};

}  // namespace moot::test
