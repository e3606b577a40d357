// What is asked of the server about channels: lists, changes, pulls.
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

TEST_F(ChannelsTest, ACreatedChannelIsDoneOnceTheBarrierIsPast) {
  open();
  ask([](Channels& c) { c.create({5}, {.name = "ops"}); });
  EXPECT_THAT(w.heard(), ElementsAre(AllOf(StartsWith("CH_CREATE"), HasSubstr("name=\"ops\"")),
                                     StartsWith("INFO")));
  EXPECT_THAT(w.events(), IsEmpty());
  w.barrier();
  EXPECT_THAT(w.events(), Contains("done 5"));
}

TEST_F(ChannelsTest, WhoKeepsAChannelIsNeverGuessed) {
  ask([](Channels& c) { c.create({5}, {.name = "ops"}); });
  EXPECT_THAT(w.events(), Contains(StartsWith("done 5: Say who keeps the channel")));
  open();
  ask([](Channels& c) { c.create({6}, {.name = "ops"}); });
  EXPECT_THAT(w.heard(), Contains(AllOf(StartsWith("CH_CREATE"), HasSubstr("keeper=server"))));
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
