#include <algorithm>
#include <random>
#include <utility>

#include "store/client_support_test.h"
#include "store/recording_vfs_test.h"
#include "store/replica_reader.h"

// What a member's disk holds of a channel after a power cut.
namespace moot::store {
namespace {

constexpr std::uint64_t kInDoubt = 3;  // messages at a time
constexpr std::uint64_t kLeafRecords = 10;

// Ticket n: a message in doubt is put, an older one becomes committed, and the election seen is n.
// A leaf holds fewer records than it may, so that there are many.
struct Life {
  LeafSummary leaf;
  std::size_t text_bytes = 0;

  StoredRecord record(std::uint64_t n) const {
    StoredRecord r = record_n(n);
    r.msg.resize(r.msg.size() + text_bytes, static_cast<std::uint8_t>(n));
    return r;
  }
  std::vector<cop::Any> step(std::uint64_t n) {
    std::vector<rop::Any> ops{rop::PutPending{{.record = record(n), .own = n % 2 == 0}},
                              rop::PutElectionSeen{n}};
    if (n > kInDoubt) {
      const StoredRecord r = record(n - kInDoubt);
      if (leaf.count == kLeafRecords) leaf = {.lower = r.key(), .sum = {}, .count = 0};
      leaf.add(r.digest);
      ops.push_back(rop::PutCommitted{r});
      ops.push_back(rop::DropPending{r.key()});
      ops.push_back(rop::PutLeaf{leaf});
    }
    std::vector<cop::Any> all;
    if (n == 1) all.push_back(cop::PutChannel{known_channel(1)});
    all.push_back(replica_ops(1, std::move(ops)));
    return all;
  }
};

// Whether the store is exactly what tickets 1..n leave, for the n that it names; gives n.
std::uint64_t check_whole(ClientStore& store, const std::string& dir, const Life& life) {
  EXPECT_FALSE(store.mended());
  const Status whole = store.check();
  EXPECT_TRUE(whole) << whole.error().message;
  const auto s = store.load();
  EXPECT_TRUE(s) << (s ? "" : s.error().message);
  if (!s || s->channels.empty()) return 0;
  const ReplicaSnapshot& replica = s->channels[0].replica;
  const std::uint64_t n = replica.election_seen;
  const std::uint64_t committed = n > kInDoubt ? n - kInDoubt : 0;
  std::vector<PendingRow> pending;
  for (std::uint64_t i = committed + 1; i <= n; ++i) {
    pending.push_back({.record = life.record(i), .own = i % 2 == 0});
  }
  EXPECT_EQ(replica.pending, pending);
  std::uint64_t in_leaves = 0;
  for (const LeafSummary& leaf : replica.leaves) in_leaves += leaf.count;
  EXPECT_EQ(in_leaves, committed);
  auto readers = ReplicaReaders::open(dir);
  EXPECT_TRUE(readers);
  if (!readers) return n;
  const RecordReader& reader = (*readers)->of(channel_id(1));
  for (std::uint64_t i = 1; i <= committed; ++i) {
    EXPECT_EQ(reader.record(life.record(i).key()), life.record(i));
  }
  EXPECT_EQ(reader.record(life.record(committed + 1).key()), std::nullopt);
  return n;
}

class ClientPowerCut : public ClientTest {
 protected:
  void run(std::uint64_t tickets, std::size_t text_bytes, int log_pages_max) {
    life.text_bytes = text_bytes;
    store.reset();
    vfs = std::make_unique<RecordingVfs>("member", dir.path());
    auto opened = ClientStore::open(
        {.dir = dir.path(), .bounds = {.log_pages_max = log_pages_max}, .vfs = vfs->name()},
        {.on_commit =
             [this](Ticket t) {
               promises.push_back({vfs->position(), t.n});
               told.commit(t);
             },
         .on_error = {}});
    ASSERT_TRUE(opened) << opened.error().message;
    Life working = life;
    for (std::uint64_t n = 1; n <= tickets; ++n) {
      (*opened)->submit(Ticket{n}, working.step(n));
      if (n % 3 == 0) {
        ASSERT_TRUE(told.wait(Ticket{n}));
      }
    }
    ASSERT_TRUE(told.wait(Ticket{tickets}));
  }

  void check_cut(std::size_t cut, RecordingVfs::Fate fate, std::uint64_t seed) {
    SCOPED_TRACE("cut " + std::to_string(cut) + " seed " + std::to_string(seed));
    TempDir after;
    std::mt19937_64 random(seed);
    vfs->rebuild(cut, fate, random, after.path());
    auto opened = ClientStore::open({.dir = after.path(), .bounds = {}, .vfs = nullptr}, {});
    ASSERT_TRUE(opened) << opened.error().message;
    std::uint64_t promised = 0;
    for (const Promise& p : promises) {
      if (p.position <= cut) promised = p.ticket;
    }
    EXPECT_GE(check_whole(**opened, after.path(), life), promised);
  }

  void check_cuts(int some) {
    const std::size_t end = vfs->position();
    for (const Promise& p : promises) check_cut(p.position, RecordingVfs::Fate::none, 0);
    std::mt19937_64 random(24'11);
    for (int i = 0; i < some; ++i) {
      check_cut(random() % (end + 1), RecordingVfs::Fate::some, random());
    }
    check_cut(end, RecordingVfs::Fate::none, 0);
  }

  Life life;
  std::unique_ptr<RecordingVfs> vfs;
  struct Promise {
    std::size_t position;  // events recorded when it was told
    std::uint64_t ticket;
  };
  std::vector<Promise> promises;
};

TEST_F(ClientPowerCut, WhatAMemberWasToldToBeOnDiskIsThereAndLeavesSumItUp) {
  run(60, 100, 2'000);
  ASSERT_GT(promises.size(), 10u);
  check_cuts(100);
}

TEST_F(ClientPowerCut, AndWhileTheLogIsEmptied) {
  run(45, 6'000, 30);
  check_cuts(60);
}

TEST_F(ClientPowerCut, ACutBeforeTheSyncLosesWhatWasNotPromisedYet) {
  run(9, 100, 2'000);
  TempDir after;
  std::mt19937_64 random(1);
  vfs->rebuild(promises.back().position - 1, RecordingVfs::Fate::none, random, after.path());
  auto opened = ClientStore::open({.dir = after.path(), .bounds = {}, .vfs = nullptr}, {});
  ASSERT_TRUE(opened);
  EXPECT_LT(check_whole(**opened, after.path(), life), promises.back().ticket);
}

TEST_F(ClientPowerCut, RecordsOfOnePageShareOneSync) {
  run(6, 100, 2'000);
  auto opened = ClientStore::open({.dir = dir.path(), .bounds = {}, .vfs = vfs->name()},
                                  {.on_commit = [this](Ticket t) { told.commit(t); }});
  ASSERT_TRUE(opened);
  (*opened)->submit(Ticket{7}, {cop::PutMeta{{"a", "b"}}});  // also syncs the log's header
  ASSERT_TRUE(told.wait(Ticket{7}));
  std::vector<rop::Any> page;
  for (std::uint64_t n = 100; n < 356; ++n) page.push_back(rop::PutCommitted{life.record(n)});
  const std::size_t before = vfs->syncs();
  (*opened)->submit(Ticket{8}, {replica_ops(1, std::move(page))});
  ASSERT_TRUE(told.wait(Ticket{8}));
  EXPECT_EQ(vfs->syncs() - before, 1u);
}

}  // namespace
}  // namespace moot::store
