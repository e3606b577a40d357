#include "channel/record.h"

#include <gtest/gtest.h>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "crypto/sha3.h"

namespace moot {
namespace {

nlohmann::json vectors(const char* name) {
  std::ifstream file(std::string(MOOT_VECTORS) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  return nlohmann::json::parse(file);
}
ByteBuf octets(const nlohmann::json& v) { return unhex(v.get<std::string>()).value(); }
template <class Id>
Id id_of(const nlohmann::json& v) {
  return Id::of(octets(v));
}

TEST(Record, DigestsAreThoseOfTheVectors) {
  const auto all = vectors("records.json");
  ASSERT_EQ(all["records"].size(), 4u);
  for (const auto& r : all["records"]) {
    const auto from = UserId::parse(r["from"].get<std::string>());
    ASSERT_TRUE(from);
    EXPECT_EQ(record_digest(id_of<ChannelId>(r["channel"]), id_of<MsgId>(r["id"]), *from,
                            octets(r["msg"])),
              id_of<Digest>(r["digest"]));
  }
}

TEST(Record, OrderIsThatOfTheVectors) {
  std::vector<RecordKey> keys;
  const auto all = vectors("identifiers.json");
  for (const auto& k : all["order"]["sorted"]) {
    keys.push_back({id_of<MsgId>(k["id"]), id_of<Digest>(k["digest"])});
  }
  ASSERT_GT(keys.size(), 2u);
  for (std::size_t i = 1; i < keys.size(); ++i) EXPECT_LT(keys[i - 1], keys[i]) << i;
}

TEST(Record, FingerprintsAreThoseOfTheVectors) {
  const auto all = vectors("records.json");
  ASSERT_EQ(all["fingerprints"].size(), 6u);
  for (const auto& v : all["fingerprints"]) {
    const bool wraps = v["note"].get<std::string>().find("wraps") != std::string::npos;
    Fingerprint set;
    for (std::uint64_t i = 0; i < v["count"].get<std::uint64_t>(); ++i) {
      Digest e;
      e.octets.fill(0xff);
      if (!wraps) e = Digest{sha3_256(as_bytes("element " + std::to_string(i)))};
      set.add(e);
    }
    EXPECT_EQ(hex(set.sum().bytes()), v["sum"].get<std::string>());
    EXPECT_EQ(hex(set.fp().bytes()), v["fp"].get<std::string>());
    EXPECT_EQ(Fingerprint::of(set.sum(), set.count()), set);
  }
}

TEST(Record, StampsAreThoseOfTheVectorsAndBindEveryField) {
  const auto all = vectors("records.json");
  ASSERT_EQ(all["stamps"].size(), 1u);
  for (const auto& v : all["stamps"]) {
    const StampKey key{v["key_id"].get<std::uint32_t>(), id_of<KeyBytes>(v["server_key"])};
    const auto channel = id_of<ChannelId>(v["channel"]);
    const auto id = id_of<MsgId>(v["id"]);
    const auto from = UserId::parse(v["from"].get<std::string>()).value();
    ByteBuf msg = octets(v["msg"]);
    const ByteBuf stamp = octets(v["stamp"]);
    const Stamp made = make_stamp(key, channel, id, from, msg);
    EXPECT_EQ(hex(made), hex(stamp));
    const std::vector<StampKey> keys{{key.id + 1, {}}, key};
    EXPECT_TRUE(stamp_valid(keys, stamp, channel, id, from, msg));
    EXPECT_FALSE(stamp_valid({}, stamp, channel, id, from, msg));
    EXPECT_FALSE(stamp_valid(keys, Bytes(stamp).first(19), channel, id, from, msg));
    EXPECT_FALSE(stamp_valid(keys, stamp, channel, id.next(), from, msg));
    EXPECT_FALSE(stamp_valid(keys, stamp, channel.next(), id, from, msg));
    EXPECT_FALSE(stamp_valid(keys, stamp, channel, id, server_user(), msg));
    msg.back() ^= 1;
    EXPECT_FALSE(stamp_valid(keys, stamp, channel, id, from, msg));
  }
}

TEST(Record, QuorumAndElectionNumbersAreThoseOfTheVectors) {
  const auto v = vectors("records.json");
  for (const auto& q : v["quorum"]) {
    EXPECT_EQ(quorum(q["D"].get<std::size_t>()), q["needed"].get<std::size_t>());
  }
  for (const auto& e : v["election"]) {
    const auto number =
        election_number(e["boot_epoch"].get<std::uint64_t>(), e["n"].get<std::uint32_t>());
    EXPECT_EQ(std::to_string(number), e["election"].get<std::string>());
    EXPECT_EQ(election_epoch(number), e["boot_epoch"].get<std::uint64_t>());
  }
  EXPECT_EQ(quorum(1), 2u);
  EXPECT_EQ(quorum(2), 2u);
}

TEST(Record, FingerprintsSubtractWhatWasAdded) {
  Fingerprint all;
  Fingerprint part;
  for (int i = 0; i < 100; ++i) {
    const Digest e{sha3_256(as_bytes(std::to_string(i)))};
    all.add(e);
    if (i % 3 == 0) part.add(e);
  }
  Fingerprint rest = all;
  rest.subtract(part);
  EXPECT_EQ(rest.count(), all.count() - part.count());
  rest.add(part);
  EXPECT_EQ(rest, all);
}

UserId user(int n) { return UserId::parse("u" + std::to_string(n)).value(); }

TEST(Record, UnitedAcksKeepOrderGreaterNumberAndTheBound) {
  const std::vector<UserId> first{user(1), user(2)};
  const std::vector<UserId> second{user(3), user(2)};
  Acks acks = Acks::of(first, 5);
  EXPECT_TRUE(acks.unite(second, 3));
  EXPECT_EQ(acks.list, (std::vector<UserId>{user(1), user(2), user(3)}));
  EXPECT_EQ(acks.n, 5u);
  EXPECT_FALSE(acks.unite(second, 4));

  std::vector<UserId> many;
  for (int i = 0; i < 40; ++i) many.push_back(user(i));
  EXPECT_TRUE(acks.unite(many, 0));
  EXPECT_EQ(acks.list.size(), limits::kAcksListedMax);
  EXPECT_EQ(acks.n, 40u);
  EXPECT_FALSE(acks.unite(many, 40));
}

TEST(Record, AViewOfAStoredRecordStoresTheSameRecord) {
  StoredRecord r;
  const ChannelId channel{};
  r.id.octets[5] = 7;
  r.from = user(1);
  r.msg = {1, 2, 3};
  r.stamp = {9};
  r.acks = Acks::of(std::vector<UserId>{user(2)}, 4);
  r.digest = record_digest(channel, r.id, r.from, r.msg);
  EXPECT_EQ(stored_record(channel, record_view(r)), r);
  EXPECT_TRUE(plausible(record_view(r)));
  Record wrong = record_view(r);
  ++wrong.timestamp;
  EXPECT_FALSE(plausible(wrong));
}

}  // namespace
}  // namespace moot
