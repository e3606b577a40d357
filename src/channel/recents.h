#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "channel/record.h"
#include "model/ids.h"

namespace moot {

// A record that was committed a short while ago, without its text.
struct RecentCommit {
  UserId from;
  Acks acks;
  std::optional<Tick> again_at;  // when it was told to everybody again (replication.md D7)
  std::uint64_t told_seq = 0;    // Attendance::next_seq at the last telling
  std::uint64_t age = 0;         // owned by Recents
};

// The commits a server remembers: at most limits::kRecentPerChannel of a channel and
// kRecentPerServer of all; beyond that the one longest untouched goes.
class Recents {
 public:
  void add(const ChannelId& channel, const RecordKey& key, RecentCommit commit);
  RecentCommit* find(const ChannelId& channel, const RecordKey& key);
  // Is a record of this id but other content there?
  bool other_content(const ChannelId& channel, const RecordKey& key) const;
  void forget(const ChannelId& channel);
  std::size_t size() const { return ages_.size(); }
  std::size_t size(const ChannelId& channel) const;

  void check_invariants() const;

 private:
  struct OfChannel {
    std::map<RecordKey, RecentCommit> commits;
    std::map<std::uint64_t, RecordKey> ages;
  };
  void evict(const ChannelId& channel, OfChannel& of);

  std::map<ChannelId, OfChannel> channels_;
  std::map<std::uint64_t, ChannelId> ages_;  // oldest first
  std::uint64_t next_age_ = 0;
};

}  // namespace moot
