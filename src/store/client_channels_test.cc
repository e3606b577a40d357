#include <algorithm>
#include <string>

#include "store/client_support_test.h"
#include "store/edit_test.h"
#include "store/replica_reader.h"

namespace moot::store {
namespace {

using Texts = std::vector<std::string>;

PendingRow pending_n(std::uint64_t n, bool own) { return {.record = record_n(n), .own = own}; }

class ClientChannelsTest : public ClientTest {
 protected:
  Texts texts(ChannelQuery query) {
    Texts out;
    const auto messages = store->channel_history(std::move(query));
    EXPECT_TRUE(messages) << messages.error().message;
    for (const CommittedMessage& m : *messages) out.emplace_back(as_text(m.record.msg));
    return out;
  }
  StoredChannel stored(std::size_t i = 0) {
    const auto s = store->load();
    EXPECT_TRUE(s) << s.error().message;
    EXPECT_GT(s->channels.size(), i);
    return s->channels.at(i);
  }
};

TEST_F(ClientChannelsTest, WhatAReplicaNeedsToBeginComesBack) {
  const LeafSummary low{.lower = {}, .sum = id_of<Digest>(3), .count = 256};
  const LeafSummary high{.lower = record_n(300).key(), .sum = id_of<Digest>(4), .count = 1};
  put({cop::PutChannel{known_channel(2)}, cop::PutChannel{known_channel(1)},
       replica_ops(1, {rop::PutPending{pending_n(2, true)}, rop::PutPending{pending_n(1, false)},
                       rop::PutPending{pending_n(3, false)}, rop::DropPending{record_n(3).key()},
                       rop::PutElectionSeen{1ull << 63 | 5}})});
  const auto s = store->load();
  ASSERT_TRUE(s);
  ASSERT_EQ(s->channels.size(), 2u);
  EXPECT_EQ(s->channels[0].channel, known_channel(1));
  EXPECT_EQ(s->channels[0].replica.pending, (std::vector{pending_n(1, false), pending_n(2, true)}));
  EXPECT_EQ(s->channels[0].replica.election_seen, 1ull << 63 | 5);
  EXPECT_EQ(s->channels[1].channel, known_channel(2));
  EXPECT_TRUE(s->channels[1].replica.pending.empty());
  put({replica_ops(2, {rop::PutLeaf{high}, rop::PutLeaf{low}})});
  EXPECT_EQ(stored(1).replica.leaves, (std::vector{low, high}));
}

TEST_F(ClientChannelsTest, AChannelIsPutAgainAndItsReadMarkOnlyGrows) {
  KnownChannel c = known_channel(1);
  put({cop::PutChannel{c}, cop::MarkChannelRead{c.id, 7}, cop::MarkChannelRead{c.id, 5}});
  c.name = "Renamed";
  c.member = false;
  c.keeper = Keeper::server;
  c.replica = id_of<ReplicaId>(77);
  put({cop::PutChannel{c}});
  open();
  c.read_seq = 7;
  EXPECT_EQ(stored().channel, c);
}

TEST_F(ClientChannelsTest, WaitingTextsComeBackInTheirOrder) {
  const WaitingText first{.n = 1, .channel = channel_id(2), .msg = body("one")};
  const WaitingText second{.n = 2, .channel = channel_id(1), .msg = body("two")};
  put({cop::PutWaiting{second}, cop::PutWaiting{first},
       cop::PutWaiting{{.n = 3, .channel = channel_id(1), .msg = body("three")}},
       cop::DropWaiting{3}});
  open();
  EXPECT_EQ(store->load()->waiting, (std::vector{first, second}));
}

TEST_F(ClientChannelsTest, ARecordPutAgainKeepsItsPlaceAndContentAndTakesItsAcks) {
  OneLeaf room;
  put({cop::PutChannel{known_channel(1)}, room.commit(record_n(2)), room.commit(record_n(1))});
  StoredRecord more = record_n(2);
  more.acks.unite(std::vector{user("cy")}, 9);
  more.cert = body("cert");
  cop::ReplicaOps again = replica_ops(1, {rop::PutCommitted{more}});
  again.ops[0].late = true;
  put({again});
  const auto all = store->channel_history({.channel = channel_id(1)});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(
      (*all)[0],
      (CommittedMessage{.seq = 2, .channel = channel_id(1), .late = false, .record = record_n(1)}));
  EXPECT_EQ((*all)[1],
            (CommittedMessage{.seq = 1, .channel = channel_id(1), .late = false, .record = more}));
}

TEST_F(ClientChannelsTest, HistoryIsReadByKeyAndByArrival) {
  using Order = ChannelQuery::Order;
  OneLeaf one{.channel = 1, .leaf = {}};
  OneLeaf two{.channel = 2, .leaf = {}};
  put({cop::PutChannel{known_channel(1)}, cop::PutChannel{known_channel(2)},
       one.commit(record_n(3)), two.commit(record_n(10)), one.commit(record_n(1)),
       one.commit(record_n(4)), one.commit(record_n(2))});
  const ChannelId room = channel_id(1);
  EXPECT_EQ(texts({.channel = room}), (Texts{"text 1", "text 2", "text 3", "text 4"}));
  EXPECT_EQ(texts({.channel = room, .rows_max = 2}), (Texts{"text 3", "text 4"}));
  EXPECT_EQ(texts({.channel = room, .rows_max = 2, .order = Order::oldest}),
            (Texts{"text 1", "text 2"}));
  EXPECT_EQ(texts({.channel = room, .from = record_n(2).key(), .below = record_n(4).key()}),
            (Texts{"text 2", "text 3"}));
  EXPECT_EQ(texts({.channel = room, .since = {1'003}}), (Texts{"text 3", "text 4"}));
  EXPECT_EQ(texts({.channel = room, .folded = "t 2"}), Texts{"text 2"});
  EXPECT_EQ(texts({.channel = room, .order = Order::arrival}),
            (Texts{"text 3", "text 1", "text 4", "text 2"}));
  EXPECT_EQ(texts({.channel = room, .after_seq = 3, .rows_max = 1, .order = Order::arrival}),
            Texts{"text 4"});
  EXPECT_EQ(texts({.folded = "text 1", .order = Order::arrival}), (Texts{"text 10", "text 1"}));
  EXPECT_EQ(texts({.channel = channel_id(9)}), Texts{});
  EXPECT_EQ((*store->channel_history({.folded = "text 10", .order = Order::arrival}))[0].channel,
            channel_id(2));
}

TEST_F(ClientChannelsTest, LateIsWhatWasSaidFirst) {
  OneLeaf room;
  cop::ReplicaOps late = room.commit(record_n(1));
  late.ops[0].late = true;
  put({cop::PutChannel{known_channel(1)}, late});
  EXPECT_TRUE((*store->channel_history({.channel = channel_id(1)}))[0].late);
}

TEST_F(ClientChannelsTest, UnreadIsWhatOthersWroteSinceTheMark) {
  OneLeaf one{.channel = 1, .leaf = {}};
  put({cop::PutChannel{known_channel(1)}, cop::PutChannel{known_channel(2)},
       one.commit(record_n(1, "bob")), one.commit(record_n(2, "ada")),
       one.commit(record_n(3, "bob")), one.commit(record_n(4, "cy"))});
  EXPECT_EQ(*store->channel_unread(user("ada")),
            (std::vector<ChannelUnread>{{channel_id(1), 3, 4}, {channel_id(2), 0, 0}}));
  put({cop::MarkChannelRead{channel_id(1), 3}});
  EXPECT_EQ((*store->channel_unread(user("ada")))[0].unread, 1u);
}

TEST_F(ClientChannelsTest, AReaderShowsWhatWasToldToBeOnDisk) {
  auto readers = ReplicaReaders::open(dir.path());
  ASSERT_TRUE(readers) << readers.error().message;
  const RecordReader& reader = (*readers)->of(channel_id(1));
  std::vector<RecordKey> keys;
  reader.keys({}, std::nullopt, 10, keys);
  EXPECT_TRUE(keys.empty());
  OneLeaf room;
  put({cop::PutChannel{known_channel(1)}});
  std::vector<RecordKey> expected;
  for (std::uint64_t n = 1; n <= 50; ++n) {
    put({room.commit(record_n(n))});
    expected.push_back(record_n(n).key());
    keys.clear();
    reader.keys({}, std::nullopt, 100, keys);
    ASSERT_EQ(keys, expected);
    ASSERT_EQ(reader.record(expected.back()), record_n(n));
  }
  keys.clear();
  reader.keys(record_n(10).key(), record_n(13).key(), 100, keys);
  EXPECT_EQ(keys, (std::vector{record_n(10).key(), record_n(11).key(), record_n(12).key()}));
  keys.clear();
  reader.keys(record_n(10).key(), std::nullopt, 2, keys);
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_EQ(reader.record(record_n(51).key()), std::nullopt);
  EXPECT_EQ(&reader, &(*readers)->of(channel_id(1)));
  EXPECT_EQ((*readers)->of(channel_id(2)).record(record_n(1).key()), std::nullopt);
}

// ---- damage -------------------------------------------------------------------------------

class DamagedChannels : public ClientChannelsTest {
 protected:
  void SetUp() override {
    open();
    std::vector<cop::Any> ops{cop::PutChannel{known_channel(1)}};
    for (std::uint64_t n = 1; n <= 20; ++n) ops.push_back(room.commit(record_n(n)));
    ops.push_back(replica_ops(
        1, {rop::PutPending{pending_n(30, true)}, rop::PutPending{pending_n(31, false)}}));
    put(ops);
  }
  void damage(const char* sql) {
    store.reset();
    edit(dir / "store.db", sql);
  }
  std::string failure(const std::function<void(const RecordReader&)>& read) {
    auto readers = ReplicaReaders::open(dir.path());
    EXPECT_TRUE(readers);
    try {
      read((*readers)->of(channel_id(1)));
    } catch (const ReadFailed& e) {
      return e.error().message;
    }
    return "";
  }
  // All but the records of `lost` are there, and leaves sum them up.
  void expect_mended(std::size_t records) {
    ASSERT_TRUE(store->mended());
    EXPECT_EQ(texts({.channel = channel_id(1)}).size(), records);
    const auto leaves = stored().replica.leaves;
    ASSERT_EQ(leaves.size(), 1u);
    EXPECT_EQ(leaves[0].count, records);
    EXPECT_TRUE(store->check());
    EXPECT_FALSE(std::filesystem::exists(dir / "store.damaged"));
    open();
    EXPECT_FALSE(store->mended());
  }

  OneLeaf room;
};

TEST_F(DamagedChannels, AChangedRecordIsNeverShownAndIsGoneAtTheNextStart) {
  for (const char* sql :
       {"UPDATE record SET msg='other' WHERE seq=3", "UPDATE record SET author='bob' WHERE seq=4",
        "UPDATE record SET acks='eve' WHERE seq=5", "UPDATE record SET stamp=x'00' WHERE seq=6"}) {
    SCOPED_TRACE(sql);
    damage(sql);
    open();
    EXPECT_FALSE(store->mended()) << "the newest leaf is as it was";
    const std::string error = failure([&](const RecordReader& reader) {
      for (std::uint64_t n = 1; n <= 20; ++n) {
        const auto r = reader.record(record_n(n).key());
        EXPECT_EQ(r.value_or(record_n(n)), record_n(n));
      }
    });
    EXPECT_TRUE(holds(error, "has damaged the store")) << error;
    EXPECT_TRUE(holds(error, "start again")) << error;
    open();
    ASSERT_TRUE(store->mended());
    EXPECT_EQ(store->mended()->records, 1u);
  }
  open();
  EXPECT_EQ(texts({.channel = channel_id(1)}).size(), 16u);
}

TEST_F(DamagedChannels, APersonsReadingNotesADamageToo) {
  damage("UPDATE record SET msg='other' WHERE seq=3");
  open();
  const auto read = store->channel_history({.channel = channel_id(1)});
  ASSERT_FALSE(read);
  EXPECT_TRUE(holds(told.wait_error(), "start again"));
  told.forget_error();
  open();
  expect_mended(19);
}

TEST_F(DamagedChannels, TheLongLookFindsWhatNobodyRead) {
  damage("UPDATE pending SET msg='other' WHERE own=1");
  open();
  EXPECT_TRUE(holds(store->check().error().message, "start again"));
}

TEST_F(DamagedChannels, ALostRecordIsFoundAtTheStart) {
  damage("DELETE FROM record WHERE seq=20");
  open();
  expect_mended(19);
}

TEST_F(DamagedChannels, LostLeavesAreMadeAgain) {
  for (const char* sql : {"DELETE FROM leaf", "UPDATE leaf SET count=19", "UPDATE leaf SET sum='x'",
                          "UPDATE leaf SET lower=x'00'"}) {
    SCOPED_TRACE(sql);
    damage(sql);
    open();
    expect_mended(20);
    EXPECT_EQ(stored().replica.leaves, std::vector{room.leaf});
  }
}

TEST_F(DamagedChannels, AMessageInDoubtThatWasChangedGoes) {
  damage("UPDATE pending SET author='eve' WHERE own=1; DELETE FROM leaf");
  open();
  ASSERT_TRUE(store->mended());
  EXPECT_EQ(store->mended()->pending, 1u);
  EXPECT_EQ(stored().replica.pending, std::vector{pending_n(31, false)});
}

TEST_F(DamagedChannels, WhoReadsOtherKeysThanTheLeavesSaySaysSo) {
  const std::string error = failure([](const RecordReader& reader) { reader.damaged(); });
  EXPECT_TRUE(holds(error, "has damaged the store")) << error;
  open();
  ASSERT_TRUE(store->mended());
  EXPECT_TRUE(store->mended()->none());
}

}  // namespace
}  // namespace moot::store
