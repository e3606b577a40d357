// A device in many channels asks no faster than the server counts (protocol.md 10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "client/peer_for_test.h"

namespace moot::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Pace, SoManyAtOnceThenOneASecond) {
  Pace pace;
  const Tick start{5'000'000};
  for (unsigned i = 0; i < Pace::kAtOnce; ++i) {
    EXPECT_LE(pace.next(), start);
    pace.spend(start);
  }
  EXPECT_EQ(pace.next(), start + Millis{1'000});
  pace.spend(start + Millis{1'000});
  EXPECT_EQ(pace.next(), start + Millis{2'000});
  pace.spend(start + Millis{1'000});  // by the user: he did not wait
  EXPECT_EQ(pace.next(), start + Millis{3'000});
  pace.restart();
  EXPECT_LE(pace.next(), start);
}

// A member of many channels that the server keeps.
class ManyChannels : public testing::Test {
 protected:
  static constexpr unsigned kChannels = 30;
  static ChannelId id(unsigned n) { return ChannelId::make({n}, std::array<std::uint8_t, 10>{}); }
  static std::string name(unsigned n) { return "c" + std::to_string(n); }

  void tell_of_all() {
    for (unsigned n = 1; n <= kChannels; ++n) {
      const std::string called = name(n);
      s::ChStatus status;
      status.id = id(n);
      status.name = Name{called};
      status.status = ChannelStatus::server;
      status.keeper = Keeper::server;
      status.leader = server_user();
      status.min = 1;
      status.election = 1 << 20;
      status.members = people_;
      status.online = people_;
      status.now = w.now().wall.ms;
      w.from_server(status);
    }
  }
  void elect_all() {
    for (unsigned n = 1; n <= kChannels; ++n) {
      w.from_server(s::ChElected{.election = 1 << 20 | 1, .leader = server_user(), .id = id(n)});
    }
  }
  // The channels whose pulls came, in their order.
  std::vector<std::string> pulled() {
    std::vector<std::string> out;
    for (const std::string& line : w.heard()) {
      if (!line.starts_with("CH_PULL")) continue;
      for (unsigned n = 1; n <= kChannels; ++n) {
        if (line.find(moot::text(id(n))) != std::string::npos) out.push_back(name(n));
      }
    }
    return out;
  }
  // The server has nothing new there.
  void answer(const std::vector<std::string>& names) {
    for (unsigned n = 1; n <= kChannels; ++n) {
      if (std::ranges::find(names, name(n)) == names.end()) continue;
      w.from_server(s::ChAppend{.id = id(n), .req = 1});
    }
  }
  template <class F>
  void act(F work) {
    w.on_channels([&](Channels& c) {
      work(c);
      return true;
    });
  }

  const std::vector<UserId> people_{user("ada"), user("bob")};
  World w;
};

TEST_F(ManyChannels, ArePulledAsFastAsTheServerCountsAndNoFaster) {
  w.open();
  tell_of_all();
  act([](Channels& c) { c.attach_all(); });
  w.commit();
  pulled();
  elect_all();
  const std::vector<std::string> first = pulled();
  std::size_t all = first.size();
  EXPECT_EQ(all, Pace::kAtOnce);
  answer(first);
  w.pass(Millis{900});
  EXPECT_THAT(pulled(), IsEmpty());
  for (unsigned s = 0; all < kChannels && s < 60; ++s) {
    w.pass(Millis{1'000});
    const std::vector<std::string> next = pulled();
    EXPECT_THAT(next, SizeIs(1)) << "after " << s << " s";
    all += next.size();
    answer(next);
  }
  EXPECT_EQ(all, kChannels);
  w.pass(Millis{30'000});
  EXPECT_THAT(pulled(), IsEmpty()) << "each once: no question that waited was late";
}

TEST_F(ManyChannels, ThoseThatSomebodyLooksAtComeFirst) {
  w.open();
  tell_of_all();
  act([](Channels& c) { c.attach_all(); });
  w.commit();
  elect_all();
  EXPECT_THAT(pulled(), SizeIs(Pace::kAtOnce));
  act([](Channels& c) { c.mark_read("c30", 1); });
  act([](Channels& c) { EXPECT_TRUE(c.post("c29", "is anybody here?")); });
  w.pass(Millis{1'000});
  EXPECT_THAT(pulled(), ElementsAre("c29"));
  w.pass(Millis{1'000});
  EXPECT_THAT(pulled(), ElementsAre("c30"));
}

TEST_F(ManyChannels, WhatWaitsIsForgottenWithItsConnection) {
  w.open();
  tell_of_all();
  act([](Channels& c) { c.attach_all(); });
  w.commit();
  elect_all();
  pulled();
  w.lose();
  w.pass(Millis{2'000});
  w.open();
  EXPECT_THAT(pulled(), IsEmpty()) << "nothing is known of this connection yet";
  tell_of_all();
  elect_all();
  EXPECT_THAT(pulled(), SizeIs(Pace::kAtOnce)) << "the server counts anew";
}

}  // namespace
}  // namespace moot::client
