#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/client_store.h"
#include "store/record_rows.h"
#include "store/support_test.h"

// What the tests of the client's store share.
namespace moot::store {

class ClientTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open(const char* vfs = nullptr) {
    store.reset();
    auto opened = ClientStore::open({.dir = dir.path(), .bounds = {}, .vfs = vfs}, told.hooks());
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  void put(std::vector<cop::Any> ops) {
    store->submit(Ticket{++ticket}, std::move(ops));
    ASSERT_TRUE(told.wait(Ticket{ticket}));
  }

  TempDir dir;
  Told told;
  std::unique_ptr<ClientStore> store;
  std::uint64_t ticket = 0;
};

// Record n of a channel: its text and all else follow from n; keys ascend with it.
inline StoredRecord record_n(std::uint64_t n, std::string_view author = "ada") {
  StoredRecord r;
  const std::array<std::uint8_t, 10> tail{static_cast<std::uint8_t>(n)};
  r.id = MsgId::make({1'000 + n}, tail);
  r.from = user(author);
  r.msg = body("text " + std::to_string(n));
  r.stamp = body("stamp");
  r.acks = {.list = {user("ada"), user("bob")}, .n = 2};
  r.digest = id_of<Digest>(n * 7 + 1);
  return r;
}
inline KnownChannel known_channel(std::uint64_t n) {
  return {.id = channel_id(n),
          .name = "Room " + std::to_string(n),
          .folded = "room " + std::to_string(n),
          .keeper = Keeper::members,
          .topic = "a topic",
          .replica = id_of<ReplicaId>(n),
          .member = true,
          .read_seq = 0};
}
inline cop::ReplicaOps replica_ops(std::uint64_t channel, std::vector<rop::Any> ops) {
  cop::ReplicaOps all{.channel = channel_id(channel), .ops = {}};
  for (rop::Any& op : ops) {
    std::string folded;
    if (const auto* put = std::get_if<rop::PutCommitted>(&op)) {
      folded = as_text(put->record.msg);
    }
    all.ops.push_back({.op = std::move(op), .folded = std::move(folded)});
  }
  return all;
}

// A channel whose committed records are kept with the leaf that sums them up, as a replica does.
// REQUIRES: fewer than a leaf holds.
struct OneLeaf {
  std::uint64_t channel = 1;
  LeafSummary leaf;
  cop::ReplicaOps commit(const StoredRecord& record) {
    leaf.add(record.digest);
    return replica_ops(channel, {rop::PutCommitted{record}, rop::PutLeaf{leaf}});
  }
};

}  // namespace moot::store
