#include "channel/memory_server.h"

#include <algorithm>
#include <variant>

#include "base/check.h"

namespace moot {

void MemoryKept::put(const KeptRecord& r) {
  StoredRecord stored{.id = r.id, .from = r.from, .msg = r.msg, .stamp = r.stamp};
  stored.acks = Acks::of(r.acks, r.acks_n);
  stored.cert = r.cert;
  stored.digest = r.digest;
  channels_[r.channel].apply(rop::PutCommitted{stored});
}

namespace {
struct Applied {
  ServerSnapshot& disk;
  MemoryKept& records;

  ChannelSnapshot* find(const ChannelId& id) const {
    const auto at =
        std::ranges::find(disk.channels, id, [](const ChannelSnapshot& c) { return c.channel.id; });
    return at == disk.channels.end() ? nullptr : &*at;
  }
  void operator()(const op::PutChannel& o) const {
    ChannelSnapshot* at = find(o.channel.id);
    if (!at) at = &disk.channels.emplace_back();
    at->channel = o.channel;
  }
  void operator()(const op::RemoveChannel& o) const {
    std::erase_if(disk.channels, [&](const auto& c) { return c.channel.id == o.id; });
  }
  void operator()(const op::PutMember& o) const {
    ChannelSnapshot* at = find(o.channel);
    MOOT_CHECK(at);
    std::erase_if(at->members, [&](const auto& m) { return m.user == o.member.user; });
    at->members.push_back(o.member);
  }
  void operator()(const op::RemoveMember& o) const {
    if (ChannelSnapshot* at = find(o.channel)) {
      std::erase_if(at->members, [&](const auto& m) { return m.user == o.user; });
    }
  }
  void operator()(const op::PutInvited& o) const {
    if (ChannelSnapshot* at = find(o.channel)) {
      std::erase(at->invited, o.user);
      std::erase(at->barred, o.user);
      if (o.invited) at->invited.push_back(o.user);
      if (o.barred) at->barred.push_back(o.user);
    }
  }
  void operator()(const op::PutRecord& o) const { records.put(o.record); }
  void operator()(const op::PutStampKey& o) const { disk.stamp_keys.push_back(o.key); }
  void operator()(const op::PutClockMark& o) const { disk.clock_mark = o.mark; }
  template <class Other>
  void operator()(const Other&) const {
    constexpr bool kChannelsPersistNothingElse = false;
    MOOT_CHECK(kChannelsPersistNothingElse);
  }
};
}  // namespace

void apply_to(ServerSnapshot& disk, MemoryKept& records, const op::Any& op) {
  std::visit(Applied{disk, records}, op);
}

}  // namespace moot
