#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/content.h"
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

// Opened, its first barrier answered, nothing pending.
std::unique_ptr<World> open_world(ClientSnapshot snapshot = {}, bool answers = false) {
  auto w = std::make_unique<World>(std::move(snapshot), answers);
  w->open();
  w->barrier();
  w->commit();
  w->heard();
  w->events();
  w->ops();
  return w;
}

ByteBuf body(std::string_view text) { return *write_text(text, std::nullopt); }

MsgId id_at(UnixMs at, std::uint8_t n) {
  const std::array<std::uint8_t, 10> random{n};
  return MsgId::make(at, random);
}

TEST(ClientCore, AMessageLeavesOnlyOnceItIsOnDisk) {
  auto w = open_world();
  w->say("bob", "hi");
  w->run();
  EXPECT_THAT(w->heard(), IsEmpty());
  w->commit();
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("PV_MSG to=@bob"), StartsWith("INFO")));
}

TEST(ClientCore, ABarrierMakesItSentAndAnAckMakesItAcked) {
  auto w = open_world();
  const MsgId id = w->say("bob", "hi");
  w->commit();
  w->events();
  w->barrier();
  EXPECT_THAT(w->events(), ElementsAre("state sent"));
  w->from_server(s::MsgAck{.msg_id = id, .from = user("bob")});
  EXPECT_THAT(w->events(), ElementsAre("state acked"));
  EXPECT_EQ(w->engine().core().outbox_size(), 0u);
}

TEST(ClientCore, AnAckOfSomebodyElseConfirmsNothing) {
  auto w = open_world();
  const MsgId id = w->say("bob", "hi");
  w->commit();
  w->events();
  w->from_server(s::MsgAck{.msg_id = id, .from = user("eve")});
  EXPECT_THAT(w->events(), IsEmpty());
  EXPECT_EQ(w->engine().core().outbox_size(), 1u);
}

TEST(ClientCore, WhatWasNotConfirmedGoesAgainUnderItsIdAfterAReconnect) {
  auto w = open_world();
  w->say("bob", "one");
  w->say("bob", "two");
  w->commit();
  const auto first = w->heard();
  ASSERT_EQ(first.size(), 3u);
  w->lose();
  w->open();
  EXPECT_THAT(w->heard(), AllOf(Contains(first[0]), Contains(first[1])));
}

TEST(ClientCore, WhatIsSafeGoesAgainOnlyAfterTheKeptAcksAreIn) {
  auto w = open_world();
  const MsgId one = w->say("bob", "one");
  const MsgId two = w->say("bob", "two");
  w->commit();
  w->barrier();
  w->lose();
  w->open();
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("INFO")));
  w->from_server(s::MsgAck{.msg_id = one, .from = user("bob")});
  w->barrier();
  EXPECT_THAT(w->heard(),
              ElementsAre(AllOf(StartsWith("PV_MSG"), HasSubstr(text(two))), StartsWith("INFO")));
}

TEST(ClientCore, TheOutboxSurvivesARestart) {
  ClientSnapshot snapshot;
  PrivateMessage m;
  m.peer = user("bob");
  m.author = user("ada");
  m.msg_id = id_at({1'699'999'000'000}, 1);
  m.msg = body("before");
  m.state = MessageState::queued;
  snapshot.outbox = {m};
  World w(std::move(snapshot));
  w.open();
  EXPECT_THAT(w.heard(), Contains(AllOf(StartsWith("PV_MSG"), HasSubstr(text(m.msg_id)))));
}

TEST(ClientCore, AReceivedMessageIsShownAndAcknowledgedOnceItIsOnDisk) {
  auto w = open_world();
  const ByteBuf msg = body("hello");
  const MsgId id = id_at(w->now().wall, 1);
  w->from_server(s::Msg{.from = user("bob"), .msg_id = id, .msg = msg, .sent = id.time().ms});
  EXPECT_THAT(w->heard(), IsEmpty());
  EXPECT_THAT(w->events(), IsEmpty());
  w->commit();
  EXPECT_THAT(w->events(), ElementsAre("message @bob hello"));
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), ElementsAre("ACK_MSG from=@bob msg_id=" + text(id)));
}

TEST(ClientCore, ADuplicateIsDroppedAndAcknowledgedAgain) {
  auto w = open_world();
  const ByteBuf msg = body("hello");
  const s::Msg message{.from = user("bob"), .msg_id = id_at(w->now().wall, 1), .msg = msg};
  w->from_server(message);
  w->commit();
  w->pass(AckCompany::kWait);
  w->heard();
  w->events();
  w->from_server(message);
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("ACK_MSG")));
  EXPECT_THAT(w->events(), IsEmpty());
}

TEST(ClientCore, ADuplicateAfterARestartIsDroppedToo) {
  ClientSnapshot snapshot;
  const MsgId id = id_at({1'700'000'000'000}, 1);
  snapshot.seen = {{user("bob"), id}};
  auto w = open_world(std::move(snapshot));
  const ByteBuf msg = body("hello");
  w->from_server(s::Msg{.from = user("bob"), .msg_id = id, .msg = msg});
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("ACK_MSG")));
  EXPECT_THAT(w->events(), IsEmpty());
}

// `n` messages of bob's, on disk.
void receive(World& w, std::uint8_t n) {
  const ByteBuf msg = body("hello");
  for (std::uint8_t i = 0; i < n; ++i) {
    w.from_server(s::Msg{.from = user("bob"), .msg_id = id_at(w.now().wall, i), .msg = msg});
  }
  w.commit();
}

TEST(ClientCore, AcknowledgementsWaitForCompanyAndLeaveTogether) {
  auto w = open_world();
  receive(*w, 5);
  w->pass(AckCompany::kWait - Millis{1});
  EXPECT_THAT(w->heard(), IsEmpty());
  const std::size_t before = w->server().frames();
  w->pass(Millis{1});
  EXPECT_EQ(w->heard().size(), 5u);
  EXPECT_EQ(w->server().frames() - before, 1u);
}

TEST(ClientCore, ManyAcknowledgementsDoNotWait) {
  auto w = open_world();
  receive(*w, AckCompany::kMost - 1);
  EXPECT_THAT(w->heard(), IsEmpty());
  receive(*w, AckCompany::kMost);
  EXPECT_GE(w->heard().size(), AckCompany::kMost);
}

TEST(ClientCore, AcknowledgementsGoWithWhatLeavesAnyway) {
  auto w = open_world();
  receive(*w, 2);
  w->say("bob", "hi");
  w->commit();
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("PV_MSG"), StartsWith("INFO"),
                                      StartsWith("ACK_MSG"), StartsWith("ACK_MSG")));
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), IsEmpty());
}

TEST(ClientCore, WhoLeavesAcknowledgesFirst) {
  auto w = open_world();
  receive(*w, 1);
  w->engine().leave(w->now());
  w->run();
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("ACK_MSG"), StartsWith("DCNN")));
}

TEST(ClientCore, WhatWasNotAcknowledgedBeforeTheEndIsWhenItComesAgain) {
  auto w = open_world();
  receive(*w, 1);
  w->lose();
  w->pass(Seconds{2});
  w->open();
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), Not(Contains(StartsWith("ACK_MSG"))));
  const ByteBuf msg = body("hello");
  w->from_server(s::Msg{.from = user("bob"), .msg_id = id_at(w->now().wall, 9), .msg = msg});
  w->commit();
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("ACK_MSG")));
}

TEST(ClientCore, SeenIsToldWithinFiveSecondsAndCoversOnlyWhatIsOnDisk) {
  auto w = open_world();
  const MsgId id = w->say("bob", "hi");
  w->commit();
  w->barrier();
  w->commit();
  w->heard();
  const std::uint64_t before = w->server().last_sent();
  w->from_server(s::MsgAck{.msg_id = id, .from = user("bob")});
  w->pass(limits::kSeenWithin);
  EXPECT_THAT(w->heard(), ElementsAre("KALIVE seen=" + std::to_string(before)));
  w->commit();
  w->pass(Seconds{1});
  EXPECT_THAT(w->heard(), ElementsAre("KALIVE seen=" + std::to_string(before + 1)));
}

TEST(ClientCore, LeavingTellsWhatWasSeen) {
  auto w = open_world();
  const std::uint64_t last = w->server().last_sent();
  w->engine().leave(w->now());
  w->run();
  EXPECT_THAT(w->heard(), ElementsAre("DCNN seen=" + std::to_string(last)));
  EXPECT_TRUE(w->closed());
}

TEST(ClientCore, ASilentServerIsAskedAndThenLeft) {
  auto w = open_world();
  w->pass(Seconds{60});
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("INFO")));
  EXPECT_FALSE(w->closed());
  w->pass(limits::kInfoAnswerTimeout);
  EXPECT_TRUE(w->closed());
}

TEST(ClientCore, ReconnectsAfterHalfASecondThenDoublesUpToAMinute) {
  World w;
  Millis waited{0};
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 12; ++i) {
    w.lose();
    const Millis wait = w.engine().next_tick() - w.now().tick;
    waits.push_back(wait.count());
    w.pass(wait);
    EXPECT_EQ(w.connects(), i + 2);
  }
  EXPECT_EQ(waits.front(), 500);
  EXPECT_TRUE(std::ranges::is_sorted(waits));
  EXPECT_EQ(waits.back(), 30'000);  // half of a minute and no jitter
}

TEST(ClientCore, AnEndWithRetryTimeIsHonoured) {
  auto w = open_world();
  w->from_server(s::Dcnn{.code = "shutdown", .message = "Restarting.", .retry_s = 7});
  EXPECT_TRUE(w->closed());
  w->lose();
  EXPECT_EQ(w->engine().next_tick() - w->now().tick, Seconds{7});
}

TEST(ClientCore, ReplacedAndRevokedDoNotReconnect) {
  for (const std::string_view code : {"replaced", "revoked"}) {
    auto w = open_world();
    w->from_server(s::Dcnn{.code = code, .message = "No."});
    w->lose();
    EXPECT_THAT(w->events(), ElementsAre(StartsWith("refused, stopped: ")));
    w->pass(std::chrono::hours(1));
    EXPECT_EQ(w->connects(), 1) << code;
  }
}

// protocol.md 5.3: a server that ended in the middle of the handshake looks the same, once.
TEST(ClientCore, TheSecondSilenceRunningIsARefusal) {
  World w;
  w.refuse_in_silence();
  EXPECT_THAT(w.events(), ElementsAre("connecting", HasSubstr("does not know this key")));
  EXPECT_EQ(w.engine().next_tick() - w.now().tick, Millis{500});
  w.pass(Millis{500});
  w.lose("gone");  // something else between them: not running
  w.pass(Seconds{1});
  w.refuse_in_silence();
  EXPECT_THAT(w.events(), Not(Contains(StartsWith("refused"))));
  w.pass(Seconds{2});
  w.refuse_in_silence();
  EXPECT_THAT(w.events(), ElementsAre("connecting", AllOf(StartsWith("refused, waiting: "),
                                                          HasSubstr("does not know this key"))));
  EXPECT_GE(w.engine().next_tick() - w.now().tick, Seconds{4});
  w.pass(Seconds{10});
  w.open();
  EXPECT_THAT(w.events(), ElementsAre("connecting", "open"));
}

TEST(ClientCore, AFullQueueHoldsThePeerAndTriesAgainLater) {
  auto w = open_world();
  const MsgId id = w->say("bob", "hi");
  w->commit();
  w->heard();
  w->events();
  w->from_server(s::Err{.ref = 0,
                        .ref_cmd = "PV_MSG",
                        .code = "queue_full",
                        .message = "Full.",
                        .id = MsgOrUser(id)});
  w->barrier();
  EXPECT_THAT(w->events(), ElementsAre("state queued: Full."));
  EXPECT_THAT(w->heard(), IsEmpty());
  w->say("eve", "others go on");
  w->commit();
  EXPECT_THAT(w->heard(), Contains(StartsWith("PV_MSG to=@eve")));
  w->pass(Seconds{15});
  EXPECT_THAT(w->heard(), Contains(StartsWith("PV_MSG to=@bob")));
}

TEST(ClientCore, AnUnknownUserFailsTheMessageByItsFrameAlone) {
  auto w = open_world();
  w->say("nobody", "hi");
  w->commit();
  const auto heard = w->heard();
  w->events();
  w->from_server(s::Err{.ref = w->server().nonce_of(heard[0]),
                        .ref_cmd = "PV_MSG",
                        .code = "unknown_user",
                        .message = "There is no such user.",
                        .ref_index = 0});
  EXPECT_THAT(w->events(), ElementsAre("state failed: There is no such user."));
}

TEST(ClientCore, BadTimeGivesANewIdByTheServersClock) {
  auto w = open_world();
  const MsgId id = w->say("bob", "hi");
  w->commit();
  w->heard();
  const std::uint64_t server_now = w->now().wall.ms - 3'600'000;
  w->from_server(s::Err{.ref_cmd = "PV_MSG",
                        .code = "bad_time",
                        .message = "Ahead.",
                        .id = MsgOrUser(id),
                        .now = server_now});
  EXPECT_THAT(w->heard(), Not(Contains(StartsWith("PV_MSG"))));  // not before it is on disk
  w->barrier();
  w->commit();
  const auto heard = w->heard();
  EXPECT_THAT(heard, Contains(AllOf(StartsWith("PV_MSG"), Not(HasSubstr(text(id))))));
  const auto ops = w->ops();
  const auto renumber = std::ranges::find_if(
      ops, [](const cop::Any& op) { return std::holds_alternative<cop::Renumber>(op); });
  ASSERT_NE(renumber, ops.end());
  EXPECT_EQ(std::get<cop::Renumber>(*renumber).to.time().ms, server_now);
}

TEST(ClientCore, NewIdsAreGreaterThanAllOfTheConversation) {
  auto w = open_world();
  const ByteBuf msg = body("from the future");
  const MsgId ahead = id_at({w->now().wall.ms + 60'000}, 9);
  w->from_server(s::Msg{.from = user("bob"), .msg_id = ahead, .msg = msg});
  EXPECT_EQ(w->say("bob", "hi"), ahead.next());
  EXPECT_LT(w->say("eve", "hi"), ahead);
}

TEST(ClientCore, AWindowDrainsBeforeTheNextOneStarts) {
  auto w = open_world();
  for (int i = 0; i < 200; ++i) w->say("bob", "line " + std::to_string(i));
  w->commit();
  EXPECT_EQ(w->heard().size(), 129u);  // 128 and the barrier
  w->barrier();
  EXPECT_EQ(w->heard().size(), 73u);
}

TEST(ClientCore, AMessageFromAnotherDeviceIsStoredAndItsAckIsOurs) {
  auto w = open_world();
  const ByteBuf msg = body("from my phone");
  const MsgId id = id_at(w->now().wall, 3);
  w->from_server(s::Msg{.from = user("ada"), .msg_id = id, .msg = msg, .to = user("bob")});
  w->commit();
  EXPECT_THAT(w->events(), ElementsAre("message @ada from my phone"));
  w->pass(AckCompany::kWait);
  EXPECT_THAT(w->heard(), ElementsAre("ACK_MSG from=@ada msg_id=" + text(id)));
  w->from_server(s::MsgAck{.msg_id = id, .from = user("bob")});
  EXPECT_THAT(w->events(), ElementsAre("state acked"));
}

TEST(ClientCore, TheUserListComesPageByPage) {
  auto w = open_world();
  w->engine().list_users(w->now(), {5});
  w->run();
  EXPECT_THAT(w->heard(), ElementsAre("LST_USR"));
  const std::array<UserEntry, 2> first{{{user("ada"), UserStatus::online, {"Ada"}, {}},
                                        {user("bob"), UserStatus::offline, {"Bob"}, {}}}};
  w->from_server(s::UsrLst{.users = first, .more = true});
  EXPECT_THAT(w->heard(), ElementsAre("LST_USR after=@bob"));
  // `more` that does not move on ends the list instead of asking for ever.
  w->from_server(s::UsrLst{.users = first, .more = true});
  EXPECT_THAT(w->events(), ElementsAre("users 2", "users 2 last"));
}

TEST(ClientCore, OnlySoManyListsAndGreetingsWait) {
  World w;
  w.events();
  for (std::uint64_t n = 1; n <= limits::kListsWaiting; ++n) w.engine().list_users(w.now(), {n});
  EXPECT_THAT(w.events(), IsEmpty());
  w.engine().list_users(w.now(), {9'999});
  EXPECT_THAT(w.events(), ElementsAre(StartsWith("done 9999: Too many questions wait")));
  for (std::size_t n = 0; n < limits::kGreetingsMax; ++n)
    w.engine().greet(w.now(), user("u" + std::to_string(n)));
  w.engine().greet(w.now(), user("u0"));
  EXPECT_THAT(w.events(), IsEmpty());
  w.engine().greet(w.now(), user("bob"));
  EXPECT_THAT(w.events(), ElementsAre(AllOf(StartsWith("notice Too many people were greeted"),
                                            HasSubstr("greet @bob later"))));
}

TEST(ClientCore, TheOutboxHasABoundAndSaysSo) {
  auto snapshot = ClientSnapshot{};
  for (std::size_t n = 0; n < limits::kOutboxMessages; ++n) {
    PrivateMessage m;
    m.peer = user("bob");
    m.author = user("ada");
    m.msg_id = id_at(UnixMs{1'700'000'000'000 + n}, 1);
    m.state = MessageState::sent;
    snapshot.outbox.push_back(std::move(m));
  }
  World w(std::move(snapshot));
  const auto refused =
      w.engine().send_message(w.now(), {user("bob"), "one more", std::nullopt, {}, {}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("65536 messages of yours are not confirmed"));
}

TEST(ClientCore, AHandshakeIsAnsweredOnceAndBothAreReady) {
  auto asker = open_world();
  auto answerer = open_world({}, true);
  asker->engine().greet(asker->now(), user("bob"));
  asker->run();
  EXPECT_THAT(asker->heard(), ElementsAre("CNN_USR to=@bob"));
  for (int i = 0; i < 3; ++i) answerer->from_server(s::UsrHsk{.id = user("bob"), .name = {"Bob"}});
  EXPECT_THAT(answerer->heard(), ElementsAre("CNN_USR to=@bob"));
  EXPECT_THAT(answerer->events(), ElementsAre("asked @bob"));
  asker->from_server(s::UsrHsk{.id = user("bob"), .name = {"Bob"}});
  EXPECT_THAT(asker->events(), ElementsAre("ready @bob"));
  EXPECT_THAT(asker->heard(), IsEmpty());
}

TEST(ClientCore, AHandshakeWithSomebodyWhoIsNotThereSaysAway) {
  auto w = open_world();
  w->engine().greet(w->now(), user("bob"));
  w->run();
  w->from_server(s::Err{.ref = w->server().nonce_of("CNN_USR to=@bob"),
                        .ref_cmd = "CNN_USR",
                        .code = "not_connected",
                        .message = "Away."});
  EXPECT_THAT(w->events(), ElementsAre("away @bob"));
}

TEST(ClientCore, ANicknameIsDoneAtTheBarrierOrRefused) {
  auto w = open_world();
  w->engine().set_user(w->now(), {1}, "Ada L.", std::nullopt);
  w->run();
  EXPECT_THAT(w->heard(), ElementsAre(StartsWith("USR_SET name="), StartsWith("INFO")));
  w->barrier();
  EXPECT_THAT(w->events(), ElementsAre("done 1"));
  w->engine().set_user(w->now(), {2}, std::nullopt, UserStatus::away);
  w->run();
  w->from_server(s::Err{.ref = w->server().nonce_of("USR_SET status=away"),
                        .ref_cmd = "USR_SET",
                        .code = "not_allowed",
                        .message = "No.",
                        .ref_index = 0});
  w->barrier();
  EXPECT_THAT(w->events(), ElementsAre("done 2: No."));
}

TEST(ClientCore, AFailedCnnIsSaidInWords) {
  World w;
  w.events();
  ServerEnd silent(session::ServerInfo{.srv = "moot.test"}, w.now());
  w.engine().connected(w.now(), 1, std::nullopt);
  w.engine().octets(w.now(), silent.take());
  w.lose("");
  EXPECT_THAT(w.events(), ElementsAre(HasSubstr("does not know this key")));
}

TEST(ClientCore, EverySplitOfTheOctetsGivesTheSame) {
  for (std::size_t piece = 1; piece < 40; piece += 3) {
    World w;
    session::ServerInfo info;
    info.srv = info.server_name = "moot.test";
    ServerEnd server(info, w.now());
    w.engine().connected(w.now(), 1, std::nullopt);
    const ByteBuf greeting = server.take();
    for (std::size_t i = 0; i < greeting.size(); i += piece) {
      const std::size_t n = std::min(piece, greeting.size() - i);
      w.engine().octets(w.now(), Bytes(greeting).subspan(i, n));
    }
    EXPECT_THAT(w.events(), ElementsAre("connecting"));
    w.lose("");
    EXPECT_THAT(w.events(), ElementsAre(HasSubstr("does not know this key"))) << piece;
  }
}

}  // namespace
}  // namespace moot::client
