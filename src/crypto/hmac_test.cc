#include "crypto/hmac.h"

#include <gtest/gtest.h>

#include <new>
#include <type_traits>
#include <utility>

#include "base/hex.h"
#include "crypto/oracle_for_test.h"

namespace moot {
namespace {

using Key = std::array<std::uint8_t, kMacKeyBytes>;

Key key_for_test(std::uint32_t seed) {
  Key key;
  const ByteBuf octets = octets_for_test(key.size(), seed);
  std::copy(octets.begin(), octets.end(), key.begin());
  return key;
}

static_assert(std::is_constructible_v<MacKey, const Key&>);
static_assert(!std::is_constructible_v<MacKey, const std::array<std::uint8_t, 31>&>);
static_assert(!std::is_constructible_v<MacKey, const std::array<std::uint8_t, 33>&>);
static_assert(!std::is_constructible_v<MacKey, const ByteBuf&>);
static_assert(!std::is_constructible_v<MacKey, Bytes>);
static_assert(!std::is_copy_constructible_v<MacKey> && !std::is_copy_assignable_v<MacKey>);
static_assert(std::is_nothrow_move_constructible_v<MacKey>);

struct Vector {
  const char* key;
  const char* payload;
  const char* sig;
};

// Three of the protocol's vectors: an empty map, a CNN, the zero key.
constexpr Vector kVectors[] = {
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "80",
     "0263978980c092741a4d3500c90f98536cafed35988941f01d0857b58b434af0fb9117503727fbb7"
     "e6070329565c8b29b349292572d12b5845a43422f38c7927"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "88a3636d64a3434e4ea3646972a163a56e6f6e6365cfd1344ec6e9347709a974696d657374616d70"
     "ce657bf559a26964a5616c696365a36b6964c4088081828384858687a3737276ac6d6f6f742e6578"
     "616d706c65a46368616cc410404142434445464748494a4b4c4d4e4f",
     "91654bc19d1cf2957bc142b4d94e58c23fe084334d8fbc3dd59601c911b8ae9fea7c23a17aa462c4"
     "bf2b764624d15ba186f11319843b069fea899d0a8d81a058"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "80",
     "8c3646a0e8f9616d15a5a835d44c0dd84c7d236620227b3e612ad761c9e29652dec9bcb218cf62a0"
     "03a420c7d50808448b78b614322dc9210c699e8630489df0"},
};

TEST(Hmac, SignsTheVectorsOfTheProtocol) {
  for (const Vector& vector : kVectors) {
    Key key;
    ASSERT_TRUE(unhex_into(vector.key, key));
    const std::optional<ByteBuf> payload = unhex(vector.payload);
    ASSERT_TRUE(payload);
    EXPECT_EQ(hex(MacKey(key).sign(*payload)), vector.sig);
  }
}

TEST(Hmac, AgreesWithOpensslAtEveryLengthOnEveryTarget) {
  const ByteBuf octets = octets_for_test(1000, 1);
  on_every_target([&](const std::string& target) {
    for (std::size_t size = 0; size <= octets.size(); ++size) {
      const Key key = key_for_test(static_cast<std::uint32_t>(size));
      const Bytes message = Bytes(octets).first(size);
      ASSERT_EQ(buf(MacKey(key).sign(message)), openssl_hmac("SHA3-512", key, message))
          << target << " " << size;
    }
  });
}

TEST(Hmac, SignsTwoPartsAsTheirConcatenation) {
  const MacKey key(key_for_test(2));
  for (const std::size_t size : {0u, 1u, 71u, 72u, 73u, 143u, 144u, 145u, 300u}) {
    const ByteBuf octets = octets_for_test(size, 3);
    const Mac whole = key.sign(octets);
    for (std::size_t split = 0; split <= size; ++split) {
      ASSERT_EQ(key.sign(Bytes(octets).first(split), Bytes(octets).subspan(split)), whole)
          << size << " split at " << split;
    }
  }
}

TEST(Hmac, AgreesWithOpensslForStampsAtEveryLengthAndInParts) {
  const ByteBuf octets = octets_for_test(1000, 4);
  const Key key = key_for_test(5);
  for (std::size_t size = 0; size <= octets.size(); ++size) {
    const Bytes message = Bytes(octets).first(size);
    const ByteBuf expected = openssl_hmac("SHA3-256", key, message);
    ASSERT_EQ(buf(hmac_sha3_256(key, {message})), expected) << size;
    const std::size_t a = size / 3;
    const std::size_t b = size / 2;
    ASSERT_EQ(
        buf(hmac_sha3_256(key, {message.first(a), message.subspan(a, b - a), message.subspan(b)})),
        expected)
        << size;
  }
}

TEST(Hmac, SignsTheSameAfterAMove) {
  const ByteBuf message = octets_for_test(100, 6);
  MacKey first(key_for_test(7));
  const Mac mac = first.sign(message);
  MacKey second(std::move(first));
  EXPECT_EQ(second.sign(message), mac);
  MacKey third(key_for_test(8));
  EXPECT_NE(third.sign(message), mac);
  third = std::move(second);
  EXPECT_EQ(third.sign(message), mac);
}

TEST(HmacDeathTest, DiesRatherThanSignWithAKeyThatWasMovedAway) {
  MacKey from(key_for_test(9));
  const MacKey to(std::move(from));
  EXPECT_DEATH(static_cast<void>(from.sign({})), "keyed_");  // NOLINT(bugprone-use-after-move)
}

TEST(Hmac, LeavesNothingOfTheKeyBehind) {
  alignas(MacKey) std::array<std::uint8_t, sizeof(MacKey)> place;
  const auto words_set = [&] {
    std::size_t count = 0;  // the two states are the first 400 octets
    for (std::size_t i = 0; i < 400; i += 8) count += load_le64(place.data() + i) != 0;
    return count;
  };
  auto* destroyed = new (place.data()) MacKey(key_for_test(10));
  EXPECT_EQ(words_set(), 50u);
  destroyed->~MacKey();
  EXPECT_EQ(words_set(), 0u);

  auto* moved = new (place.data()) MacKey(key_for_test(10));
  const MacKey to(std::move(*moved));
  EXPECT_EQ(words_set(), 0u);
  moved->~MacKey();
}

TEST(EqualCt, SeesEachFlippedBit) {
  const Mac mac = MacKey(key_for_test(11)).sign({});
  EXPECT_TRUE(equal_ct(mac, Mac(mac)));
  for (std::size_t bit = 0; bit < 8 * mac.size(); ++bit) {
    Mac other = mac;
    other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_FALSE(equal_ct(mac, other)) << bit;
    EXPECT_FALSE(equal_ct(std::span<const std::uint8_t, 64>(other), mac)) << bit;
  }
  EXPECT_FALSE(equal_ct(std::array<std::uint8_t, 2>{1, 2}, std::array<std::uint8_t, 2>{1, 3}));
}

}  // namespace
}  // namespace moot
