// What the server counts of messages in flight, and the room that they and merges may take.
#include "channel/inflight.h"

#include <gtest/gtest.h>

#include <string>

#include "channel/routes.h"
#include "model/limits.h"

namespace moot {
namespace {

UserId user(int n) { return *UserId::parse("u" + std::to_string(n)); }
UserSet users(int from, int to) {
  UserSet all;
  for (int n = from; n < to; ++n) all.insert(user(n));
  return all;
}
StoredRecord record(std::uint64_t n, std::size_t bytes = 4) {
  StoredRecord r{.from = user(0), .msg = ByteBuf(bytes, 'x'), .stamp = {1}};
  put_be64(r.id.octets.data(), n);
  return r;
}

TEST(Inflight, CommitsWithAMajorityOfThoseAskedAndAtLeastTwo) {
  struct Case {
    int asked;
    std::uint64_t needed;
  };
  for (const auto& [asked, needed] :
       {Case{1, 2}, Case{2, 2}, Case{3, 2}, Case{4, 3}, Case{5, 3}, Case{10, 6}, Case{1000, 501}}) {
    Inflight m{.record = record(1)};
    m.ask(users(0, asked), Tick{});
    EXPECT_EQ(m.need(), needed) << asked;
  }
}

TEST(Inflight, CountsAUserOnceAndOnlyIfHeWasAsked) {
  Inflight m{.record = record(1)};
  m.ask(users(0, 3), Tick{});
  EXPECT_TRUE(m.acknowledge(user(0)));
  EXPECT_FALSE(m.acknowledge(user(0)));
  EXPECT_TRUE(m.acknowledge(user(7)));
  EXPECT_FALSE(m.has_quorum());
  // Asked now, his word of before counts.
  m.ask({user(0), user(1), user(7)}, Tick{1});
  EXPECT_TRUE(m.has_quorum());
}

TEST(Inflight, ListsTheLeaderAndTheAuthorFirstAndAtMost32) {
  Inflight m{.record = record(1)};
  m.record.from = user(50);
  m.ask(users(0, 90), Tick{});
  for (int n = 0; n < 90; ++n) m.acknowledge(user(n));
  const Acks acks = m.acks(user(70));
  ASSERT_EQ(acks.list.size(), limits::kAcksListedMax);
  EXPECT_EQ(acks.list[0], user(70));
  EXPECT_EQ(acks.list[1], user(50));
  EXPECT_EQ(acks.list[2], user(0));
  EXPECT_EQ(acks.n, 90u);
}

TEST(Inflight, WhoLeftDoesNotCountAnyMore) {
  Inflight m{.record = record(1)};
  m.ask(users(0, 5), Tick{});
  m.acknowledge(user(0));
  m.acknowledge(user(1));
  m.forget(user(1));
  EXPECT_EQ(m.need(), 2u);  // three of four
  m.forget(user(2));
  EXPECT_EQ(m.need(), 1u);  // two of three
  EXPECT_TRUE(m.can_reach(users(3, 4)));
  EXPECT_FALSE(m.can_reach({}));
}

TEST(InflightTable, HasRoomForSoManyMessagesAndOctets) {
  InflightTable table;
  for (std::uint64_t n = 0; n < limits::kInflightPerChannel; ++n) {
    ASSERT_FALSE(table.full(4));
    table.add({.record = record(n)});
  }
  EXPECT_TRUE(table.full(4));
  table.erase(record(7).id);
  EXPECT_FALSE(table.full(4));
  EXPECT_TRUE(table.full(limits::kInflightBytesPerChannel));
}

TEST(Routes, MergesTakeAtMostTheirRoomAndAKnownOneTakesNone) {
  Routes routes;
  std::uint64_t n = 0;
  while (routes.merge(user(0), record(n, 16'384))) ++n;
  EXPECT_EQ(n, limits::kMergeBytesPerChannel / 16'384);
  const Merge* again = routes.merge(user(1), record(3, 16'384));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->claimants.size(), 2u);
  routes.check_invariants();
  routes.clear();
  EXPECT_NE(routes.merge(user(0), record(n, 16'384)), nullptr);
}

TEST(Routes, SmallMergesAreBoundedByTheirNumber) {
  Routes routes;
  std::uint64_t n = 0;
  while (routes.merge(user(0), record(n, 1))) ++n;
  EXPECT_EQ(n, limits::kMergesPerChannel);
  routes.erase_merge(record(3, 1).key());
  EXPECT_NE(routes.merge(user(0), record(n, 1)), nullptr) << "a place is free again";
  EXPECT_EQ(routes.merge(user(0), record(n + 1, 1)), nullptr);
  routes.check_invariants();
}

}  // namespace
}  // namespace moot
