#include "net/store_watch.h"

#include <gtest/gtest.h>

namespace moot::net {
namespace {

constexpr Millis kPatience{5'000};
constexpr Tick at(std::int64_t ms) { return Tick{ms}; }

TEST(StoreWatch, WhatBeganToWaitJustNowIsNotSlowHoweverLongNothingWaited) {
  StoreWatch w;
  EXPECT_FALSE(w.slow(at(60'000), kPatience));
  w.turn(at(60'000), Ticket{0}, false);  // the first turn of a server, long after the machine's
  EXPECT_FALSE(w.slow(at(60'001), kPatience));
  w.turn(at(60'010), Ticket{3}, true);
  w.turn(at(200'000), Ticket{3}, false);
  EXPECT_FALSE(w.slow(at(205'000), kPatience));
  EXPECT_TRUE(w.slow(at(205'001), kPatience));
}

TEST(StoreWatch, EveryCommitBeginsThePatienceAnew) {
  StoreWatch w;
  w.turn(at(0), Ticket{0}, false);
  w.turn(at(4'000), Ticket{1}, false);
  EXPECT_FALSE(w.slow(at(9'000), kPatience));
  w.turn(at(8'000), Ticket{1}, false);
  EXPECT_TRUE(w.slow(at(9'001), kPatience));
  w.turn(at(9'002), Ticket{2}, true);
  EXPECT_FALSE(w.slow(at(99'000), kPatience));
}

}  // namespace
}  // namespace moot::net
