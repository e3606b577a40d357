#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/channels_for_test.h"

namespace moot::client {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(ChannelsTest, AChannelIsStoredWhenTheServerTellsOfItAndNotAttachedUnasked) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  EXPECT_THAT(w.events(), ElementsAre("channel #ops few"));
  const auto ops = w.ops();
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_EQ(std::get<cop::PutChannel>(ops[0]).channel.name, "ops");
  EXPECT_THAT(w.heard(), IsEmpty());
}

TEST_F(ChannelsTest, WhatIsWantedIsAttachedOnEveryConnectionWithTheSameReplica) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  attach();
  const auto first = w.heard();
  ASSERT_THAT(first, ElementsAre(StartsWith("CH_ATTACH")));
  w.lose();
  w.pass(std::chrono::seconds(60));
  w.open();
  w.from_server(status(ChannelStatus::few, 1));
  EXPECT_THAT(w.heard(), Contains(first[0]));
}

TEST_F(ChannelsTest, ATextWaitsWithoutAnIdAndSaysHowManyAreMissing) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  post("hello");
  EXPECT_THAT(w.events(), Not(Contains(StartsWith("post"))));  // not on disk yet
  w.commit();
  EXPECT_THAT(w.events(), Contains(AllOf(StartsWith("post #ops @ada hello waiting no id ours"),
                                         HasSubstr("2 more people"), HasSubstr("1 of 3"))));
  EXPECT_THAT(w.heard(), Not(Contains(StartsWith("CH_MSG"))));
  EXPECT_EQ(w.engine().core().outbox_size(), 1U);
}

TEST_F(ChannelsTest, ATextThatWaitedGoesIntoThePendingSetInOneTransactionAndLeavesOnceOnDisk) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  post("hello");
  w.commit();
  forget();
  w.from_server(status(ChannelStatus::healthy));
  const auto ops = w.ops();
  bool dropped = false;
  bool put = false;
  for (const cop::Any& op : ops) {
    dropped |= std::holds_alternative<cop::DropWaiting>(op);
    const auto* r = std::get_if<cop::ReplicaOps>(&op);
    put |= r != nullptr && std::holds_alternative<rop::PutPending>(r->ops[0].op);
  }
  EXPECT_TRUE(dropped && put);
  EXPECT_THAT(w.heard(), Not(Contains(StartsWith("CH_MSG"))));
}

TEST_F(ChannelsTest, AMessageIsPendingThenCommittedAndItsMarkGoesToDiskAWhileLater) {
  open();
  healthy();
  post("hello");
  EXPECT_THAT(w.heard(), Not(Contains(StartsWith("CH_MSG"))));
  w.commit();
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_MSG")));
  EXPECT_THAT(w.events(), Contains("post #ops @ada hello pending ours"));
  const RecordKey key = only_pending();
  w.from_server(s::ChMsgAck{
      .id = key.id, .user = user("bob"), .channel = kOps, .digest = key.digest, .need = 1});
  EXPECT_THAT(w.events(), Contains("post #ops @ada hello pending ours need 1"));
  w.ops();
  commit(key);
  EXPECT_THAT(w.events(), Contains("post #ops @ada hello committed ours"));
  EXPECT_THAT(w.ops(), IsEmpty());  // for company on the disk
  w.pass(limits::kCommitMarkDelay);
  EXPECT_FALSE(w.ops().empty());
}

TEST_F(ChannelsTest, MoreAcknowledgementsAreNoSecondCommit) {
  open();
  healthy();
  post("hello");
  w.commit();
  const RecordKey key = only_pending();
  commit(key);
  w.pass(limits::kCommitMarkDelay);
  w.commit();
  forget();
  commit(key, {user("cyd")});
  EXPECT_THAT(w.events(), ElementsAre("post #ops @ada hello committed again"));
}

TEST_F(ChannelsTest, AReadOfTheStoreSeesWhatWasTold) {
  open();
  healthy();
  post("hello");
  w.commit();
  const RecordKey key = only_pending();
  w.ops();
  commit(key);
  w.engine().flush_store(w.now());
  const auto ops = w.ops();
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_EQ(std::get<cop::ReplicaOps>(ops[0]).ops.at(0).op.index(),
            rop::Any(rop::DropPending{}).index());
}

TEST_F(ChannelsTest, TheMessageOfAnotherIsAcknowledgedOnlyOnceItIsOnDisk) {
  open();
  healthy();
  bob_says("from bob", false);
  EXPECT_THAT(w.events(), Contains("post #ops @bob from bob pending"));
  EXPECT_THAT(w.heard(), Not(Contains(StartsWith("ACK_CH_MSG"))));
  w.commit();
  EXPECT_THAT(w.heard(), Contains(StartsWith("ACK_CH_MSG")));
}

TEST_F(ChannelsTest, WhatTheServerKeepsIsCommittedAtOnceAndFoldedForTheSearch) {
  open();
  w.from_server(status(ChannelStatus::server, 1));
  attach();
  w.ops();
  bob_says("kept", true);
  EXPECT_THAT(w.events(), Contains("post #ops @bob kept committed"));
  std::string folded;
  for (const cop::Any& op : w.ops()) {
    const auto* r = std::get_if<cop::ReplicaOps>(&op);
    if (r == nullptr) continue;
    for (const auto& o : r->ops) {
      if (std::holds_alternative<rop::PutCommitted>(o.op)) folded = o.folded;
    }
  }
  EXPECT_EQ(folded, "kept");
}

TEST_F(ChannelsTest, WhatWaitedBeforeARestartGoesWithoutBeingAskedFor) {
  ClientSnapshot snapshot;
  StoredChannel ops;
  ops.channel.id = kOps;
  ops.channel.name = ops.channel.folded = "ops";
  snapshot.channels.push_back(ops);
  snapshot.waiting.push_back({7, kOps, *write_text("from before", std::nullopt)});
  w.begin(std::move(snapshot));
  w.open();
  w.from_server(status(ChannelStatus::healthy));
  w.commit();
  EXPECT_THAT(w.heard(), AllOf(Contains(StartsWith("CH_ATTACH")), Contains(StartsWith("CH_MSG"))));
}

TEST_F(ChannelsTest, WhatWasInDoubtBeforeARestartGoesWithoutBeingAskedFor) {
  open();
  healthy();
  post("from before");
  w.commit();
  ClientSnapshot snapshot;
  StoredChannel& ops = snapshot.channels.emplace_back();
  ops.channel = w.engine().core().channels().find("ops")->known();
  for (const auto& [key, entry] : replica().pending().all())
    ops.replica.pending.push_back({entry.record, entry.own});
  ASSERT_EQ(ops.replica.pending.size(), 1u);
  w.begin(std::move(snapshot));
  w.open();
  w.from_server(status(ChannelStatus::healthy));
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_ATTACH")));
  elect();
  answer_sync();
  w.pass(Millis{300});
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_MSG")));
}

TEST_F(ChannelsTest, WhatWasInDoubtBeforeARestartKeepsItsIdWhateverIsRefused) {
  open();
  healthy();
  post("from before");
  w.commit();
  const RecordKey key = only_pending();
  ClientSnapshot snapshot;
  StoredChannel& ops = snapshot.channels.emplace_back();
  ops.channel = w.engine().core().channels().find("ops")->known();
  ops.replica.pending.push_back({replica().pending().find(key)->record, true});
  w.begin(std::move(snapshot));
  w.open();
  w.from_server(status(ChannelStatus::healthy));
  elect();
  answer_sync();
  w.pass(Millis{300});
  ASSERT_THAT(w.heard(), Contains(StartsWith("CH_MSG")));
  for (const Errc code : {Errc::bad_time, Errc::conflict, Errc::expired}) {
    s::Err err;
    err.code = moot::text(code);
    err.ref_cmd = "CH_MSG";
    err.channel = kOps;
    err.id = MsgOrUser(key.id);
    err.now = w.now().wall.ms;
    w.from_server(err);
    w.commit();
    EXPECT_EQ(only_pending(), key) << moot::text(code);
  }
}

TEST_F(ChannelsTest, ATextThatWaitedGoesAfterTheChannelWasLeftAndEnteredAgain) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  post("soon");
  w.commit();
  w.from_server(s::ChUleave{.channel = kOps, .user = user("ada"), .reason = "kicked"});
  forget();
  w.from_server(status(ChannelStatus::healthy));
  w.commit();
  EXPECT_THAT(w.heard(), AllOf(Contains(StartsWith("CH_ATTACH")), Contains(StartsWith("CH_MSG"))));
}

TEST_F(ChannelsTest, ANewNumberIsNeverOneFromBeforeARestart) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  const auto first = post("one");
  w.commit();
  w.pass(Millis{1});
  ClientSnapshot snapshot;
  snapshot.channels.push_back({w.engine().core().channels().find("ops")->known(), {}});
  w.begin(std::move(snapshot));
  EXPECT_GT(post("two"), first);
}

TEST_F(ChannelsTest, OnlySoManyOfOursAreOnTheirWayAtOnceTheOthersWaitInOrder) {
  open();
  healthy();
  for (std::size_t i = 0; i < limits::kOwnInFlight + 5; ++i) post("text " + std::to_string(i));
  EXPECT_EQ(replica().pending().size(), limits::kOwnInFlight);
  EXPECT_EQ(w.engine().core().channels().find("ops")->waiting(), 5U);
}

TEST_F(ChannelsTest, AMessageThatIsTooLongIsRefusedBeforeAnythingIsStored) {
  open();
  w.from_server(status(ChannelStatus::few, 1));
  w.commit();
  forget();
  const auto refused = w.on_channels(
      [](Channels& c) { return c.post("ops", std::string(limits::kMsgBytesMax, 'x')); });
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("in parts"));
  EXPECT_THAT(w.ops(), IsEmpty());
}

}  // namespace
}  // namespace moot::client
