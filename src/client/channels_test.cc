#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/record.h"
#include "client/peer_for_test.h"

namespace moot::client {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const ChannelId kOps = ChannelId::of(as_bytes("the channel #ops"));
const std::vector<UserId> kAll{user("ada"), user("bob"), user("cyd")};

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

// ---- what is asked of the server --------------------------------------------------------------

TEST_F(ChannelsTest, ACreatedChannelIsDoneOnceTheBarrierIsPast) {
  open();
  ask([](Channels& c) { c.create({5}, {.name = "ops"}); });
  EXPECT_THAT(w.heard(), ElementsAre(AllOf(StartsWith("CH_CREATE"), HasSubstr("name=\"ops\"")),
                                     StartsWith("INFO")));
  EXPECT_THAT(w.events(), IsEmpty());
  w.barrier();
  EXPECT_THAT(w.events(), Contains("done 5"));
}

TEST_F(ChannelsTest, ARefusalIsTheAnswerAndNothingIsAskedAgain) {
  open();
  ask([](Channels& c) { c.create({5}, {.name = "ops"}); });
  const auto ref = w.server().nonce_of(w.heard()[0]);
  w.from_server(s::Err{.ref = ref,
                       .ref_cmd = "CH_CREATE",
                       .code = "name_taken",
                       .message = "taken",
                       .ref_index = 0});
  w.barrier();
  EXPECT_THAT(w.events(), ElementsAre("done 5: taken"));
}

TEST_F(ChannelsTest, AnUnansweredChangeIsSentAgainOnTheNextConnection) {
  open();
  w.from_server(status(ChannelStatus::server));
  forget();
  ask([](Channels& c) { c.leave({6}, "ops"); });
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_LEAVE")));
  w.lose();
  w.pass(std::chrono::seconds(60));
  w.open();
  const auto heard = w.heard();
  ASSERT_THAT(heard, Contains(StartsWith("CH_LEAVE")));
  // The first one had got through.
  for (const std::string& cmd : heard) {
    if (!cmd.starts_with("CH_LEAVE")) continue;
    w.from_server(s::Err{.ref = w.server().nonce_of(cmd),
                         .ref_cmd = "CH_LEAVE",
                         .code = "not_member",
                         .message = "You are no member."});
  }
  EXPECT_THAT(w.events(), Contains("done 6"));
}

TEST_F(ChannelsTest, AnOpenChannelIsEnteredByItsNameFoundPageByPage) {
  open();
  ask([](Channels& c) { c.enter({7}, "ops"); });
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_LST")));
  const std::vector<ChannelEntry> first{
      {.id = ChannelId::of(as_bytes("a channel of 16.")), .name = Name{"lobby"}}};
  w.from_server(s::LstCh{.channels = first, .more = true});
  EXPECT_THAT(w.heard(), Contains(AllOf(StartsWith("CH_LST"), HasSubstr("after="))));
  const std::vector<ChannelEntry> second{{.id = kOps, .name = Name{"ops"}}};
  w.from_server(s::LstCh{.channels = second, .more = false});
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_JOIN id=" + text(kOps))));
}

TEST_F(ChannelsTest, ANameThatNobodyHasIsToldWithWhatToDo) {
  open();
  ask([](Channels& c) { c.enter({7}, "nowhere"); });
  w.from_server(s::LstCh{});
  EXPECT_THAT(w.events(), Contains(AllOf(StartsWith("done 7: "), HasSubstr("`moot channels`"))));
}

TEST_F(ChannelsTest, AnInvitationIsToldAndTakenWithoutTheList) {
  open();
  const std::vector<ChannelEntry> one{{.id = kOps, .name = Name{"ops"}, .invited = true}};
  w.from_server(s::LstCh{.channels = one});
  EXPECT_THAT(w.events(), ElementsAre(StartsWith("channel #ops invited")));
  ask([](Channels& c) { c.enter({8}, "ops"); });
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_JOIN")));
}

TEST_F(ChannelsTest, AListOfOneInvitationIsAnAnswerOnceTheBarrierSaysSo) {
  open();
  ask([](Channels& c) { c.list({9}); });
  const std::vector<ChannelEntry> one{{.id = kOps, .name = Name{"ops"}, .invited = true}};
  w.from_server(s::LstCh{.channels = one});
  EXPECT_THAT(w.events(), Not(Contains(StartsWith("channels"))));
  w.barrier();
  EXPECT_THAT(w.events(), Contains("channels #ops? last"));
}

TEST_F(ChannelsTest, AListMarksWhatIsOurs) {
  open();
  w.from_server(status(ChannelStatus::healthy));
  forget();
  ask([](Channels& c) { c.list({9}); });
  const std::vector<ChannelEntry> page{
      {.id = ChannelId::of(as_bytes("a channel of 16.")), .name = Name{"lobby"}},
      {.id = kOps, .name = Name{"ops"}}};
  w.from_server(s::LstCh{.channels = page});
  EXPECT_THAT(w.events(), ElementsAre("channels #lobby #ops+ last"));
}

TEST_F(ChannelsTest, MembersComePageByPage) {
  open();
  w.from_server(status(ChannelStatus::healthy));
  forget();
  ask([](Channels& c) { c.members({4}, "ops"); });
  const std::vector<MemberEntry> a{{user("ada"), true}};
  const std::vector<MemberEntry> b{{user("bob"), false}};
  w.from_server(s::ChMembers{.id = kOps, .users = a, .more = true});
  w.from_server(s::ChMembers{.id = kOps, .users = b, .more = false});
  EXPECT_THAT(w.events(), ElementsAre("members @ada+", "members @bob last"));
}

// ---- leaving ----------------------------------------------------------------------------------

TEST_F(ChannelsTest, WhoIsKickedHearsItAndKeepsWhatIsThere) {
  open();
  healthy();
  w.from_server(s::ChUleave{.channel = kOps, .user = user("ada"), .reason = "kicked"});
  EXPECT_THAT(w.events(), Contains("left #ops kicked"));
  const LocalChannel* ops = w.engine().core().channels().find("ops");
  ASSERT_NE(ops, nullptr);
  EXPECT_FALSE(ops->known().member);
  const auto refused = w.on_channels([](Channels& c) { return c.post("ops", "hello?"); });
  EXPECT_FALSE(refused.has_value());
}

TEST_F(ChannelsTest, AChannelThatTheServerDoesNotTellOfAnyMoreIsGone) {
  open();
  w.from_server(status(ChannelStatus::healthy));
  w.lose();
  w.pass(std::chrono::seconds(60));
  w.open();
  w.events();
  w.barrier();
  EXPECT_THAT(w.events(), Contains("left #ops removed"));
}

TEST_F(ChannelsTest, AfterADcnnReplacedTheReplicaIsAnother) {
  open();
  healthy();
  const ReplicaId before = w.engine().core().channels().find("ops")->known().replica;
  w.from_server(s::Dcnn{.code = "replaced", .message = "replaced"});
  bool renewed = false;
  for (const cop::Any& op : w.ops()) {
    const auto* put = std::get_if<cop::PutChannel>(&op);
    renewed |= put != nullptr && put->channel.replica != before;
  }
  EXPECT_TRUE(renewed);
}

// ---- pulls ------------------------------------------------------------------------------------

TEST_F(ChannelsTest, APullIsDoneWhenTheLeaderHasNothingMore) {
  open();
  healthy();
  ask([](Channels& c) { c.pull({3}, "ops"); });
  const auto heard = w.heard();
  ASSERT_THAT(heard, Contains(StartsWith("CH_PULL")));
  w.from_server(s::ChAppend{.id = kOps, .req = 2});
  w.commit();
  EXPECT_THAT(w.events(), AllOf(Contains("synced #ops"), Contains("done 3")));
}

TEST_F(ChannelsTest, APullWithoutALeaderSaysWhoIsMissing) {
  open();
  w.from_server(status(ChannelStatus::few, 2));
  ask([](Channels& c) { c.pull({3}, "ops"); });
  w.from_server(status(ChannelStatus::few, 2));
  forget();
  w.pass(limits::kLeaderPatience);
  EXPECT_THAT(w.events(), Contains(AllOf(StartsWith("done 3: Nobody leads #ops."),
                                         HasSubstr("1 more person"))));
}

TEST_F(ChannelsTest, ALongPullIsPatientAgainWhenItsLeaderGoes) {
  open();
  healthy();
  ask([](Channels& c) { c.pull({3}, "ops"); });
  for (Millis passed{0}; passed <= limits::kLeaderPatience; passed += Millis{1'000})
    w.pass(Millis{1'000});
  // The comparison goes on, and nothing is due that nobody does.
  EXPECT_GT(w.engine().next_tick(), w.now().tick);
  forget();
  w.from_server(status(ChannelStatus::electing));
  EXPECT_THAT(w.events(), Not(Contains(StartsWith("done 3"))));
  elect("cyd");
  EXPECT_THAT(w.heard(), Contains(StartsWith("CH_PULL")));
  w.from_server(status(ChannelStatus::electing));
  w.pass(limits::kLeaderPatience);
  EXPECT_THAT(w.events(), Contains(StartsWith("done 3: Nobody leads #ops.")));
}

TEST_F(ChannelsTest, OnlySoManyQuestionsOfAKindWait) {
  open();
  w.from_server(status(ChannelStatus::few, 2));
  w.lose();
  const auto refused = [&](auto question) {
    forget();
    for (std::uint64_t n = 1; n <= limits::kListsWaiting; ++n)
      ask([&](Channels& c) { question(c, RequestId{n}); });
    EXPECT_THAT(w.events(), IsEmpty());
    ask([&](Channels& c) { question(c, RequestId{9'999}); });
    EXPECT_THAT(w.events(), ElementsAre(StartsWith("done 9999: Too many questions wait")));
  };
  refused([](Channels& c, RequestId r) { c.list(r); });
  refused([](Channels& c, RequestId r) { c.members(r, "ops"); });
  refused([](Channels& c, RequestId r) { c.pull(r, "ops"); });
  // The names that are looked for share the queue of the list.
  ask([](Channels& c) { c.enter({9'999}, "nowhere"); });
  EXPECT_THAT(w.events(), ElementsAre(StartsWith("done 9999: Too many questions wait")));
}

TEST_F(ChannelsTest, ARefusedListIsNotTakenForAnEmptyOne) {
  open();
  ask([](Channels& c) { c.enter({7}, "nowhere"); });
  w.from_server(s::Err{.ref_cmd = "CH_LST", .code = "busy", .message = "Later."});
  EXPECT_THAT(w.events(), ElementsAre("done 7: Later."));
}

TEST_F(ChannelsTest, TheIdOfAChannelOfOursIsItsNameWhateverItIsCalled) {
  open();
  w.from_server(status(ChannelStatus::healthy));
  s::ChStatus renamed = status(ChannelStatus::healthy);
  renamed.name = Name{"dev"};
  w.from_server(renamed);
  const Channels& channels = w.engine().core().channels();
  EXPECT_EQ(channels.find("ops"), nullptr);
  ASSERT_NE(channels.find(text(kOps)), nullptr);
  EXPECT_EQ(channels.find(text(kOps)), channels.find("dev"));
}

TEST_F(ChannelsTest, APullTellsOfHowManyAsSoonAsItKnows) {
  open();
  healthy();
  ask([](Channels& c) { c.pull({3}, "ops"); });
  std::vector<ByteBuf> bodies;
  std::vector<AppendRecord> page;
  const std::vector<std::uint8_t> stamp(20, 1);
  for (std::uint8_t i = 0; i < 3; ++i) bodies.push_back(*write_text("old", std::nullopt));
  for (std::uint8_t i = 0; i < 3; ++i) {
    const std::array<std::uint8_t, 10> random{i};
    const MsgId id = MsgId::make(w.now().wall, random);
    AppendRecord& record = page.emplace_back();
    record.id = id;
    record.from = user("bob");
    record.timestamp = id.time().ms;
    record.msg = bodies[i];
    record.stamp = stamp;
  }
  const auto answer = [&](std::uint64_t req, std::size_t from, std::size_t n, bool more) {
    s::ChAppend append{.id = kOps, .req = req};
    const std::span<const AppendRecord> part = std::span(page).subspan(from, n);
    append.messages = part;
    append.more = more;
    if (more) append.upto = part.back().id;
    forget();
    w.from_server(append);
    std::vector<std::string> told;
    for (std::string& e : w.events())
      if (e.starts_with("sync")) told.push_back(std::move(e));
    w.commit();
    return told;
  };
  // While pages follow nobody says how many there are; then it is known.
  EXPECT_THAT(answer(2, 0, 2, true), ElementsAre("sync #ops 2 of 0"));
  EXPECT_THAT(answer(3, 2, 1, false), ElementsAre("sync #ops 3 of 3"));
}

TEST_F(ChannelsTest, APullEndsWithTheConnection) {
  open();
  healthy();
  ask([](Channels& c) { c.pull({3}, "ops"); });
  w.lose();
  EXPECT_THAT(w.events(), Contains(StartsWith("done 3: The connection")));
}

}  // namespace
}  // namespace moot::client
