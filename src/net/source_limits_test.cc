#include "net/source_limits.h"

#include <gtest/gtest.h>

namespace moot::net {
namespace {

using Fault = SourceLimits::Fault;

Address v4(std::uint32_t n) {
  Address a;
  for (std::size_t i = 0; i < 4; ++i) a.octets[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
  return a;
}
constexpr std::uint64_t kSeed = 7;
constexpr std::uint32_t kLucky = 99;  // never dropped early below 256

TEST(SourceLimits, CountsLiveConnectionsOfOneAddress) {
  SourceLimits limits({.live_max = 2, .new_per_10min = 0}, kSeed);
  EXPECT_TRUE(limits.admit(v4(1), {0}, kLucky));
  EXPECT_TRUE(limits.admit(v4(1), {0}, kLucky));
  EXPECT_FALSE(limits.admit(v4(1), {0}, kLucky));
  EXPECT_TRUE(limits.admit(v4(2), {0}, kLucky)) << "another address is another source";
  limits.settled(v4(1), {0}, Fault::none);
  EXPECT_TRUE(limits.admit(v4(1), {0}, kLucky));
}

TEST(SourceLimits, CountsNewConnectionsInTenMinutes) {
  SourceLimits limits({.live_max = 0, .new_per_10min = 3}, kSeed);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(limits.admit(v4(1), {0}, kLucky));
    limits.settled(v4(1), {0}, Fault::none);
  }
  EXPECT_FALSE(limits.admit(v4(1), {599'999}, kLucky));
  EXPECT_TRUE(limits.admit(v4(1), {600'000}, kLucky));
}

TEST(SourceLimits, AnIpv6SourceIsItsFirst64Bits) {
  SourceLimits limits({.live_max = 1, .new_per_10min = 0}, kSeed);
  Address a{.octets = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1}, .v6 = true};
  Address b = a;
  b.octets[15] = 9;
  EXPECT_TRUE(limits.admit(a, {0}, kLucky));
  EXPECT_FALSE(limits.admit(b, {0}, kLucky));
  b.octets[7] = 2;
  EXPECT_TRUE(limits.admit(b, {0}, kLucky));
}

TEST(SourceLimits, PenaltiesAddUpAndBiteFromFifteenSeconds) {
  SourceLimits limits({.live_max = 0, .new_per_10min = 0}, kSeed);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(limits.admit(v4(1), {0}, kLucky));
    limits.settled(v4(1), {0}, Fault::auth_failure);
  }
  ASSERT_TRUE(limits.admit(v4(1), {0}, kLucky)) << "10 s do not bite";
  limits.settled(v4(1), {0}, Fault::auth_failure);
  EXPECT_FALSE(limits.admit(v4(1), {0}, kLucky));
  EXPECT_TRUE(limits.admit(v4(1), {1}, kLucky));
}

TEST(SourceLimits, PenaltiesEndAfterTenMinutes) {
  SourceLimits limits({.live_max = 0, .new_per_10min = 0}, kSeed);
  for (int i = 0; i < 1'000; ++i) limits.settled(v4(1), {0}, Fault::protocol_error);
  EXPECT_FALSE(limits.admit(v4(1), {585'000}, kLucky));
  EXPECT_TRUE(limits.admit(v4(1), {585'001}, kLucky));
}

TEST(SourceLimits, DO_03_DropsNewcomersEarlyFrom64UnknownConnections) {
  SourceLimits limits({.live_max = 0, .new_per_10min = 0}, kSeed);
  for (std::uint32_t i = 0; i < 64; ++i) ASSERT_TRUE(limits.admit(v4(i), {0}, 0));
  EXPECT_FALSE(limits.admit(v4(100), {0}, 29));
  EXPECT_TRUE(limits.admit(v4(101), {0}, 30));
  for (std::uint32_t i = 200; i < 391; ++i) ASSERT_TRUE(limits.admit(v4(i), {0}, kLucky));
  EXPECT_EQ(limits.unknown(), 256u);
  EXPECT_FALSE(limits.admit(v4(1'000), {0}, kLucky));
}

TEST(SourceLimits, ExemptNetworksAreNeverCounted) {
  SourceLimits limits(
      {.live_max = 1, .new_per_10min = 1, .exempt = {*parse_network("127.0.0.0/8")}}, kSeed);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(limits.admit(v4(0x7f000001), {0}, 0));
    limits.settled(v4(0x7f000001), {0}, Fault::protocol_error);
  }
  EXPECT_EQ(limits.sources(), 0u);
}

TEST(SourceLimits, DO_04_ItsTablesAreBoundedAndKeepWhatIsRecent) {
  SourceLimits limits({.live_max = 0, .new_per_10min = 0}, kSeed);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    limits.settled(v4(i), {0}, Fault::protocol_error);
    limits.settled(v4(i), {0}, Fault::protocol_error);
  }
  EXPECT_EQ(limits.sources(), SourceLimits::kSourcesMax);
  EXPECT_FALSE(limits.admit(v4(99'999), {0}, kLucky));
  EXPECT_TRUE(limits.admit(v4(0), {0}, kLucky)) << "the oldest was forgotten";
}

TEST(SourceLimits, ReadsNetworks) {
  EXPECT_TRUE(parse_network("10.0.0.0/8")->holds(v4(0x0a010203)));
  EXPECT_FALSE(parse_network("10.0.0.0/8")->holds(v4(0x0b010203)));
  EXPECT_TRUE(parse_network("0.0.0.0/0")->holds(v4(7)));
  EXPECT_EQ(parse_network("::1")->prefix, 128u);
  for (const char* bad :
       {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "::1/129", "localhost", "1.2.3.4/8x"}) {
    EXPECT_FALSE(parse_network(bad)) << bad;
  }
}

TEST(SourceLimits, AnIpv4AddressInIpv6ClothesIsTheSameSource) {
  Address mapped{.octets = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, .v6 = true};
  EXPECT_EQ(plain_v4(mapped), v4(0x7f000001));
  EXPECT_TRUE(plain_v4(mapped).loopback());
}

}  // namespace
}  // namespace moot::net
