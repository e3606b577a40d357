#pragma once

#include <gtest/gtest.h>

#include "channel/record.h"
#include "client/peer_for_test.h"

namespace moot::client {

inline const ChannelId kOps = ChannelId::of(as_bytes("the channel #ops"));
inline const std::vector<UserId> kAll{user("ada"), user("bob"), user("cyd")};

// A server's side of one channel #ops, as far as a client can tell.
class ChannelsTest : public testing::Test {
 protected:
  void open() {
    w.open();
    w.barrier();
    w.commit();
    forget();
  }
  void forget() {
    w.heard();
    w.events();
    w.ops();
  }
  s::ChStatus status(ChannelStatus how, std::size_t online = 3) {
    s::ChStatus s;
    s.id = kOps;
    s.name = Name{"ops"};
    s.status = how;
    s.keeper = how == ChannelStatus::server ? Keeper::server : Keeper::members;
    if (how == ChannelStatus::healthy) s.leader = user("bob");
    if (how == ChannelStatus::server) s.leader = server_user();
    s.min = how == ChannelStatus::server ? 1 : 3;
    s.election = 1 << 20;
    s.members = kAll;
    s.online = Users(kAll).first(online);
    s.acks = true;
    s.now = w.now().wall.ms;
    return s;
  }
  // The server says that bob leads, and that ada's history is what he has: none.
  void elect(std::string_view leader = "bob") {
    w.from_server(s::ChElected{.election = 1 << 20 | 1, .leader = user(leader), .id = kOps});
  }
  void answer_sync() {
    w.from_server(s::ChAppend{.id = kOps, .req = 1});
    w.commit();
  }
  // #ops is known, attached, led by bob, synced, and nothing is left to be told.
  void healthy() {
    w.from_server(status(ChannelStatus::healthy));
    attach();
    elect();
    answer_sync();
    w.from_server(status(ChannelStatus::healthy));
    w.commit();
    w.pass(Millis{300});
    w.commit();
    forget();
  }
  void attach() {
    ASSERT_TRUE(w.on_channels([](Channels& c) { return c.attach("ops"); }));
  }
  std::uint64_t post(std::string_view text) {
    const auto draft = w.on_channels([&](Channels& c) { return c.post("ops", text); });
    EXPECT_TRUE(draft.has_value());
    return draft.value_or(0);
  }
  template <class F>
  void ask(F work) {
    w.on_channels([&](Channels& c) {
      work(c);
      return true;
    });
  }
  void commit(const RecordKey& key, const std::vector<UserId>& acks = {user("ada"), user("bob")}) {
    w.from_server(s::ChMsgCommit{.id = key.id,
                                 .acks = acks,
                                 .channel = kOps,
                                 .election = 1 << 20 | 1,
                                 .digest = key.digest,
                                 .acks_n = 2});
  }
  // Bob says something, and the server relays it.
  void bob_says(std::string_view text, bool committed) {
    const ByteBuf msg = *write_text(text, std::nullopt);
    const std::array<std::uint8_t, 10> random{1};
    const MsgId id = MsgId::make(w.now().wall, random);
    const std::vector<std::uint8_t> stamp(20, 1);
    s::ChMsg relayed{.id = kOps,
                     .msg_id = id,
                     .msg = msg,
                     .from = user("bob"),
                     .sent = id.time().ms,
                     .stamp = stamp};
    if (committed) relayed.committed = true;
    w.from_server(relayed);
  }
  const Replica& replica() { return w.engine().core().channels().find("ops")->replica(); }
  RecordKey only_pending() {
    EXPECT_EQ(replica().pending().size(), 1U);
    return replica().pending().all().begin()->first;
  }

  World w;
};

}  // namespace moot::client
