#include <atomic>
#include <future>
#include <set>
#include <utility>

#include "store/kept_reader.h"
#include "store/recording_vfs_test.h"
#include "store/support_test.h"

// What is on disk after a power cut, from the recorded writes and syncs of a real run.
namespace moot::store {
namespace {

const Kid kKid = id_of<Kid>(1);
constexpr std::uint64_t kQueued = 5;  // copies that wait at a time
constexpr std::uint64_t kLeafRecords = 10;

std::string text_of(std::uint64_t n, std::size_t bytes) {
  return std::string(bytes, static_cast<char>('a' + n % 26));
}

// The n-th record begins a leaf or is the next one of it.
LeafSummary leaf_of(std::uint64_t n) {
  const std::uint64_t first = n - n % kLeafRecords;
  LeafSummary leaf{
      .lower = first == 0 ? RecordKey{} : RecordKey{msg_id(first), id_of<Digest>(first)},
      .sum = {},
      .count = 0};
  for (std::uint64_t i = first; i <= n; ++i) {
    if (i > 0) leaf.add(id_of<Digest>(i));
  }
  return leaf;
}

// Ticket n leaves its number in five places that must agree, and keeps the queue at kQueued.
std::vector<op::Any> work_of(std::uint64_t n, std::size_t body_bytes) {
  std::vector<op::Any> ops;
  ops.push_back(op::PutAccount{
      {.id = user("user" + std::to_string(n % 7)), .name = "name " + std::to_string(n)}});
  ops.push_back(op::PutOffline{copy_for(kKid, n, text_of(n, body_bytes))});
  if (n > kQueued) ops.push_back(op::DropOffline{kKid, user("ada"), msg_id(n - kQueued)});
  ops.push_back(op::Audit{audit_entry(n)});
  ops.push_back(op::PutClockMark{{n}});
  if (n == 1) {
    ops.push_back(op::PutChannel{
        {.id = channel_id(1), .name = "log", .folded = "log", .keeper = Keeper::server}});
  }
  ops.push_back(op::PutRecord{.record = {.channel = channel_id(1),
                                         .id = msg_id(n),
                                         .digest = id_of<Digest>(n),
                                         .from = user("ada"),
                                         .msg = body(text_of(n, body_bytes))},
                              .leaves = {leaf_of(n)}});
  return ops;
}

void check_kept(const ServerStore& store, const std::string& dir, std::uint64_t n,
                std::size_t body_bytes) {
  const auto readers = KeptReaders::open(dir, store.vault());
  ASSERT_TRUE(readers) << readers.error().message;
  std::uint64_t in_leaves = 0;
  for (const LeafSummary& leaf : (*readers)->leaves(channel_id(1))) in_leaves += leaf.count;
  EXPECT_EQ(in_leaves, n);
  const RecordReader& reader = (*readers)->of(channel_id(1));
  for (std::uint64_t i = 1; i <= n; ++i) {
    const auto found = reader.record({msg_id(i), id_of<Digest>(i)});
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->msg, body(text_of(i, body_bytes)));
  }
}

// Whether the store is exactly what tickets 1..n leave, for the n it names; gives n.
std::uint64_t check_whole(ServerStore& store, const std::string& dir, std::size_t body_bytes) {
  const auto s = store.load();
  EXPECT_TRUE(s) << (s ? "" : s.error().message);
  if (!s) return 0;
  const std::uint64_t n = s->clock_mark.ms;
  std::set<std::string> names;
  for (const Account& a : s->accounts) names.insert(a.name);
  std::set<std::string> expected;
  for (std::uint64_t i = n > 7 ? n - 6 : 1; i <= n; ++i)
    expected.insert("name " + std::to_string(i));
  EXPECT_EQ(names, expected);
  std::promise<Result<OfflinePage>> read;
  store.fetch_offline(kKid, 0, {.rows_max = 100, .bytes_max = 1 << 24},
                      [&](Result<OfflinePage>&& p) { read.set_value(std::move(p)); });
  const auto page = read.get_future().get();
  EXPECT_TRUE(page) << (page ? "" : page.error().message);
  if (!page) return n;
  std::uint64_t next = n > kQueued ? n - kQueued + 1 : 1;
  for (const OfflineRow& row : page->rows) {
    EXPECT_EQ(row.copy, copy_for(kKid, next, text_of(next, body_bytes)));
    ++next;
  }
  EXPECT_EQ(next, n + 1);
  const auto audit = store.audit_verify();
  EXPECT_TRUE(audit && audit->trouble.empty()) << (audit ? audit->trouble : audit.error().message);
  EXPECT_EQ(audit ? audit->lines : 0, n);
  const Status whole = store.check();  // that leaves sum up the records, too
  EXPECT_TRUE(whole) << whole.error().message;
  check_kept(store, dir, n, body_bytes);
  return n;
}

class PowerCut : public testing::Test {
 protected:
  void SetUp() override {
    Told made;
    open_server(dir.path(), made);
    vfs = std::make_unique<RecordingVfs>("recording", dir.path());
  }

  struct Promise {
    std::size_t position;  // events recorded when it was told
    std::uint64_t ticket;
  };

  // A run of `tickets`, some one by one and some in heaps, with everything it was told.
  void run(std::uint64_t tickets, std::size_t body_bytes, GroupCommit::Bounds bounds) {
    Told told;
    StoreHooks hooks{.on_commit =
                         [&](Ticket t) {
                           promises.push_back({vfs->position(), t.n});
                           told.commit(t);
                         },
                     .on_error = [&](const Error& e) { told.error(e); }};
    auto store = ServerStore::open(
        {.dir = dir.path(), .credentials_dir = "", .bounds = bounds, .vfs = vfs->name()}, hooks);
    ASSERT_TRUE(store);
    for (std::uint64_t n = 1; n <= tickets; ++n) {
      (*store)->submit(Ticket{n}, work_of(n, body_bytes));
      if (n % 4 == 0) {
        ASSERT_TRUE(told.wait(Ticket{n}));
      }
    }
    ASSERT_TRUE(told.wait(Ticket{tickets}));
    before_close = vfs->position();
  }

  std::uint64_t promised_at(std::size_t position) const {
    std::uint64_t ticket = 0;
    for (const Promise& p : promises) {
      if (p.position <= position) ticket = p.ticket;
    }
    return ticket;
  }

  void check_cut(std::size_t cut, RecordingVfs::Fate fate, std::uint64_t seed,
                 std::size_t body_bytes) {
    SCOPED_TRACE("cut " + std::to_string(cut) + " seed " + std::to_string(seed));
    TempDir after;
    std::mt19937_64 random(seed);
    vfs->rebuild(cut, fate, random, after.path());
    Told told;
    const auto store = open_server(after.path(), told);
    ASSERT_TRUE(store);
    EXPECT_GE(check_whole(*store, after.path(), body_bytes), promised_at(cut));
  }

  TempDir dir;
  std::unique_ptr<RecordingVfs> vfs;
  std::vector<Promise> promises;
  std::size_t before_close = 0;
};

TEST_F(PowerCut, NothingToldToBeOnDiskIsLostAtAnyCut) {
  run(60, 300, {});
  const std::size_t end = vfs->position();
  ASSERT_GT(promises.size(), 10u);
  // At the moment of a promise nothing may hang on what is not synced.
  for (const Promise& p : promises) check_cut(p.position, RecordingVfs::Fate::none, 0, 300);
  std::mt19937_64 random(2'611);
  for (int i = 0; i < 200; ++i) {
    check_cut(random() % (end + 1), RecordingVfs::Fate::some, random(), 300);
  }
  check_cut(end, RecordingVfs::Fate::none, 0, 300);
  check_cut(end, RecordingVfs::Fate::all, 0, 300);
}

// The log goes to its place all the time and begins anew.
TEST_F(PowerCut, NothingToldToBeOnDiskIsLostWhileTheLogIsEmptied) {
  run(60, 6'000, {.queue_ops_max = 32'768, .batch_ops_max = 4'096, .log_pages_max = 30});
  const std::size_t end = vfs->position();
  for (const Promise& p : promises) check_cut(p.position, RecordingVfs::Fate::none, 0, 6'000);
  std::mt19937_64 random(77);
  for (int i = 0; i < 200; ++i) {
    check_cut(random() % (end + 1), RecordingVfs::Fate::some, random(), 6'000);
  }
}

// The checker must be able to see a loss: without the last sync of a promise it does.
TEST_F(PowerCut, ACutBeforeTheSyncLosesWhatWasNotPromisedYet) {
  run(8, 300, {});
  TempDir after;
  std::mt19937_64 random(1);
  const std::size_t cut = promises.back().position - 1;
  vfs->rebuild(cut, RecordingVfs::Fate::none, random, after.path());
  Told told;
  const auto store = open_server(after.path(), told);
  ASSERT_TRUE(store);
  EXPECT_LT(check_whole(*store, after.path(), 300), promises.back().ticket);
}

TEST_F(PowerCut, ACommitCostsOneSync) {
  Told told;
  const auto store = open_server(dir.path(), told, vfs->name());
  store->submit(Ticket{1}, work_of(1, 300));  // the log's first commit also syncs its header
  ASSERT_TRUE(told.wait(Ticket{1}));
  const std::size_t before = vfs->syncs();
  for (std::uint64_t n = 2; n <= 21; ++n) {
    store->submit(Ticket{n}, work_of(n, 300));
    ASSERT_TRUE(told.wait(Ticket{n}));
  }
  EXPECT_EQ(vfs->syncs() - before, 20u);
}

TEST_F(PowerCut, WhatWaitsTogetherSharesOneSync) {
  std::promise<void> entered;
  std::promise<void> let_go;
  std::promise<void> all;
  bool first = true;
  auto store = ServerStore::open(
      {.dir = dir.path(), .credentials_dir = "", .bounds = {}, .vfs = vfs->name()},
      {.on_commit =
           [&](Ticket t) {
             if (std::exchange(first, false)) {
               entered.set_value();
               let_go.get_future().wait();
             }
             if (t.n == 500) all.set_value();
           },
       .on_error = {}});
  ASSERT_TRUE(store);
  (*store)->submit(Ticket{1}, work_of(1, 300));
  entered.get_future().wait();
  const std::size_t before = vfs->syncs();
  for (std::uint64_t n = 2; n <= 500; ++n) (*store)->submit(Ticket{n}, work_of(n, 300));
  let_go.set_value();
  all.get_future().wait();
  EXPECT_EQ(vfs->syncs() - before, 1u);
}

TEST_F(PowerCut, DO_09_AFullDiskEndsInOneSentenceAndLosesNothingTold) {
  for (const std::uint64_t room : {0, 5'000, 40'000, 200'000}) {
    SCOPED_TRACE(room);
    TempDir full;
    {
      Told made;
      open_server(full.path(), made);
    }
    Ticket promised;
    {
      RecordingVfs small("small", full.path());
      Told told;
      const auto store = open_server(full.path(), told, small.name());
      ASSERT_TRUE(store);
      small.room(room);
      std::uint64_t n = 0;
      do {
        ++n;
        store->submit(Ticket{n}, work_of(n, 1'000));
      } while (told.wait(Ticket{n}));
      EXPECT_NE(told.wait_error().find("is full: make room"), std::string::npos);
      EXPECT_FALSE(store->load()) << "reads say it too";
      store->submit(Ticket{n + 1}, work_of(n + 1, 10));
      EXPECT_FALSE(store->load());
      promised = told.upto();
      EXPECT_EQ(promised, Ticket{n - 1});
    }
    Told told;
    const auto store = open_server(full.path(), told);
    ASSERT_TRUE(store);
    EXPECT_EQ(check_whole(*store, full.path(), 1'000), promised.n);
  }
}

// A new master key is being put in: at every cut the one of the two files that the store names
// opens.
TEST_F(PowerCut, ARotationCutAnywhereOpensWithAKeyThatIsThere) {
  const KeyBytes key = key_of(7);
  const std::string old_master = slurp(dir / "master.key");
  {
    Told told;
    const auto store = open_server(dir.path(), told, vfs->name());
    store->submit(Ticket{1}, {op::PutCredential{credential_for(store->vault(), 1, "ada", key)}});
    ASSERT_TRUE(told.wait(Ticket{1}));
    before_close = vfs->position();
    ASSERT_TRUE(store->master_rotate());
  }
  const std::string new_master = slurp(dir / "master.key");
  ASSERT_NE(old_master, new_master);
  std::set<std::string> kept;
  std::mt19937_64 random(5);
  for (std::size_t cut = before_close; cut <= vfs->position(); ++cut) {
    for (const auto fate :
         {RecordingVfs::Fate::none, RecordingVfs::Fate::some, RecordingVfs::Fate::all}) {
      TempDir after;
      vfs->rebuild(cut, fate, random, after.path());
      spill(after / "master.key", old_master);
      spill(after / "master.key.new", new_master);
      Told told;
      const auto store = open_server(after.path(), told);
      ASSERT_TRUE(store);
      const auto s = store->load();
      ASSERT_TRUE(s && s->credentials.size() == 1);
      EXPECT_EQ(open_key(store->vault(), s->credentials[0]), key);
      EXPECT_FALSE(std::filesystem::exists(after / "master.key.new"));
      kept.insert(slurp(after / "master.key"));
    }
  }
  EXPECT_EQ(kept, (std::set{old_master, new_master})) << "both sides of the commit were seen";
}

}  // namespace
}  // namespace moot::store
