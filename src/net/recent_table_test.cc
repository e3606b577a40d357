#include "net/recent_table.h"

#include <gtest/gtest.h>

namespace moot::net {
namespace {

using Table = RecentTable<std::uint64_t, int>;

bool may_go(int value) { return value >= 0; }

TEST(RecentTable, TheLeastRecentThatMayGoGoes) {
  Table t(3, 7);
  t.touch(1, may_go) = -1;
  t.touch(2, may_go);
  t.touch(3, may_go);
  t.touch(2, may_go);
  t.touch(4, may_go);
  EXPECT_NE(t.find(1), nullptr);
  EXPECT_NE(t.find(2), nullptr);
  EXPECT_EQ(t.find(3), nullptr);
  EXPECT_NE(t.find(4), nullptr);
}

TEST(RecentTable, WhereAFewStepsFindNoneTheLeastRecentGoes) {
  constexpr std::uint64_t kMany = 100;
  Table t(kMany, 7);
  for (std::uint64_t n = 0; n < kMany; ++n) t.touch(n, may_go) = -1;
  t.touch(kMany, may_go);
  EXPECT_EQ(t.size(), kMany);
  EXPECT_EQ(t.find(0), nullptr);
  for (std::uint64_t n = 1; n <= kMany; ++n) EXPECT_NE(t.find(n), nullptr) << n;
}

}  // namespace
}  // namespace moot::net
