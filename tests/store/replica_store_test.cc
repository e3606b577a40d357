// The stores' records against the in-memory twin that the channel cores are tested with.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "channel/history.h"
#include "channel/memory_records.h"
#include "channel/rng.h"
#include "channel/test_records.h"
#include "store/client_store.h"
#include "store/edit_test.h"
#include "store/replica_reader.h"

namespace moot {
namespace {

using store::channel_id;
using store::ClientStore;
using store::ReplicaReaders;
using store::TempDir;
using store::Told;

// A client's store and what it should hold.
class Member {
 public:
  explicit Member(std::uint64_t channels) {
    open();
    std::vector<cop::Any> ops;
    for (std::uint64_t n = 0; n < channels; ++n) {
      KnownChannel c{.id = channel_id(n), .name = "room", .folded = "room" + std::to_string(n)};
      known_.push_back(c);
      ops.push_back(cop::PutChannel{c});
    }
    memory_.resize(channels);
    submit(std::move(ops));
  }

  MemoryRecords& memory(std::uint64_t channel) { return memory_[channel]; }
  const RecordReader& reader(std::uint64_t channel) { return readers_->of(channel_id(channel)); }
  ClientStore& store() { return *store_; }
  const std::string& path() const { return dir_.path(); }

  Ticket apply(std::uint64_t channel, const std::vector<rop::Any>& ops) {
    memory_[channel].apply(ops);
    cop::ReplicaOps all{.channel = channel_id(channel), .ops = {}};
    for (const rop::Any& op : ops) all.ops.push_back({.op = op, .folded = "", .late = false});
    return submit({std::move(all)});
  }
  void wait() { ASSERT_TRUE(told_.wait(ticket_)); }
  void close() {
    readers_.reset();
    store_.reset();
  }
  void open() {
    close();
    auto opened =
        ClientStore::open({.dir = dir_.path(), .bounds = {}, .vfs = nullptr}, told_.hooks());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    auto readers = ReplicaReaders::open(dir_.path());
    ASSERT_TRUE(readers) << readers.error().message;
    readers_ = std::move(*readers);
  }

  void expect_same(Rng& rng) {
    const auto s = store_->load();
    ASSERT_TRUE(s) << s.error().message;
    ASSERT_EQ(s->channels.size(), memory_.size());
    for (std::size_t n = 0; n < memory_.size(); ++n) {
      const ReplicaSnapshot expected = memory_[n].load();
      ASSERT_EQ(s->channels[n].replica.pending, expected.pending);
      ASSERT_EQ(s->channels[n].replica.leaves, expected.leaves);
      ASSERT_EQ(s->channels[n].replica.election_seen, expected.election_seen);
      expect_same_reads(memory_[n], reader(n), rng);
    }
  }

 private:
  static void expect_same_reads(const MemoryRecords& memory, const RecordReader& shown, Rng& rng) {
    for (const auto& [key, record] : memory.committed()) ASSERT_EQ(shown.record(key), record);
    for (int i = 0; i < 10; ++i) {
      const RecordKey from = rng.below(4) == 0 ? RecordKey{} : test::record(rng.below(60)).key();
      const auto to =
          rng.below(4) == 0 ? std::nullopt : std::optional(test::record(rng.below(60)).key());
      const std::size_t max = rng.below(40);
      std::vector<RecordKey> expected;
      std::vector<RecordKey> keys;
      memory.keys(from, to, max, expected);
      shown.keys(from, to, max, keys);
      ASSERT_EQ(keys, expected);
      ASSERT_EQ(shown.record(from), memory.record(from));
    }
  }
  Ticket submit(std::vector<cop::Any> ops) {
    ++ticket_.n;
    store_->submit(ticket_, std::move(ops));
    return ticket_;
  }

  TempDir dir_;
  Told told_;
  std::unique_ptr<ClientStore> store_;
  std::unique_ptr<ReplicaReaders> readers_;
  std::vector<KnownChannel> known_;
  std::vector<MemoryRecords> memory_;
  Ticket ticket_;
};

StoredRecord some_record(Rng& rng) {
  StoredRecord r = test::record(rng.below(60), rng.below(5) == 0 ? "other" : "text",
                                rng.below(3) == 0 ? "bob" : "ada");
  for (std::uint64_t i = rng.below(4); i > 0; --i) {
    r.acks.unite(std::vector{test::user("u" + std::to_string(rng.below(9)))}, rng.below(50));
  }
  if (rng.below(3) == 0) r.stamp.clear();
  if (rng.below(3) == 0) r.cert = {9, 8, 7};
  return r;
}

rop::Any some_op(Rng& rng) {
  switch (rng.below(6)) {
    case 0:
      return rop::PutPending{{.record = some_record(rng), .own = rng.below(2) == 0}};
    case 1:
      return rop::DropPending{some_record(rng).key()};
    case 2:
      return rop::PutElectionSeen{rng.next()};
    default:
      return rop::PutCommitted{some_record(rng)};
  }
}

RC_GTEST_PROP(ReplicaStore, HoldsWhatMemoryHolds, (std::uint64_t seed)) {
  Rng rng(seed);
  Member member(2);
  const std::uint64_t rounds = 1 + rng.below(20);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::vector<rop::Any> ops;
    for (std::uint64_t i = rng.below(12); i > 0; --i) ops.push_back(some_op(rng));
    // The same record put again has the content it had.
    const std::uint64_t channel = rng.below(2);
    for (rop::Any& op : ops) {
      if (auto* put = std::get_if<rop::PutCommitted>(&op)) {
        if (const auto known = member.memory(channel).record(put->record.key())) {
          put->record.from = known->from;
          put->record.msg = known->msg;
        }
      }
    }
    member.apply(channel, ops);
    if (rng.below(4) != 0) continue;
    member.wait();
    member.expect_same(rng);
  }
  member.wait();
  member.expect_same(rng);
  // Leaves are mended at a start when they do not fit: here there are none.
  for (std::uint64_t n = 0; n < 2; ++n) {
    std::vector<rop::Any> leaves;
    for (const LeafSummary& leaf : build_leaves(member.memory(n))) {
      leaves.push_back(rop::PutLeaf{leaf});
    }
    member.apply(n, leaves);
  }
  member.open();
  RC_ASSERT(!member.store().mended().has_value());
  member.expect_same(rng);
}

// A history of several leaves on the real file, some of it not yet on disk at any time.
class OnDisk {
 public:
  explicit OnDisk(Member& member) : member_(member) {}
  HistoryIndex& history() {
    if (!history_) {
      const auto s = member_.store().load();
      EXPECT_TRUE(s) << s.error().message;
      history_.emplace(member_.reader(0), s->channels[0].replica.leaves);
    }
    return *history_;
  }
  void add(const StoredRecord& record) {
    std::vector<rop::Any> ops{rop::PutCommitted{record}};
    if (!history().insert(record, Ticket{last_.n + 1})) return;
    for (const LeafSummary& leaf : history().take_changed_leaves()) {
      ops.push_back(rop::PutLeaf{leaf});
    }
    last_ = member_.apply(0, ops);
  }
  void durable() {
    member_.wait();
    history().durable(last_);
  }

 private:
  Member& member_;
  std::optional<HistoryIndex> history_;
  Ticket last_{1};  // of the channel itself
};

TEST(ReplicaStore, AHistoryOnTheFileIsTheOneInMemoryBeforeAndAfterAStart) {
  Member member(1);
  Rng rng(3);
  test::Shelf shelf;
  {
    OnDisk disk(member);
    for (int i = 0; i < 1'500; ++i) {
      const StoredRecord& r = test::record(rng.below(4'000));
      shelf.add(r);
      disk.add(r);
      if (i % 100 == 0) disk.durable();
      if (i % 70 == 0) {
        const Bound bound = test::record(rng.below(4'000)).key();
        ASSERT_EQ(disk.history().below(bound), shelf.history().below(bound));
      }
    }
    disk.durable();
    disk.history().check_invariants();
  }
  member.open();
  EXPECT_FALSE(member.store().mended());
  OnDisk again(member);
  ASSERT_EQ(again.history().below(std::nullopt), shelf.history().below(std::nullopt));
  for (std::uint64_t i = 0; i < 4'000; i += 7) {
    const Bound bound = test::record(i).key();
    ASSERT_EQ(again.history().below(bound), shelf.history().below(bound));
  }
}

// A record that is gone from a leaf in the middle is no shorter history but a damage, and the next
// start has one record less and an index that says so.
TEST(ReplicaStore, ALostRecordIsNotANarrowerHistory) {
  Member member(1);
  std::uint64_t count = 0;
  {
    OnDisk disk(member);
    for (std::uint64_t i = 0; i < 1'000; ++i) disk.add(test::record(i));
    disk.durable();
    count = disk.history().count();
  }
  member.close();
  store::edit(member.path() + "/store.db", "DELETE FROM record WHERE seq=300");
  member.open();
  EXPECT_FALSE(member.store().mended()) << "a start looks at the newest leaf only";
  {
    OnDisk disk(member);
    EXPECT_EQ(disk.history().count(), count);
    EXPECT_TRUE(disk.history().contains(test::record(999).key()));
    EXPECT_THROW(disk.history().contains(test::record(300).key()), store::ReadFailed);
  }
  member.open();
  ASSERT_TRUE(member.store().mended());
  OnDisk disk(member);
  EXPECT_EQ(disk.history().count(), count - 1);
  EXPECT_FALSE(disk.history().contains(test::record(299).key()));
  disk.history().check_invariants();
}

}  // namespace
}  // namespace moot
