#include "crypto/keccak.h"

#include <gtest/gtest.h>

#include <random>

#include "crypto/oracle_for_test.h"

namespace moot {
namespace {

KeccakState random_state(std::mt19937_64& random) {
  KeccakState state;
  for (std::uint64_t& word : state) word = random();
  return state;
}

template <int N>
void expect_lanes_agree(std::mt19937_64& random) {
  KeccakLanes<N> lanes;
  std::array<KeccakState, N> singles;
  for (int n = 0; n < N; ++n) {
    KeccakState& single = singles[static_cast<std::size_t>(n)];
    single = random_state(random);
    for (std::size_t i = 0; i < 25; ++i) lanes.lane(n)[i * N] = single[i];
  }
  keccak_permute(lanes);
  for (int n = 0; n < N; ++n) {
    KeccakState& single = singles[static_cast<std::size_t>(n)];
    keccak_permute_scalar(single);
    for (std::size_t i = 0; i < 25; ++i) {
      ASSERT_EQ(lanes.lane(n)[i * N], single[i]) << N << " lanes, lane " << n << ", word " << i;
    }
  }
}

TEST(Keccak, PermutesTheZeroStateAsPublished) {
  KeccakState state{};
  keccak_permute_scalar(state);
  EXPECT_EQ(state[0], 0xf1258f7940e1dde7);
  EXPECT_EQ(state[1], 0x84d5ccf933c0478a);
  EXPECT_EQ(state[24], 0xeaf1ff7b5ceca249);
}

TEST(Keccak, GivesTheSameOnEveryTargetAndInEveryLane) {
  on_every_target([](const std::string& target) {
    SCOPED_TRACE(target);
    std::mt19937_64 random(1600);
    for (int round = 0; round < 20; ++round) {
      KeccakState one = random_state(random);
      KeccakState expected = one;
      keccak_permute(one);
      keccak_permute_scalar(expected);
      ASSERT_EQ(one, expected);
      expect_lanes_agree<4>(random);
      expect_lanes_agree<8>(random);
    }
  });
}

TEST(Keccak, KnowsItsTargetsAndRefusesOthers) {
  EXPECT_FALSE(keccak_targets().empty());
  EXPECT_FALSE(keccak_use_target("no such target"));
  EXPECT_TRUE(keccak_use_target(""));
  on_every_target([](const std::string& target) {
    const int lanes = keccak_lanes();
    EXPECT_TRUE(lanes == 1 || lanes == 4 || lanes == 8) << target << " " << lanes;
  });
}

}  // namespace
}  // namespace moot
