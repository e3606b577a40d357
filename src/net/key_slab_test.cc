#include "net/key_slab.h"

#include <gtest/gtest.h>

namespace moot::net {
namespace {

std::array<std::uint8_t, 32> key(std::size_t n) {
  std::array<std::uint8_t, 32> k{};
  put_be64(k.data(), n);
  return k;
}

TEST(KeySlab, SignsWithTheKeyThatWasPutHoweverOftenItsStatesWereForgotten) {
  KeySlab slab;
  const Bytes message = as_bytes("hello");
  std::vector<std::uint32_t> slots;
  const std::size_t n = 3 * KeySlab::kWarmMax;
  for (std::size_t i = 0; i < n; ++i) slots.push_back(slab.put(key(i)));
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(slab.mac(slots[i]).sign(message), MacKey(key(i)).sign(message)) << i;
      if (i % 100 == 0) slab.trim();
    }
  }
  slab.trim();
  slab.trim();
  EXPECT_LE(slab.warm(), KeySlab::kWarmMax);
}

TEST(KeySlab, AStateStaysWhereItIsUntilTheTurnIsOver) {
  KeySlab slab;
  std::vector<const MacKey*> states;
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; i < 2 * KeySlab::kWarmMax; ++i) {
    slots.push_back(slab.put(key(i)));
    states.push_back(&slab.mac(slots.back()));
  }
  for (std::size_t i = 0; i < slots.size(); ++i) ASSERT_EQ(&slab.mac(slots[i]), states[i]);
}

TEST(KeySlab, APlaceIsUsedAgainForAnotherKey) {
  KeySlab slab;
  const std::uint32_t a = slab.put(key(1));
  const Mac of_one = slab.mac(a).sign(as_bytes("x"));
  slab.drop(a);
  EXPECT_EQ(slab.warm(), 0u);
  const std::uint32_t b = slab.put(key(2));
  EXPECT_EQ(a, b);
  EXPECT_NE(slab.mac(b).sign(as_bytes("x")), of_one);
}

}  // namespace
}  // namespace moot::net
