// A history that somebody changed is not taken, whatever he changed (security.md P9).
#include <gtest/gtest.h>

#include "channel/merged_for_test.h"
#include "channel/responder.h"
#include "channel/rng.h"
#include "channel/test_records.h"

namespace moot::test {
namespace {

constexpr int kMutations = 10'000;

class MutatedHistory : public testing::TestWithParam<Keeper> {};

TEST_P(MutatedHistory, IsNeverTakenAndAlwaysRefused) {
  MergedWorld w(GetParam());
  w.merge(w.genuine());
  const std::vector<Given> before = w.kept();
  ASSERT_EQ(before.size(), GetParam() == Keeper::server ? MergedWorld::kRecords : 0u);
  Rng rng(7);
  int refused = 0;
  for (int i = 0; i < kMutations;) {
    const Given& base = w.genuine()[rng.below(MergedWorld::kRecords)];
    const Given& other = w.genuine()[rng.below(MergedWorld::kRecords)];
    const Given g = changed(base, static_cast<unsigned>(rng.below(kChanges)), rng.below(1 << 20),
                            rng.below(1 << 20), other);
    if (w.is_genuine(g)) continue;
    ++i;
    const std::vector<Errc> errors = w.merge({g});
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_TRUE(errors[0] == Errc::bad_stamp || errors[0] == Errc::bad_payload) << text(errors[0]);
    EXPECT_EQ(World::count(w.world().fx().lines, "CH_M"), 0u) << "told to somebody";
    ++refused;
  }
  EXPECT_EQ(w.kept(), before);
  EXPECT_EQ(refused, kMutations);
}

// A member whose copy lacks records, or has one that was changed, asks for what came after it, as
// he does after every connection.
TEST(MutatedHistoryOfAMember, WhatIsGoneOrOtherIsAlwaysFound) {
  constexpr std::uint64_t kRecords = 200;
  Shelf whole;
  std::vector<StoredRecord> records;
  for (std::uint64_t n = 0; n < kRecords; ++n) {
    records.push_back(test::record(n));
    ASSERT_TRUE(whole.add(records.back()));
  }
  whole.sync();
  Rng rng(11);
  for (int i = 0; i < kMutations; ++i) {
    std::vector<StoredRecord> mine = records;
    const bool drops = rng.below(2) == 0;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const auto at = static_cast<std::ptrdiff_t>(rng.below(mine.size()));
      if (drops) {
        mine.erase(mine.begin() + at);
      } else {
        StoredRecord& r = mine[static_cast<std::size_t>(at)];
        r.msg.push_back('!');
        r.digest = record_digest(kChannel, r.id, r.from, r.msg);
      }
    }
    Fingerprint set;
    for (const StoredRecord& r : mine) set.add(r.digest);
    s::ChPull pull;
    pull.id = kChannel;
    pull.anchor = mine.back().id;
    pull.count = set.count();
    pull.fp = set.fp();
    PullResponder responder;
    const auto answer =
        responder.answer(whole.history(), pull, page_budget(limits::kFrameBytesMax));
    ASSERT_TRUE(answer.ranges || !answer.messages.empty()) << "nothing was found missing";
  }
}

INSTANTIATE_TEST_SUITE_P(Keepers, MutatedHistory, testing::Values(Keeper::server, Keeper::members),
                         [](const auto& p) { return std::string(text(p.param)); });

}  // namespace
}  // namespace moot::test
