#include "sim/plan.h"

#include <gtest/gtest.h>

namespace moot::sim {
namespace {

TEST(Plan, InACalmSeedNothingIsAmissAndNothingWasBefore) {
  for (std::uint64_t seed = 10; seed < 5'000; seed += 10) {
    const Plan p = Plan::of(seed, {});
    EXPECT_EQ(p.faults.bits, 0u) << seed;
    EXPECT_EQ(p.holes, 0) << seed;
    EXPECT_EQ(p.some_stay_dead, 0) << seed;
    EXPECT_FALSE(p.crowded) << seed;
  }
}

TEST(Plan, SessionsAndLateJoinersComeAsOftenAsIsSaid) {
  unsigned wire = 0;
  unsigned since_join = 0;
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    const Plan p = Plan::of(seed, {});
    wire += p.wire ? 1 : 0;
    since_join += p.since_join ? 1 : 0;
  }
  EXPECT_NEAR(wire, 500, 100);          // one in twenty
  EXPECT_NEAR(since_join, 1'500, 200);  // one in seven
}

}  // namespace
}  // namespace moot::sim
