#include "server/rates.h"

#include <gtest/gtest.h>

namespace moot::server {
namespace {

using Class = RateMeter::Class;

TEST(RateMeter, LetsABurstThroughAndThenItsRate) {
  const Rates rates;
  RateMeter m;
  Tick now{0};
  for (int i = 0; i < 200; ++i) m.charge(now, rates, Class::plain, 1, 10);
  EXPECT_EQ(m.pause_until(now, rates), std::nullopt);
  m.charge(now, rates, Class::plain, 1, 10);
  EXPECT_EQ(m.pause_until(now, rates), Tick{50}) << "20 a second: one token in 50 ms";
  now = Tick{1050};
  EXPECT_EQ(m.pause_until(now, rates), std::nullopt);
  for (int i = 0; i < 20; ++i) m.charge(now, rates, Class::plain, 1, 10);
  EXPECT_EQ(m.pause_until(now, rates), std::nullopt);
  m.charge(now, rates, Class::plain, 1, 10);
  EXPECT_NE(m.pause_until(now, rates), std::nullopt);
}

TEST(RateMeter, CountsOctetsListsAndHandshakesApart) {
  const Rates rates;
  RateMeter octets;
  octets.charge(Tick{0}, rates, Class::plain, 1, rates.bytes_burst + rates.bytes_per_s);
  EXPECT_EQ(octets.pause_until(Tick{0}, rates), Tick{1000});
  for (const Class what : {Class::list, Class::handshake}) {
    RateMeter m;
    for (int i = 0; i < 10; ++i) m.charge(Tick{0}, rates, what, 1, 10);
    EXPECT_EQ(m.pause_until(Tick{0}, rates), std::nullopt);
    m.charge(Tick{0}, rates, what, 1, 10);
    EXPECT_EQ(m.pause_until(Tick{0}, rates), Tick{1000});
  }
}

TEST(RateMeter, CountsWhatOneMessageMakesOfItself) {
  const Rates rates;
  RateMeter m;
  m.fan_out(Tick{0}, rates, 1024, 64 * 1024 - kCopyOverhead);
  EXPECT_EQ(m.pause_until(Tick{0}, rates), std::nullopt) << "64 MiB at once";
  m.fan_out(Tick{0}, rates, 1024, 16 * 1024 - kCopyOverhead);
  EXPECT_EQ(m.pause_until(Tick{0}, rates), Tick{2000}) << "16 MiB more, 8 a second";
}

TEST(RateMeter, ZeroSwitchesAllOfThemOff) {
  Rates off;
  off.commands_per_s = 0;
  RateMeter m;
  for (int i = 0; i < 10'000; ++i) m.charge(Tick{0}, off, Class::list, 1, 1 << 20);
  m.fan_out(Tick{0}, off, 100'000, 1 << 20);
  EXPECT_EQ(m.pause_until(Tick{0}, off), std::nullopt);
}

TEST(RateMeter, StarvesWhoIsEmptyForAMinuteWithoutABreak) {
  const Rates rates;
  RateMeter m;
  Tick now{0};
  m.charge(now, rates, Class::plain, 201, 10);
  bool starved = false;
  while (now < Tick{70'000} && !starved) {
    const auto until = m.pause_until(now, rates);
    ASSERT_TRUE(until);
    starved = m.starved(now);
    now = *until;
    m.charge(now, rates, Class::plain, 20, 10);  // waited in the socket
  }
  EXPECT_TRUE(starved);
  EXPECT_GE(now, Tick{60'000});

  RateMeter calm;
  for (Tick t{0}; t < Tick{200'000}; t = t + Seconds{20}) {
    calm.charge(t, rates, Class::plain, t == Tick{0} ? 201 : 401, 10);
    calm.pause_until(t, rates);
    EXPECT_FALSE(calm.starved(t)) << "a burst now and then";
  }
}

}  // namespace
}  // namespace moot::server
