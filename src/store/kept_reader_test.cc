#include "store/kept_reader.h"

#include "store/edit_test.h"

// The server's reading of the records that it keeps.
namespace moot::store {
namespace {

KeptRecord kept(std::uint64_t id, std::uint64_t digest, std::string_view text) {
  return {.channel = channel_id(1),
          .id = msg_id(id),
          .digest = id_of<Digest>(digest),
          .from = user("ada"),
          .msg = body(text),
          .stamp = body("stamp"),
          .acks = {user("ada"), user("bob")},
          .acks_n = 2,
          .cert = {}};
}
RecordKey key(std::uint64_t id, std::uint64_t digest) {
  return {msg_id(id), id_of<Digest>(digest)};
}

class KeptReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    open();
    put({op::PutChannel{
             {.id = channel_id(1), .name = "a", .folded = "a", .keeper = Keeper::server}},
         op::PutChannel{
             {.id = channel_id(2), .name = "b", .folded = "b", .keeper = Keeper::members}}});
  }
  void open() {
    close();
    store = open_server(dir.path(), told);
    ASSERT_TRUE(store);
    auto opened = KeptReaders::open(dir.path(), store->vault());
    ASSERT_TRUE(opened) << opened.error().message;
    readers = std::move(*opened);
  }
  void close() {
    readers.reset();
    store.reset();
  }
  void put(std::vector<op::Any> ops) {
    store->submit(Ticket{++ticket}, std::move(ops));
    ASSERT_TRUE(told.wait(Ticket{ticket}));
  }
  // With the leaf that sums them up, as the keeper hands it over.
  void keep(const std::vector<KeptRecord>& records) {
    for (const KeptRecord& r : records) {
      leaf.add(r.digest);
      put({op::PutRecord{.record = r, .leaves = {leaf}}});
    }
  }
  const RecordReader& reader(std::uint64_t channel = 1) { return readers->of(channel_id(channel)); }
  std::vector<RecordKey> keys(const RecordKey& from, const std::optional<RecordKey>& to,
                              std::size_t max) {
    std::vector<RecordKey> out;
    reader().keys(from, to, max, out);
    return out;
  }
  void damage(const char* sql) {
    close();
    edit(dir / "store.db", sql);
  }

  TempDir dir;
  Told told;
  std::unique_ptr<ServerStore> store;
  std::unique_ptr<KeptReaders> readers;
  std::uint64_t ticket = 0;
  LeafSummary leaf;
};

TEST_F(KeptReaderTest, ShowsRecordsByKeyOrderRangeAndKeyOnceTheyWereTold) {
  EXPECT_TRUE(keys({}, std::nullopt, 10).empty());
  keep({kept(2, 5, "b5"), kept(1, 9, "a"), kept(3, 1, "c"), kept(2, 4, "b4")});
  EXPECT_EQ(keys({}, std::nullopt, 10), (std::vector{key(1, 9), key(2, 4), key(2, 5), key(3, 1)}));
  EXPECT_EQ(keys(key(2, 4), key(3, 1), 10), (std::vector{key(2, 4), key(2, 5)}));
  EXPECT_EQ(keys(key(2, 5), std::nullopt, 1), std::vector{key(2, 5)});
  const auto found = reader().record(key(2, 5));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->msg, body("b5"));
  EXPECT_EQ(found->from, user("ada"));
  EXPECT_EQ(found->stamp, body("stamp"));
  EXPECT_EQ(found->acks, (Acks{{user("ada"), user("bob")}, 2}));
  EXPECT_EQ(reader().record(key(2, 6)), std::nullopt);
  EXPECT_EQ(reader(2).record(key(2, 5)), std::nullopt);
  EXPECT_EQ(readers->leaves(channel_id(1)), std::vector{leaf});
  EXPECT_TRUE(readers->leaves(channel_id(2)).empty());
}

TEST_F(KeptReaderTest, ARecordPutAgainKeepsItsContentAndTakesItsAcks) {
  keep({kept(1, 9, "a")});
  KeptRecord more = kept(1, 9, "a");
  more.acks = {};
  more.acks_n = 40;
  put({op::PutRecord{.record = more, .leaves = {}}});
  EXPECT_EQ(reader().record(key(1, 9))->acks, (Acks{{}, 40}));
}

TEST_F(KeptReaderTest, ARemovedChannelIsEmpty) {
  keep({kept(1, 9, "a")});
  put({op::RemoveChannel{channel_id(1)}});
  EXPECT_TRUE(keys({}, std::nullopt, 10).empty());
  EXPECT_TRUE(readers->leaves(channel_id(1)).empty());
}

TEST_F(KeptReaderTest, WhatWasKeptIsReadBeforeAndAfterANewMasterKey) {
  keep({kept(1, 9, "before")});
  ASSERT_TRUE(store->master_rotate());
  EXPECT_EQ(reader().record(key(1, 9))->msg, body("before"));
  keep({kept(2, 9, "after")});
  open();
  EXPECT_EQ(reader().record(key(1, 9))->msg, body("before"));
  EXPECT_EQ(reader().record(key(2, 9))->msg, body("after"));
  EXPECT_TRUE(store->check());
}

// ST-01: a record that was put in another's place does not open.
TEST_F(KeptReaderTest, AnEditedRecordIsNeverShown) {
  keep({kept(1, 9, "one"), kept(2, 9, "two")});
  damage("UPDATE record SET body=(SELECT body FROM record WHERE rowid=1) WHERE rowid=2");
  open();
  EXPECT_EQ(reader().record(key(1, 9))->msg, body("one"));
  try {
    reader().record(key(2, 9));
    FAIL() << "it was shown";
  } catch (const ReadFailed& e) {
    EXPECT_TRUE(holds(e.error().message, "does not open in its place")) << e.what();
  }
  EXPECT_FALSE(store->check());
}

TEST_F(KeptReaderTest, LeavesThatDoNotFitAreMadeAnewAtTheNextStart) {
  keep({kept(1, 9, "one"), kept(2, 9, "two"), kept(3, 9, "three")});
  for (const char* sql :
       {"DELETE FROM leaf", "UPDATE leaf SET count=2", "UPDATE leaf SET sum='x'"}) {
    SCOPED_TRACE(sql);
    damage(sql);
    open();
    EXPECT_EQ(readers->leaves(channel_id(1)), std::vector{leaf});
    EXPECT_TRUE(store->check());
  }
  EXPECT_THROW(reader().damaged(), ReadFailed);
  EXPECT_TRUE(std::filesystem::exists(dir / "store.damaged"));
  open();
  EXPECT_FALSE(std::filesystem::exists(dir / "store.damaged"));
  EXPECT_EQ(readers->leaves(channel_id(1)), std::vector{leaf});
}

TEST_F(KeptReaderTest, TheLongLookFindsAnOlderLeafThatDoesNotFit) {
  const LeafSummary newest{.lower = key(3, 9), .sum = id_of<Digest>(9), .count = 1};
  LeafSummary oldest;
  oldest.add(id_of<Digest>(9));
  oldest.add(id_of<Digest>(9));
  put({op::PutRecord{.record = kept(1, 9, "one"), .leaves = {}},
       op::PutRecord{.record = kept(2, 9, "two"), .leaves = {oldest}},
       op::PutRecord{.record = kept(3, 9, "three"), .leaves = {newest}}});
  EXPECT_TRUE(store->check());
  damage("DELETE FROM record WHERE rowid=1");
  open();
  EXPECT_TRUE(holds(store->check().error().message, "start again"));
  open();
  EXPECT_TRUE(store->check());
  EXPECT_EQ(readers->leaves(channel_id(1)).size(), 1u);
}

}  // namespace
}  // namespace moot::store
