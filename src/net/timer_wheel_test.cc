#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace moot::net {
namespace {

std::vector<std::uint64_t> told(TimerWheel& wheel, std::int64_t ms) {
  std::vector<std::uint64_t> due;
  wheel.advance({ms}, due);
  return due;
}

TEST(TimerWheel, TellsNothingEarlyAndEverythingWithinAGrain) {
  TimerWheel wheel({1'000'000});
  wheel.add({1'000'100}, 7);
  EXPECT_TRUE(told(wheel, 1'000'099).empty());
  EXPECT_EQ(told(wheel, 1'000'100 + TimerWheel::kGrain.count()), (std::vector<std::uint64_t>{7}));
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheel, ADeadlineInThePastIsTheNextThingTold) {
  TimerWheel wheel({5'000});
  wheel.add({10}, 1);
  EXPECT_LE(wheel.next().ms, 5'000 + 2 * TimerWheel::kGrain.count());
  EXPECT_EQ(told(wheel, 5'000 + 2 * TimerWheel::kGrain.count()).size(), 1u);
}

TEST(TimerWheel, HoldsDeadlinesBeyondATurnOfTheWheel) {
  TimerWheel wheel({0});
  wheel.add({190'000}, 3);
  std::size_t calls = 0;
  std::vector<std::uint64_t> due;
  for (Tick at = wheel.next(); due.empty(); at = wheel.next()) {
    ASSERT_LE(at.ms, 190'000 + TimerWheel::kGrain.count());
    ASSERT_LT(++calls, 10u);
    wheel.advance(at, due);
  }
  EXPECT_EQ(due, (std::vector<std::uint64_t>{3}));
}

TEST(TimerWheel, ALongPauseTellsAllThatIsDueOnce) {
  TimerWheel wheel({0});
  for (std::uint64_t i = 0; i < 1'000; ++i) wheel.add({static_cast<std::int64_t>(i) * 997}, i);
  EXPECT_EQ(told(wheel, 10'000'000).size(), 1'000u);
  EXPECT_TRUE(told(wheel, 20'000'000).empty());
}

TEST(TimerWheel, AgreesWithASortedMapOverRandomSteps) {
  std::mt19937_64 rng(20260101);
  TimerWheel wheel({50'000});
  std::multimap<std::int64_t, std::uint64_t> model;
  std::int64_t now = 50'000;
  std::uint64_t id = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (rng() % 3 != 0) {
      const std::int64_t at =
          now + static_cast<std::int64_t>(rng() % (rng() % 8 == 0 ? 300'000 : 900));
      wheel.add({at}, ++id);
      model.emplace(at, id);
      continue;
    }
    now += static_cast<std::int64_t>(rng() % (rng() % 50 == 0 ? 200'000 : 60));
    for (const std::uint64_t got : told(wheel, now)) {
      const auto it = std::find_if(model.begin(), model.end(),
                                   [got](const auto& e) { return e.second == got; });
      ASSERT_NE(it, model.end());
      ASSERT_LE(it->first, now);
      model.erase(it);
    }
    if (!model.empty()) {
      ASSERT_GT(model.begin()->first + TimerWheel::kGrain.count(), now);
      ASSERT_LE(wheel.next().ms, model.begin()->first + TimerWheel::kGrain.count());
    }
    ASSERT_EQ(wheel.size(), model.size());
  }
}

}  // namespace
}  // namespace moot::net
