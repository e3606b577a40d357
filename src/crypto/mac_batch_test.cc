#include "crypto/mac_batch.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "crypto/oracle_for_test.h"

namespace moot {
namespace {

constexpr std::size_t kOctetsMax = 1000;
constexpr std::size_t kJobsMax = 17;  // twice eight lanes and one more

// Messages, keys and the MACs that the single path gives for each key at each length.
class MacBatch : public ::testing::Test {
 protected:
  static constexpr std::size_t kKeys = 5;

  MacBatch() : octets_(octets_for_test(kOctetsMax, 1)) {
    for (std::uint32_t i = 0; i < kKeys; ++i) {
      std::array<std::uint8_t, kMacKeyBytes> key;
      const ByteBuf octets = octets_for_test(key.size(), 100 + i);
      std::copy(octets.begin(), octets.end(), key.begin());
      keys_.emplace_back(key);
      expected_.emplace_back();
      for (std::size_t size = 0; size <= kOctetsMax; ++size) {
        expected_.back().push_back(keys_.back().sign(Bytes(octets_).first(size)));
      }
    }
  }

  // Signs messages of these sizes, each with some key and split somewhere, and compares each.
  void expect_signed(const std::vector<std::size_t>& sizes) {
    std::vector<Mac> macs(sizes.size() + 1);
    std::vector<std::size_t> key_of;
    std::vector<MacJob> jobs;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const Bytes message = Bytes(octets_).first(sizes[i]);
      const std::size_t split = random_() % (sizes[i] + 1);
      key_of.push_back(random_() % kKeys);
      jobs.push_back({&keys_[key_of[i]], message.first(split), message.subspan(split), &macs[i]});
    }
    sign_many(jobs);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      ASSERT_EQ(macs[i], expected_[key_of[i]][sizes[i]])
          << "job " << i << " of " << sizes.size() << ", " << sizes[i] << " octets";
    }
    ASSERT_EQ(macs.back(), Mac{}) << "wrote past the last job";
  }

  std::size_t random_size() { return random_() % (kOctetsMax + 1); }

  ByteBuf octets_;
  std::vector<MacKey> keys_;
  std::vector<std::vector<Mac>> expected_;
  std::mt19937 random_{2};
};

TEST_F(MacBatch, SignsEveryLengthInSomeLaneAmongMixedOnesOnEveryTarget) {
  on_every_target([this](const std::string& target) {
    SCOPED_TRACE(target);
    for (std::size_t size = 0; size <= kOctetsMax; ++size) {
      std::vector<std::size_t> sizes(1 + size % kJobsMax);
      for (std::size_t& other : sizes) other = random_size();
      sizes[random_() % sizes.size()] = size;
      ASSERT_NO_FATAL_FAILURE(expect_signed(sizes));
    }
  });
}

TEST_F(MacBatch, SignsOneLengthInAllLanesOnEveryTarget) {
  on_every_target([this](const std::string& target) {
    SCOPED_TRACE(target);
    for (std::size_t count = 0; count <= kJobsMax; ++count) {
      for (const std::size_t size : {0u, 1u, 71u, 72u, 73u, 100u, 143u, 144u, 145u, 1000u}) {
        ASSERT_NO_FATAL_FAILURE(expect_signed(std::vector<std::size_t>(count, size)));
      }
    }
  });
}

TEST_F(MacBatch, SignsOneLongMessageAtEachPlaceAmongShortOnes) {
  on_every_target([this](const std::string& target) {
    SCOPED_TRACE(target);
    for (std::size_t count = 1; count <= kJobsMax; ++count) {
      for (std::size_t place = 0; place < count; ++place) {
        std::vector<std::size_t> sizes(count, 10);
        sizes[place] = kOctetsMax;
        ASSERT_NO_FATAL_FAILURE(expect_signed(sizes));
      }
    }
  });
}

TEST_F(MacBatch, SignsHundredsOfMixedMessagesAsOpensslDoes) {
  const std::array<std::uint8_t, kMacKeyBytes> secret = {7, 7, 7};
  const MacKey key(secret);
  on_every_target([&](const std::string& target) {
    std::vector<MacJob> jobs;
    std::vector<Mac> macs(500);
    for (Mac& mac : macs) {
      const Bytes message = Bytes(octets_).first(random_size());
      jobs.push_back({&key, message, {}, &mac});
    }
    sign_many(jobs);
    for (const MacJob& job : jobs) {
      ASSERT_EQ(buf(*job.out), openssl_hmac("SHA3-512", secret, job.part_a)) << target;
    }
  });
}

}  // namespace
}  // namespace moot
