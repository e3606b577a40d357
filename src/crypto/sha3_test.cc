#include "crypto/sha3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/hex.h"
#include "crypto/oracle_for_test.h"

namespace moot {
namespace {

constexpr std::size_t kOctetsMax = 1000;

TEST(Sha3, HashesTheEmptyMessageAsPublished) {
  EXPECT_EQ(hex(sha3_256({})), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
  EXPECT_EQ(hex(sha3_512({})),
            "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"
            "15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26");
}

TEST(Sha3, AgreesWithOpensslAtEveryLengthOnEveryTarget) {
  const ByteBuf octets = octets_for_test(kOctetsMax, 1);
  on_every_target([&](const std::string& target) {
    for (std::size_t size = 0; size <= kOctetsMax; ++size) {
      const Bytes message = Bytes(octets).first(size);
      ASSERT_EQ(buf(sha3_256(message)), openssl_digest(EVP_sha3_256(), message))
          << target << " " << size;
      ASSERT_EQ(buf(sha3_512(message)), openssl_digest(EVP_sha3_512(), message))
          << target << " " << size;
    }
  });
}

template <class Hash>
typename Hash::Digest hash_in_two(Bytes message, std::size_t split) {
  Hash hash;
  hash.update(message.first(split));
  hash.update(message.subspan(split));
  return hash.finish();
}

TEST(Sha3, HashesTheSameSplitAtEachOffset) {
  const ByteBuf octets = octets_for_test(3 * Sha3_256::kRate, 2);
  for (std::size_t split = 0; split <= octets.size(); ++split) {
    ASSERT_EQ(hash_in_two<Sha3_256>(octets, split), sha3_256(octets)) << split;
    ASSERT_EQ(hash_in_two<Sha3_512>(octets, split), sha3_512(octets)) << split;
  }
}

TEST(Sha3, HashesTheSameInAnyChunks) {
  std::mt19937 random(3);
  for (std::uint32_t round = 0; round < 300; ++round) {
    const ByteBuf octets = octets_for_test(random() % (kOctetsMax + 1), round);
    Sha3_256 small;
    Sha3_512 large;
    const std::size_t chunk_max = 1 + random() % 200;
    for (Bytes left = octets; !left.empty();) {
      const std::size_t chunk = std::min<std::size_t>(left.size(), random() % (chunk_max + 1));
      small.update(left.first(chunk));
      large.update(left.first(chunk));
      left = left.subspan(chunk);
    }
    ASSERT_EQ(small.finish(), sha3_256(octets)) << round;
    ASSERT_EQ(large.finish(), sha3_512(octets)) << round;
  }
}

TEST(Sha3, StartsOverAfterFinishAndForksWhenCopied) {
  const ByteBuf octets = octets_for_test(100, 4);
  Sha3_512 hash;
  hash.update(octets);
  Sha3_512 fork = hash;
  EXPECT_EQ(hash.finish(), sha3_512(octets));
  EXPECT_EQ(hash.finish(), sha3_512({}));
  fork.update(octets);
  ByteBuf twice = octets;
  append(twice, octets);
  EXPECT_EQ(fork.finish(), sha3_512(twice));
}

}  // namespace
}  // namespace moot
