#include "sim/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace moot::sim {
namespace {

// A world whose disk begins a sync as soon as it may, and ends it when the test says so.
class SlowDisk : public ServerWorld {
 public:
  SlowDisk() : ghost_(devices_, kept_, kChannel, counters_) {
    server = std::make_unique<Server>(config(), *this, kept_, ghost_, counters_);
    ChannelSnapshot ops;
    ops.channel = {.id = kChannel, .name = "ops", .folded = "ops", .creator = user_id(0)};
    for (unsigned user = 0; user < 2; ++user) {
      server->disk.accounts.emplace_back().id = user_id(user);
      ops.members.push_back({user_id(user), user == 0 ? Role::owner : Role::none, {}});
    }
    server->disk.channels.push_back(ops);
    server->start(0);
    ghost_.connection(kOwner, 0);
    server->connected(0, kOwner, user_id(0));
    while (busy_) sync_ends();
  }

  void sync_ends() {
    busy_ = false;
    server->synced(0);
  }
  const ChannelSnapshot& ops() const { return server->disk.channels.at(0); }
  bool is_member(const UserId& user) const {
    return std::ranges::count(ops().members, user, &ChannelMember::user) > 0;
  }

  static constexpr ConnId kOwner{1};
  inline static const ChannelId kChannel = ChannelId::of(as_bytes("one channel here"));
  std::unique_ptr<Server> server;

 private:
  static ChannelsConfig config() {
    ChannelsConfig c;
    c.lobby = false;
    return c;
  }
  void to_client(ConnId, const Down&) override {}
  void close(ConnId) override {}
  Down keep(const s::Any& cmd) override { return std::make_shared<const Kept<s::Any>>(cmd); }
  void sync_server_disk() override {
    if (busy_) return;
    busy_ = true;
    server->sync_begins();
  }

  Ghost::Devices devices_;
  MemoryKept kept_;
  Counters counters_;
  Ghost ghost_;
  bool busy_ = false;
};

// mootd's store writes a step in one transaction, so a crash never shows a part of one: who was
// sent out is barred and no member, or neither.
TEST(SimulatedServer, ASyncHoldsWholeSteps) {
  SlowDisk w;
  const UserId out = user_id(1);
  w.server->step(0, SlowDisk::kOwner, c::ChKick{SlowDisk::kChannel, out});
  EXPECT_TRUE(w.is_member(out));
  EXPECT_TRUE(w.ops().barred.empty());
  w.sync_ends();
  w.server->stop(0);
  EXPECT_FALSE(w.is_member(out));
  EXPECT_EQ(w.ops().barred, std::vector{out});
  w.server->start(0);
  w.server->channels().check_invariants();
}

}  // namespace
}  // namespace moot::sim
