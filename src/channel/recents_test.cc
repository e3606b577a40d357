#include "channel/recents.h"

#include <gtest/gtest.h>

#include "model/limits.h"

namespace moot {
namespace {

RecordKey key(std::uint64_t n, std::uint8_t content = 1) {
  RecordKey k;
  put_be64(k.id.octets.data(), n);
  k.digest.octets[0] = content;
  return k;
}
ChannelId channel(std::uint8_t n) {
  ChannelId id;
  id.octets[0] = n;
  return id;
}

TEST(Recents, RemembersTheNewest1024OfAChannel) {
  Recents recents;
  for (std::uint64_t n = 0; n <= limits::kRecentPerChannel; ++n) {
    recents.add(channel(1), key(n), {});
  }
  recents.check_invariants();
  EXPECT_EQ(recents.size(channel(1)), limits::kRecentPerChannel);
  EXPECT_EQ(recents.find(channel(1), key(0)), nullptr);
  EXPECT_NE(recents.find(channel(1), key(1)), nullptr);
}

TEST(Recents, RemembersTheNewest65536OfAServer) {
  Recents recents;
  for (std::uint8_t c = 0; c < 65; ++c) {
    for (std::uint64_t n = 0; n < limits::kRecentPerChannel; ++n) {
      recents.add(channel(c), key(n), {});
    }
  }
  recents.check_invariants();
  EXPECT_EQ(recents.size(), limits::kRecentPerServer);
  EXPECT_EQ(recents.size(channel(0)), 0u);
  EXPECT_EQ(recents.size(channel(1)), limits::kRecentPerChannel);
}

TEST(Recents, WhatIsAddedAgainIsYoungAgain) {
  Recents recents;
  recents.add(channel(1), key(0), {});
  for (std::uint64_t n = 1; n <= limits::kRecentPerChannel; ++n) {
    if (n == limits::kRecentPerChannel) recents.add(channel(1), key(0), {});
    recents.add(channel(1), key(n), {});
  }
  EXPECT_NE(recents.find(channel(1), key(0)), nullptr);
  EXPECT_EQ(recents.find(channel(1), key(1)), nullptr);
}

TEST(Recents, KnowsOtherContentUnderAnId) {
  Recents recents;
  recents.add(channel(1), key(5, 1), {});
  EXPECT_FALSE(recents.other_content(channel(1), key(5, 1)));
  EXPECT_TRUE(recents.other_content(channel(1), key(5, 2)));
  EXPECT_FALSE(recents.other_content(channel(1), key(6, 2)));
  EXPECT_FALSE(recents.other_content(channel(2), key(5, 2)));
  recents.forget(channel(1));
  EXPECT_EQ(recents.size(), 0u);
  recents.check_invariants();
}

}  // namespace
}  // namespace moot
