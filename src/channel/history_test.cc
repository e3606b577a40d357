#include "channel/history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "channel/rng.h"
#include "channel/test_records.h"

namespace moot {
namespace {
using test::record;
using test::Shelf;

Fingerprint naive(const std::set<RecordKey>& keys, const Bound& lower, const Bound& upper) {
  Fingerprint set;
  for (const RecordKey& key : keys) {
    if (lower && !(key < *lower) && (!upper || key < *upper)) set.add(key.digest);
  }
  return set;
}

void expect_same(const HistoryIndex& history, const std::set<RecordKey>& keys, Rng& rng) {
  history.check_invariants();
  ASSERT_EQ(history.count(), keys.size());
  ASSERT_EQ(history.newest(), keys.empty() ? std::nullopt : std::optional(*keys.rbegin()));
  std::vector<RecordKey> all(keys.begin(), keys.end());
  std::vector<RecordKey> shown;
  history.keys({}, std::nullopt, keys.size() + 1, shown);
  ASSERT_EQ(shown, all);
  const auto bound = [&]() -> Bound {
    if (all.empty() || rng.below(8) == 0) return test::record(rng.below(3000)).key();
    if (rng.below(8) == 0) return std::nullopt;
    return all[rng.below(all.size())];
  };
  for (int i = 0; i < 10; ++i) {
    const Bound a = bound();
    const Bound b = bound();
    ASSERT_EQ(history.between(a, b), naive(keys, a, b));
    const std::uint64_t rank = history.rank(a);
    ASSERT_EQ(rank, naive(keys, RecordKey{}, a).count());
    if (rank > 0) {
      ASSERT_EQ(history.predecessor(a), all[rank - 1]);
      ASSERT_EQ(history.nth(rank - 1), all[rank - 1]);
    } else {
      ASSERT_EQ(history.predecessor(a), std::nullopt);
    }
    if (a) {
      ASSERT_EQ(history.contains(*a), keys.contains(*a));
    }
  }
}

RC_GTEST_PROP(History, AnswersEveryRangeAsASetDoes, (std::uint64_t seed)) {
  Rng rng(seed);
  Shelf shelf;
  std::set<RecordKey> keys;
  const std::uint64_t rounds = 1 + rng.below(3);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const bool in_order = rng.below(2) == 0;
    const std::uint64_t n = rng.below(600);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t at = in_order ? round * 3000 + i : rng.below(3000);
      const StoredRecord r = record(at, rng.below(50) == 0 ? "other" : "text");
      RC_ASSERT(shelf.add(r) == keys.insert(r.key()).second);
    }
    if (rng.below(2) == 0) shelf.sync();
    expect_same(shelf.history(), keys, rng);
  }
  shelf.sync();
  const HistoryIndex again(shelf.disk(), shelf.disk().load().leaves);
  expect_same(again, keys, rng);
}

TEST(History, IsEmptyAtFirstAndOnceOpenedAgain) {
  Shelf shelf;
  EXPECT_EQ(shelf.history().newest(), std::nullopt);
  EXPECT_EQ(shelf.history().below(std::nullopt), Fingerprint{});
  EXPECT_FALSE(shelf.history().contains(record(1).key()));
  shelf.sync();
  EXPECT_TRUE(shelf.disk().load().leaves.empty());
}

TEST(History, FillsItsLeavesWhenRecordsComeInOrder) {
  Shelf shelf;
  for (std::uint64_t i = 0; i < 4096; ++i) shelf.add(record(i));
  EXPECT_EQ(shelf.history().leaves(), 4096 / kLeafRecordsMax);
}

TEST(History, PersistsOnlyTheLeavesThatChanged) {
  Shelf shelf;
  for (std::uint64_t i = 0; i < 4096; ++i) shelf.add(record(10 * i));
  shelf.sync();
  shelf.add(record(5));
  EXPECT_EQ(shelf.history().take_changed_leaves().size(), 2u);  // it was full: it split
  shelf.add(record(6));
  EXPECT_EQ(shelf.history().take_changed_leaves().size(), 1u);
  EXPECT_TRUE(shelf.history().take_changed_leaves().empty());
}

TEST(History, KeepsTwoContentsOfOneIdInDigestOrder) {
  Shelf shelf;
  const StoredRecord a = record(1, "a");
  const StoredRecord b = record(1, "b");
  EXPECT_TRUE(shelf.add(a));
  EXPECT_FALSE(shelf.history().contains_other(a.key()));
  EXPECT_TRUE(shelf.history().contains_other(b.key()));
  EXPECT_TRUE(shelf.add(b));
  EXPECT_EQ(shelf.history().nth(0), std::min(a.key(), b.key()));
  EXPECT_EQ(shelf.history().record(b.key()), b);
}

TEST(History, ShowsWhatIsNotYetOnDiskAndItsNewerAcks) {
  Shelf shelf;
  StoredRecord r = record(1);
  shelf.add(r);
  EXPECT_EQ(shelf.history().record(r.key()), r);
  shelf.sync();
  r.acks.n = 3;
  shelf.history().update(r, Ticket{7});
  EXPECT_EQ(shelf.history().record(r.key())->acks.n, 3u);
  shelf.history().durable(Ticket{7});
  EXPECT_EQ(shelf.history().record(r.key())->acks.n, 0u);  // the disk's, which was not told
}

TEST(History, BoundsOfTheGreatestIdReachTheEnd) {
  MsgId greatest;
  greatest.octets.fill(0xff);
  EXPECT_EQ(after_id(greatest), std::nullopt);
  EXPECT_EQ(after_id(test::msg_id(7)), from_id(test::msg_id(7).next()));
}

TEST(History, LeavesAreRebuiltFromTheRecordsAlone) {
  Shelf shelf;
  Rng rng(1);
  std::set<RecordKey> keys;
  for (int i = 0; i < 1000; ++i) {
    const StoredRecord r = record(rng.below(100'000));
    shelf.add(r);
    keys.insert(r.key());
  }
  shelf.sync();
  const HistoryIndex rebuilt(shelf.disk(), build_leaves(shelf.disk()));
  expect_same(rebuilt, keys, rng);
}

}  // namespace
}  // namespace moot
