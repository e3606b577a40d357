#include "sim/ghost.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "channel/record.h"

namespace moot::sim {
namespace {

// A checker that is told what a server did, rightly or not: connection n is user n - 1's.
class GhostOf : public testing::Test {
 protected:
  static constexpr unsigned kUsers = 7;
  inline static const ChannelId kChannel = ChannelId::of(as_bytes("one channel here"));

  GhostOf() : ghost(devices_, kept_, kChannel, counters_) {
    for (unsigned user = 0; user < kUsers; ++user) {
      devices_.push_back(std::make_unique<Device>());
      devices_.back()->user = user;
      devices_.back()->forger = true;  // what it acknowledges is not looked for on its disk
      ghost.connection(ConnId{user + 1}, user);
    }
  }

  void begin(History history, UnixMs last_joined = {}) {
    ServerSnapshot disk;
    ChannelSnapshot ops;
    ops.channel = {.id = kChannel, .name = "ops", .folded = "ops", .history = history};
    for (unsigned user = 0; user < kUsers; ++user) {
      const UnixMs joined = user + 1 == kUsers ? last_joined : UnixMs{};
      ops.members.push_back({user_id(user), Role::none, joined});
    }
    disk.channels.push_back(ops);
    ghost.begins(disk);
  }
  // u0 says `body`, and it is relayed to the first `users` of them.
  void says(std::string_view body, unsigned users) {
    body_ = body;
    const c::ChMsg said{.id = kChannel, .msg_id = id_, .msg = as_bytes(body_)};
    ghost.handles(0, ConnId{1}, said);
    relayed("CH_MSG", users);
  }
  void relayed(std::string_view because, unsigned users) {
    const s::ChMsg msg{.id = kChannel,
                       .msg_id = id_,
                       .msg = as_bytes(body_),
                       .from = user_id(0),
                       .sent = id_.time().ms,
                       .stamp = as_bytes("stamp")};
    std::vector<ConnId> to;
    for (unsigned user = 0; user < users; ++user) to.push_back(ConnId{user + 1});
    ghost.decides(0, {{}, because, ++step_}, to, msg);
  }
  // The server counts on the first `asked` users, of whom the first `acked` acknowledged.
  void commits(unsigned asked, unsigned acked) {
    const Digest digest = record_digest(kChannel, id_, user_id(0), as_bytes(body_));
    const ConnId leader{1};
    ghost.decides(0, {leader, "CH_LEAD", ++step_}, Conns(&leader, 1),
                  s::ChElected{.election = 1, .leader = user_id(0), .id = kChannel, .you = true});
    std::vector<UserId> users;
    for (unsigned user = 0; user < asked; ++user) users.push_back(user_id(user));
    ghost.asked({id_, digest}, users);
    users.resize(acked);
    ghost.decides(0, {leader, "CH_COMMIT", ++step_}, Conns(&leader, 1),
                  s::ChMsgCommit{.id = id_,
                                 .acks = users,
                                 .channel = kChannel,
                                 .election = 1,
                                 .digest = digest,
                                 .acks_n = users.size()});
  }
  std::string broken() const { return ghost.failure() ? ghost.failure()->invariant : ""; }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
  MemoryKept kept_;
  Counters counters_;
  MsgId id_ = MsgId::make({NodeClock::kWallStart}, std::array<std::uint8_t, 10>{});
  std::string body_;
  std::uint64_t step_ = 0;

 protected:
  Ghost ghost;
};

TEST_F(GhostOf, WhoWasAskedAnewMakesTheQuorum) {
  begin(History::all);
  says("hello", 3);
  relayed("", 5);  // three could not answer
  commits(5, 3);
  EXPECT_EQ(broken(), "");
}

TEST_F(GhostOf, TwoOfFiveAskedAnewAreNone) {
  begin(History::all);
  says("hello", 3);
  relayed("", 5);
  commits(5, 2);
  EXPECT_EQ(broken(), "S3");
}

TEST_F(GhostOf, WhoWasNeverSentItIsNotAsked) {
  begin(History::all);
  says("hello", 3);
  relayed("", 4);
  commits(5, 3);
  EXPECT_EQ(broken(), "S3");
}

TEST_F(GhostOf, WhoJoinedLateIsSentWhatIsTwoMinutesOlder) {
  begin(History::since_join, {NodeClock::kWallStart + 120'000});
  says("hello", kUsers);
  EXPECT_EQ(broken(), "");
}

TEST_F(GhostOf, AndNothingFromBefore) {
  begin(History::since_join, {NodeClock::kWallStart + 120'001});
  says("hello", kUsers);
  EXPECT_EQ(broken(), "S9");
}

TEST_F(GhostOf, UnlessHistoryIsForAll) {
  begin(History::all, {NodeClock::kWallStart + 120'001});
  says("hello", kUsers);
  EXPECT_EQ(broken(), "");
}

}  // namespace
}  // namespace moot::sim
