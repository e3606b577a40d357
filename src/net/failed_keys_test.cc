#include "net/failed_keys.h"

#include <gtest/gtest.h>

#include "base/buffer.h"
#include "net/held_names.h"

namespace moot::net {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr Tick kHour{3'600'000};

Address v4(std::uint32_t n) {
  Address a;
  for (int i = 0; i < 4; ++i) {
    a.octets[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
  }
  return a;
}
Address v6(std::uint8_t net, std::uint8_t host) {
  Address a;
  a.v6 = true;
  a.octets[7] = net;
  a.octets[15] = host;
  return a;
}
FailedKeys::Claimed key(std::uint32_t n, std::string_view account = "ann") {
  Kid kid;
  for (std::size_t i = 0; i < 4; ++i) kid.octets[i] = static_cast<std::uint8_t>(n >> (8 * i));
  return {.account = *UserId::parse(account), .kid = kid};
}
FailedKeys::Claimed no_kid(std::string_view account) {
  return {.account = *UserId::parse(account), .kid = std::nullopt};
}

void fail_often(FailedKeys& keys, const Address& from, const FailedKeys::Claimed& k, Tick now) {
  for (std::uint32_t i = 0; i < FailedKeys::kFailuresMax; ++i) {
    EXPECT_FALSE(keys.held(from, k, now)) << i;
    keys.failed(from, k, now);
  }
}

TEST(FailedKeys, HoldsAKeyAfter20FailuresUntilTheHourIsOver) {
  FailedKeys keys(kSeed);
  fail_often(keys, v4(1), key(7), {0});
  EXPECT_TRUE(keys.held(v4(1), key(7), {0}));
  EXPECT_TRUE(keys.held(v4(1), key(7), {kHour.ms - 1}));
  EXPECT_FALSE(keys.held(v4(1), key(7), kHour));
  keys.failed(v4(1), key(7), kHour);
  EXPECT_FALSE(keys.held(v4(1), key(7), kHour)) << "an hour of its own begins";
}

TEST(FailedKeys, HoldsNoOtherSourceAndNoOtherKey) {
  FailedKeys keys(kSeed);
  fail_often(keys, v4(1), key(7), {0});
  EXPECT_FALSE(keys.held(v4(2), key(7), {0})) << "the owner comes from elsewhere";
  EXPECT_FALSE(keys.held(v4(1), key(8), {0}));
  EXPECT_FALSE(keys.held(v4(1), no_kid("ann"), {0}));
}

TEST(FailedKeys, AKidIsWhatItIsWhateverAccountIsNamedWithIt) {
  FailedKeys keys(kSeed);
  fail_often(keys, v4(1), key(7, "bob"), {0});
  EXPECT_TRUE(keys.held(v4(1), key(7, "ann"), {0}));
}

TEST(FailedKeys, WithoutAKidTheAccountIsCounted) {
  FailedKeys keys(kSeed);
  fail_often(keys, v4(1), no_kid("ann"), {0});
  EXPECT_TRUE(keys.held(v4(1), no_kid("ann"), {0}));
  EXPECT_FALSE(keys.held(v4(1), no_kid("bob"), {0}));
}

TEST(FailedKeys, OneSourceIsAnIpv6NetworkOfHosts) {
  FailedKeys keys(kSeed);
  fail_often(keys, v6(1, 1), key(7), {0});
  EXPECT_TRUE(keys.held(v6(1, 2), key(7), {0}));
  EXPECT_FALSE(keys.held(v6(2, 1), key(7), {0}));
  Address mapped{.octets = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 9}, .v6 = true};
  fail_often(keys, mapped, key(7), {0});
  EXPECT_TRUE(keys.held(v4(9), key(7), {0}));
}

TEST(FailedKeys, DO_04_ItsTablesAreBoundedAndForgetWhatFailedLongestAgo) {
  FailedKeys keys(kSeed);
  fail_often(keys, v4(1), key(1), {0});
  fail_often(keys, v4(1), key(2), {0});
  fail_often(keys, v6(1, 1), key(1), {0});
  for (std::uint32_t n = 0; n + 1 < FailedKeys::kPairsMax; ++n) keys.failed(v4(2), key(n), {0});
  EXPECT_EQ(keys.pairs(), FailedKeys::kPairsMax + 1);
  EXPECT_FALSE(keys.held(v4(1), key(1), {0})) << "the oldest was forgotten";
  EXPECT_TRUE(keys.held(v4(1), key(2), {0}));
  EXPECT_TRUE(keys.held(v6(1, 1), key(1), {0})) << "the other family has a table of its own";
}

CnnName name_of(std::uint64_t conn) {
  CnnName name;
  name.conn = {conn};
  return name;
}

TEST(HeldNames, WaitASecondInTheOrderInWhichTheyCame) {
  HeldNames held;
  EXPECT_FALSE(held.take(kHour));
  held.add(name_of(1), {0});
  held.add(name_of(2), {400});
  EXPECT_EQ(held.next_deadline(), Tick{1'000});
  EXPECT_FALSE(held.take({999}));
  EXPECT_EQ(held.take({1'000}).value().conn, ConnId{1});
  EXPECT_FALSE(held.take({1'399}));
  EXPECT_EQ(held.next_deadline(), Tick{1'400});
  EXPECT_EQ(held.take({1'500}).value().conn, ConnId{2});
  EXPECT_EQ(held.next_deadline(), HeldNames::kFar);
}

TEST(HeldNames, OfOneTooManyTheFirstHasWaitedEnough) {
  HeldNames held;
  for (std::uint64_t n = 0; n < HeldNames::kMax; ++n) held.add(name_of(n), {0});
  EXPECT_FALSE(held.take({0}));
  held.add(name_of(HeldNames::kMax), {0});
  EXPECT_EQ(held.take({0}).value().conn, ConnId{0});
  EXPECT_FALSE(held.take({0}));
}

}  // namespace
}  // namespace moot::net
