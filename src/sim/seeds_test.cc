// Runs that failed once, whole. What they found has tests of its own where a core was to blame;
// where the checker was, this is the test.
#include <gtest/gtest.h>

#include "sim/world.h"

namespace moot::sim {
namespace {

class Seed : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Seed, HoldsAllInvariants) {
  Options options;
  options.seed = GetParam();
  const Outcome outcome = World(options).run();
  if (outcome.failure) {
    FAIL() << outcome.failure->invariant << ": " << outcome.failure->what;
  }
}

// Rest was said to have begun while a connection of a device whose disk was wiped still had
// hundreds of its commands to bring.
INSTANTIATE_TEST_SUITE_P(RestBeginsWithNothingUnderWay, Seed, testing::Values(1846, 5452, 13454));
// Histories were equal while the leader had 256 records to decide on, of a member who left.
INSTANTIATE_TEST_SUITE_P(RestBeginsWithNothingToDecide, Seed, testing::Values(18384));
// A clock that was set back over a full second never reached the time its timer had been set to.
INSTANTIATE_TEST_SUITE_P(ATimerEndsThoughItsClockIsSlow, Seed, testing::Values(79426));
// A message was said under a wrong clock in the moment in which the faults stopped.
INSTANTIATE_TEST_SUITE_P(WhatWaitsForTheClockNeedBeOnNoDisk, Seed, testing::Values(98885));
// Records that nobody but the leader still had, of a member who left, were no difference.
INSTANTIATE_TEST_SUITE_P(WhatALeaderDecidesOnIsWork, Seed, testing::Values(18709));
// A member was removed and, a minute behind, went on proposing what he had in doubt: allowed for
// members only.
INSTANTIATE_TEST_SUITE_P(WhoHasNotHeardThatHeIsOutProposes, Seed, testing::Values(4242));
// One who merged was told of a recent commit alone, and took it for the leader's, who came later.
INSTANTIATE_TEST_SUITE_P(WhatOneIsToldTheLeaderIs, Seed, testing::Values(5151));
// A leader proposed a claim that he had proposed two seconds before as in doubt.
INSTANTIATE_TEST_SUITE_P(AClaimInDoubtIsProposedOnce, Seed, testing::Values(9635));
// Two members retried for ever what nobody else may see, who all joined later.
INSTANTIATE_TEST_SUITE_P(WhatTooFewMaySeeIsTriedInVain, Seed, testing::Values(3369));

}  // namespace
}  // namespace moot::sim
