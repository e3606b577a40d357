#include "channel/pending.h"

#include <gtest/gtest.h>

#include "channel/test_records.h"

namespace moot {
namespace {
using test::record;

TEST(Pending, IsFullByNumberOrByOctets) {
  PendingSet set({});
  EXPECT_FALSE(set.full(limits::kPendingBytes));
  EXPECT_TRUE(set.full(limits::kPendingBytes + 1));
  set.add(record(1), false, {});
  EXPECT_TRUE(set.full(limits::kPendingBytes));
  set.erase(record(1).key());
  EXPECT_FALSE(set.full(limits::kPendingBytes));
}

TEST(Pending, WhatWasLoadedMayHaveBeenSent) {
  PendingSet set({PendingRow{record(1), true}});
  const PendingEntry* entry = set.find(record(1).key());
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->own);
  EXPECT_FALSE(entry->id_is_free());
  EXPECT_EQ(entry->ticket, Ticket{});
}

TEST(Pending, AnIdIsFreeWhileEveryTransmissionWasRefused) {
  PendingSet set({});
  PendingEntry& entry = set.add(record(1), true, {});
  EXPECT_TRUE(entry.id_is_free());
  entry.sent = 1;
  EXPECT_FALSE(entry.id_is_free());
  entry.refused = 1;
  EXPECT_TRUE(entry.id_is_free());
  entry.sent = 2;
  set.forget_tries(true);
  entry.refused = 2;
  EXPECT_FALSE(entry.id_is_free());
}

TEST(Pending, IsDueInTheOrderOfTime) {
  PendingSet set({});
  set.schedule(set.add(record(1), false, {}), Tick{30});
  set.schedule(set.add(record(2), false, {}), Tick{10});
  PendingEntry& third = set.add(record(3), false, {});
  set.schedule(third, Tick{5});
  set.schedule(third, Tick{20});
  EXPECT_EQ(set.next_due(), Tick{10});
  EXPECT_EQ(set.due(Tick{20}, 9), (std::vector{record(2).key(), record(3).key()}));
  EXPECT_EQ(set.due(Tick{20}, 1).size(), 1u);
  set.check_invariants();
  set.erase(record(2).key());
  set.forget_tries(false);
  EXPECT_EQ(set.next_due(), std::nullopt);
  set.check_invariants();
}

TEST(Pending, KnowsAnotherContentOfAnId) {
  PendingSet set({});
  set.add(record(1, "a"), false, {});
  EXPECT_FALSE(set.contains_other(record(1, "a").key()));
  EXPECT_TRUE(set.contains_other(record(1, "b").key()));
  EXPECT_FALSE(set.contains_other(record(2, "b").key()));
}

}  // namespace
}  // namespace moot
