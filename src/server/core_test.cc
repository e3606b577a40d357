#include "server/core.h"

#include <gtest/gtest.h>

#include "server/cnn_nonces.h"
#include "server/core_harness.h"

namespace moot::server {
namespace {

const ByteBuf kBody{1, 2, 3};

c::PvMsg pv(std::string_view to, unsigned n, Bytes body = kBody) {
  return {.to = Harness::user(to), .msg_id = Harness::id(n), .msg = body};
}
c::AckMsg ack(std::string_view from, unsigned n) {
  return {.from = Harness::user(from), .msg_id = Harness::id(n)};
}
std::string id_text(unsigned n) { return text(Harness::id(n)); }
std::string msg_line(std::string_view from, unsigned n) {
  return "MSG from=@" + std::string(from) + " msg_id=" + id_text(n) +
         " msg=010203 sent=1700000000000";
}
std::string msg_ack(unsigned n, std::string_view from) {
  return "MSG_ACK msg_id=" + id_text(n) + " from=@" + std::string(from);
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// ---- private messages --------------------------------------------------------------------------

TEST(PrivateMessages, AreRelayedAndConfirmedByTheRecipientsAcknowledgement) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  const auto before = h.ops().size();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.log(), "2: " + msg_line("ada", 1) + "\n");
  h.say(bob, ack("ada", 1));
  EXPECT_EQ(h.log(), "1: " + msg_ack(1, "bob") + "\n");
  EXPECT_EQ(h.ops().size(), before) << "a connected recipient costs no disk write";
}

TEST(PrivateMessages, WaitOnDiskForARecipientWhoIsAway) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.log();
  for (unsigned n = 1; n <= 3; ++n) h.say(ada, pv("bob", n));
  h.say(ada, c::Info{});
  EXPECT_EQ(h.log(), "") << "the barrier waits for the disk";
  h.sync();
  EXPECT_EQ(h.log(), "1: SINFO ref=104\n");
  h.restart();
  const ConnId bob = h.connect("bob");
  EXPECT_EQ(h.heard(bob), "SINFO\n" + msg_line("ada", 1) + "\n" + msg_line("ada", 2) + "\n" +
                              msg_line("ada", 3) + "\n");
  h.say(bob, ack("ada", 1));
  h.sync();
  h.restart();
  const ConnId again = h.connect("bob");
  EXPECT_EQ(h.heard(again), "SINFO\n" + msg_line("ada", 2) + "\n" + msg_line("ada", 3) + "\n");
}

// A client takes a channel that was not told before its first barrier for one it is no member of.
TEST(Barrier, IsNotPastAStatusThatWaitsForTheDisk) {
  Harness h({"ada"});
  h.add_device("ada", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  h.sync();
  h.log();
  h.say(ada, c::ChCreate{.id = ChannelId::of(as_bytes("the channel #ops")),
                         .name = Name{"ops"},
                         .keeper = Keeper::members});
  const ConnId other = h.connect("ada", 1);
  h.say(other, c::Info{});
  EXPECT_EQ(h.heard(other), "SINFO\n") << "the channel is not on disk yet";
  h.sync();
  const std::string heard = h.heard(other);
  ASSERT_TRUE(has(heard, "CH_STATUS") && has(heard, "SINFO ref=")) << heard;
  EXPECT_LT(heard.find("CH_STATUS"), heard.find("SINFO ref="));
}

TEST(PrivateMessages, TellTheAuthorAtHisNextConnectionWhatWasConfirmedMeanwhile) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.say(ada, pv("bob", 1));
  h.sync();
  h.gone(ada);
  const ConnId bob = h.connect("bob");
  h.say(bob, ack("ada", 1));
  h.sync();
  h.restart();
  const ConnId back = h.connect("ada");
  EXPECT_EQ(h.heard(back), "SINFO\n" + msg_ack(1, "bob") + "\nmark 1\n");
  h.say(back, c::Kalive{.seen = 1});
  h.sync();
  h.restart();
  const ConnId third = h.connect("ada");
  EXPECT_EQ(h.heard(third), "SINFO\n");
}

TEST(PrivateMessages, AreStoredWhenTheAcknowledgementTakesASecond) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.pass(Millis{999});
  h.sync();
  h.log();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 0u);

  const ConnId ada2 = h.connect("ada");
  h.connect("bob");
  h.say(ada2, pv("bob", 1));
  h.pass(Millis{1000});
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 1u);
}

TEST(PrivateMessages, AreStoredWhenTheRecipientDisconnects) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.gone(bob);
  h.sync();
  h.restart();
  const ConnId back = h.connect("bob");
  EXPECT_EQ(h.heard(back), "SINFO\n" + msg_line("ada", 1) + "\n");
}

TEST(PrivateMessages, TheBarrierStoresWhatIsUnacknowledged) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.log();
  h.say(ada, c::Info{});
  EXPECT_EQ(h.log(), "");
  h.sync();
  EXPECT_EQ(h.log(), "1: SINFO ref=102\n");
}

TEST(PrivateMessages, AResendIsAnsweredByWhatIsKnown) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.log();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.log(), "2: " + msg_line("ada", 1) + "\n") << "not acknowledged: relayed again";
  h.say(bob, ack("ada", 1));
  h.log();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.log(), "1: " + msg_ack(1, "bob") + "\n") << "acknowledged: at once";
  h.pass(std::chrono::minutes{12});
  h.log();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.log(), "2: " + msg_line("ada", 1) + "\n")
      << "forgotten: the recipient's client drops it";
}

TEST(PrivateMessages, OneIdIsOneMessage) {
  Harness h({"ada", "bob", "cyd"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.log();
  const ByteBuf other{9};
  h.say(ada, pv("bob", 1, other));
  EXPECT_TRUE(has(h.log(), "code=\"conflict\""));
  h.say(ada, pv("cyd", 1));
  EXPECT_TRUE(has(h.log(), "code=\"conflict\""));
  h.say(bob, ack("ada", 1));
  h.log();
  h.say(ada, pv("bob", 1, other));
  EXPECT_TRUE(has(h.log(), "code=\"conflict\"")) << "known for ten minutes";
  // Stored ones conflict for as long as they are stored, restarts included.
  h.say(ada, pv("cyd", 2));
  h.sync();
  h.restart();
  const ConnId back = h.connect("ada");
  h.log();
  h.say(back, pv("cyd", 2, other));
  EXPECT_TRUE(has(h.log(), "code=\"conflict\""));
  h.say(back, pv("cyd", 2));
  EXPECT_EQ(h.log(), "");
}

TEST(PrivateMessages, RefuseWhatCannotBeSent) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.log();
  const ByteBuf most(limits::kMsgBytesMax, 1);
  const ByteBuf large(limits::kMsgBytesMax + 1, 1);
  h.say(ada, pv("bob", 1, most));
  EXPECT_EQ(h.log(), "");
  h.say(ada, pv("bob", 2, large));
  EXPECT_TRUE(has(h.log(), "code=\"too_large\""));
  h.say(ada, pv("zoe", 3));
  EXPECT_TRUE(has(h.log(), "code=\"unknown_user\""));
  h.say(ada, pv("server", 3));
  EXPECT_TRUE(has(h.log(), "code=\"unknown_user\""));
  std::array<std::uint8_t, 10> zeros{};
  c::PvMsg future = pv("bob", 4);
  future.msg_id = MsgId::make({h.now().wall.ms + 121'000}, zeros);
  h.say(ada, future);
  const std::string told = h.log();
  EXPECT_TRUE(has(told, "code=\"bad_time\"") && has(told, "now=")) << told;
  c::PvMsg old = pv("bob", 5);
  old.msg_id = MsgId::make({h.now().wall.ms - 31ull * 86'400'000}, zeros);
  h.say(ada, old);
  EXPECT_TRUE(has(h.log(), "code=\"expired\""));
}

TEST(PrivateMessages, AFullQueueRefusesAndDropsNothing) {
  Config c = Harness::quiet_config();
  c.offline_messages = 3;
  Harness h({"ada", "bob"}, c);
  const ConnId ada = h.connect("ada");
  for (unsigned n = 1; n <= 3; ++n) h.say(ada, pv("bob", n));
  EXPECT_EQ(h.heard(ada), "SINFO\n");
  h.say(ada, pv("bob", 4));
  EXPECT_TRUE(has(h.log(), "code=\"queue_full\""));
  const ConnId bob = h.connect("bob");
  h.heard(bob);
  h.say(bob, ack("ada", 2));
  h.sync();
  h.log();
  h.say(ada, pv("bob", 4));
  EXPECT_EQ(h.heard(bob), msg_line("ada", 4) + "\n");
}

TEST(PrivateMessages, ReachEveryDeviceOnce) {
  Harness h({"ada", "bob"});
  h.add_device("bob", 1);
  h.add_device("ada", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.heard(bob), msg_line("ada", 1) + "\n");
  h.say(bob, ack("ada", 1));
  EXPECT_EQ(h.heard(ada), "") << "the copies of the devices that are away are not on disk yet";
  h.sync();
  EXPECT_EQ(h.heard(ada), msg_ack(1, "bob") + "\n");
  h.restart();
  const ConnId phone = h.connect("bob", 1);
  EXPECT_EQ(h.heard(phone), "SINFO\n" + msg_line("ada", 1) + "\n");
  const ConnId other = h.connect("ada", 1);
  EXPECT_EQ(h.heard(other), "SINFO\n" + msg_line("ada", 1) + " to=@bob\n");
  h.say(other, ack("ada", 1));
  h.say(phone, ack("ada", 1));
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 0u);
}

TEST(PrivateMessages, WithoutKeepingAnAbsentRecipientIsNotConnected) {
  Config c = Harness::quiet_config();
  c.offline_keep = false;
  Harness h({"ada", "bob"}, c);
  const ConnId ada = h.connect("ada");
  h.say(ada, pv("bob", 1));
  EXPECT_TRUE(has(h.log(), "code=\"not_connected\""));
  const ConnId bob = h.connect("bob");
  h.log();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.log(), "2: " + msg_line("ada", 1) + "\n");
  h.gone(bob);
  h.pass(Seconds{5});
  EXPECT_EQ(h.core().counts().offline_messages, 0u) << "nothing is stored, and nothing held";
}

TEST(PrivateMessages, AnAcknowledgementWithoutAMessageIsToldOnceTheStartIsTenMinutesBack) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  h.say(bob, ack("ada", 7));
  EXPECT_EQ(h.log(), "1: " + msg_ack(7, "bob") + "\n")
      << "relayed: it may be from before the start";
  h.pass(std::chrono::minutes{11});
  h.log();
  h.say(bob, ack("ada", 8));
  EXPECT_TRUE(has(h.heard(bob), "code=\"unknown_msg\""));
  EXPECT_EQ(h.heard(ada), "");
}

TEST(PrivateMessages, NobodyAcknowledgesForSomebodyElse) {
  Harness h({"ada", "bob", "eve"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  const ConnId eve = h.connect("eve");
  h.log();
  h.say(ada, pv("bob", 1));
  h.say(eve, ack("ada", 1));
  EXPECT_TRUE(has(h.heard(eve), "code=\"unknown_msg\""));
  EXPECT_EQ(h.heard(ada), "");
}

TEST(PrivateMessages, WhatNobodyReadFor30DaysIsToldToItsAuthor) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.say(ada, pv("bob", 1));
  h.sync();
  h.log();
  h.pass(std::chrono::hours{24 * 30} + std::chrono::minutes{2});
  const std::string told = h.log();
  EXPECT_TRUE(has(told, "code=\"expired\"") && has(told, id_text(1))) << told;
  EXPECT_EQ(h.core().counts().offline_messages, 0u);
}

TEST(PrivateMessages, ALongBacklogComesInPagesAndInOrderWithWhatArrivesMeanwhile) {
  Config c = Harness::quiet_config();
  c.offline_messages = 10'000;
  Harness h({"ada", "bob"}, c);
  const ConnId ada = h.connect("ada");
  for (unsigned n = 1; n <= 600; ++n) h.say(ada, pv("bob", n));
  h.sync();
  const ConnId bob = h.connect("bob");
  std::vector<std::string> got;
  unsigned sent = 600;
  const auto take = [&] {
    std::string text = h.heard(bob);
    std::vector<unsigned> ids;
    for (std::size_t at = 0; (at = text.find("msg_id=", at)) != std::string::npos; at += 7) {
      got.push_back(text.substr(at + 7, 26));
    }
  };
  take();
  EXPECT_LT(got.size(), 600u) << "bounded by what the client acknowledges";
  std::size_t acked = 0;
  for (int round = 0; round < 2000 && (acked < got.size() || got.size() < sent); ++round) {
    if (round == 50) {
      h.say(ada, pv("bob", 601));
      sent = 601;
    }
    h.say(bob, c::AckMsg{.from = Harness::user("ada"), .msg_id = *parse_ulid<MsgId>(got[acked++])});
    take();
  }
  ASSERT_EQ(got.size(), 601u);
  for (unsigned n = 1; n <= 601; ++n) EXPECT_EQ(got[n - 1], id_text(n));
  h.log();
  h.say(ada, pv("bob", 602));
  EXPECT_EQ(h.heard(bob), msg_line("ada", 602) + "\n")
      << "the backlog is over: relayed as it comes";
}

// ---- presence
// --------------------------------------------------------------------------------------

Config loud() {
  Config c = Harness::quiet_config();
  c.presence = PresenceMode::all;
  return c;
}

TEST(Presence, TellsTheOthersOnceWhoComesAndGoes) {
  Harness h({"ada", "bob"}, loud());
  const ConnId ada = h.connect("ada");
  h.add_device("bob", 1);
  h.restart();
  const ConnId a = h.connect("ada");
  EXPECT_NE(a, ada);
  h.pass(Seconds{1});
  h.log();
  const ConnId bob = h.connect("bob");
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(a), "UCNN id=@bob name=\"bob\"\n");
  const ConnId phone = h.connect("bob", 1);
  h.gone(bob);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(a), "") << "still there with another device";
  h.gone(phone);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(a), "UDCNN id=@bob name=\"bob\"\n");
}

TEST(Presence, WhoComesAndGoesWithinABurstIsNotTold) {
  Harness h({"ada", "bob", "cyd"}, loud());
  const ConnId ada = h.connect("ada");
  h.pass(Seconds{1});
  const ConnId cyd = h.connect("cyd");  // takes this quarter second's burst
  h.log();
  const ConnId bob = h.connect("bob");
  h.gone(bob);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(ada), "");
  h.gone(cyd);
}

TEST(Presence, WhoSawItInBetweenIsToldAllTheSame) {
  Harness h({"ada", "bob", "cyd", "dan"}, loud());
  h.add_device("bob", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  h.pass(Seconds{1});
  const ConnId cyd = h.connect("cyd");  // takes this quarter second's burst
  h.log();
  const ConnId bob = h.connect("bob");
  h.say(cyd, c::LstUsr{});
  EXPECT_TRUE(h.heard(cyd).contains("@bob"));
  h.gone(bob);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(cyd), "UDCNN id=@bob name=\"bob\"\n");
  EXPECT_EQ(h.heard(ada), "");

  h.connect("dan");
  h.log();
  const ConnId phone = h.connect("bob", 1);
  h.say(phone, c::CnnUsr{.to = Harness::user("ada")});
  EXPECT_TRUE(h.heard(ada).contains("USR_HSK id=@bob"));
  h.gone(phone);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(ada), "UDCNN id=@bob name=\"bob\"\n");
  EXPECT_EQ(h.heard(cyd), "");
}

TEST(Presence, FiveThousandLoginsCostAConnectedClientAtMostFourFramesASecondAndOne) {
  // A burst is one BATCH: the calls to it are counted by distinct moments.
  std::vector<std::string> users;
  for (int i = 0; i < 5'000; ++i) users.push_back("u" + std::to_string(i));
  users.push_back("watcher");
  Harness h(users, loud());
  const ConnId watcher = h.connect("watcher");
  h.pass(Seconds{1});
  h.log();
  h.listen_only(watcher);
  const int seconds = 10;
  std::size_t bursts = 0;
  std::size_t commands = 0;
  std::size_t at_once_max = 0;
  int next = 0;
  for (int ms = 0; ms < seconds * 1000; ++ms) {
    const std::size_t before = h.presence_frames(watcher);
    while (next < 5'000 * (ms + 1) / (seconds * 1000))
      h.connect(users[static_cast<std::size_t>(next++)]);
    h.pass(Millis{1});
    const std::size_t more = h.presence_frames(watcher) - before;
    if (more > 0) ++bursts;
    at_once_max = std::max(at_once_max, more);
    commands += more;
    h.log();
  }
  EXPECT_LE(bursts, 4u * seconds + 1);
  EXPECT_LE(at_once_max, limits::kBatchCommandsMax) << "a burst fits one frame";
  EXPECT_GT(commands, 800u) << "the first thousand are told";
  EXPECT_LE(commands, 1'100u) << "above a thousand `all` acts as `shared`";
}

TEST(Presence, OffHidesEverybody) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.pass(Seconds{1});
  h.log();
  h.say(ada, c::LstUsr{});
  EXPECT_EQ(h.log(),
            "1: USR_LST users=[{id=@ada status=online name=\"ada\"} {id=@bob status=offline "
            "name=\"bob\"}] more=false\n");
}

TEST(Presence, ListsComeInPagesInIdOrder) {
  std::vector<std::string> users;
  for (int i = 0; i < 501; ++i) users.push_back("u" + std::to_string(1000 + i));
  Harness h(users, loud());
  const ConnId ada = h.connect("u1000");
  h.log();
  h.say(ada, c::LstUsr{});
  const std::string first = h.log();
  EXPECT_TRUE(has(first, "@u1499 ") && !has(first, "@u1500 ") && has(first, "more=true"));
  h.say(ada, c::LstUsr{.after = Harness::user("u1499")});
  const std::string second = h.log();
  EXPECT_TRUE(has(second, "users=[{id=@u1500") && has(second, "more=false"));
}

TEST(Presence, APageHoldsAsManyUsersAsAFrameHasRoomFor) {
  Config config = loud();
  config.channels.frame_bytes_max = 8'192;
  Harness h({"ada", "bob", "cyd", "dan"}, config);
  const std::vector<std::uint8_t> keys(2'048);
  ConnId conn;
  for (const std::string_view user : {"ada", "bob", "cyd", "dan"}) {
    conn = h.connect(user);
    h.say(conn, c::UsrSet{.keys = Bytes(keys)});
  }
  h.pass(Seconds{1});
  h.log();
  h.say(conn, c::LstUsr{});
  const std::string first = h.heard(conn);
  EXPECT_TRUE(has(first, "id=@cyd") && !has(first, "id=@dan") && has(first, "more=true")) << first;
  h.say(conn, c::LstUsr{.after = Harness::user("cyd")});
  const std::string second = h.heard(conn);
  EXPECT_TRUE(has(second, "id=@dan") && has(second, "more=false")) << second;
}

TEST(Presence, ANewNameIsToldToEverybodyOneselfIncluded) {
  Harness h({"ada", "bob"}, loud());
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.pass(Seconds{1});
  h.log();
  h.say(ada, c::UsrSet{.name = Name{"Ada L."}, .status = UserStatus::away});
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(bob), "USR_ADD id=@ada status=away name=\"Ada L.\"\n");
  EXPECT_EQ(h.heard(ada), "USR_ADD id=@ada status=away name=\"Ada L.\"\n");
  h.say(ada, c::UsrSet{.status = UserStatus::offline});
  EXPECT_TRUE(has(h.heard(ada), "code=\"bad_payload\""));
  h.say(ada, c::UsrSet{.name = Name{"o\xcc\x81"}});
  EXPECT_TRUE(has(h.heard(ada), "code=\"bad_payload\"")) << "not NFC";
}

TEST(Handshake, IsRelayedToWhoIsConnected) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.log();
  h.say(ada, c::CnnUsr{.to = Harness::user("bob")});
  EXPECT_TRUE(has(h.log(), "code=\"not_connected\""));
  const ConnId bob = h.connect("bob");
  h.log();
  h.say(ada, c::CnnUsr{.to = Harness::user("bob"), .hsk = Bytes(kBody)});
  EXPECT_EQ(h.heard(bob), "USR_HSK id=@ada name=\"ada\" hsk=010203\n");
  h.say(ada, c::CnnUsr{.to = Harness::user("zoe")});
  EXPECT_TRUE(has(h.log(), "code=\"unknown_user\""));
}

// ---- frames
// ------------------------------------------------------------------------------------------

TEST(Frames, TheTwentiethSenselessOneOfAMinuteEndsTheConnection) {
  Harness h({"ada"});
  const ConnId ada = h.connect("ada");
  h.log();
  for (int i = 0; i < 19; ++i) h.say(ada, c::UsrSet{.status = UserStatus::offline});
  EXPECT_FALSE(has(h.log(), "DCNN proto"));
  h.say(ada, c::UsrSet{.status = UserStatus::offline});
  EXPECT_TRUE(has(h.log(), "DCNN proto"));
}

TEST(Frames, ABatchIsHandledInOrderAndItsRefusalsNameTheirPlace) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  h.say_batch(ada, {c::Any{pv("bob", 1)}, c::Any{pv("zoe", 2)}, c::Any{pv("bob", 3)}});
  EXPECT_EQ(h.heard(bob), msg_line("ada", 1) + "\n" + msg_line("ada", 3) + "\n");
  const std::string told = h.heard(ada);
  EXPECT_TRUE(has(told, "ref=101") && has(told, "ref_index=1") && has(told, "unknown_user"))
      << told;
}

TEST(Frames, ABatchThatHoldsWhatItMayNotIsRefusedAsAWhole) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.log();
  h.say_batch(ada, {c::Any{pv("bob", 1)}, c::Any{c::Dcnn{}}});
  const std::string told = h.log();
  EXPECT_TRUE(has(told, "bad_payload") && !has(told, "MSG from") && !has(told, "finished")) << told;
}

TEST(Frames, ReadingPausesWhenTheRateIsUsedUp) {
  Config c = Harness::quiet_config();
  c.rates = {};
  Harness h({"ada", "bob"}, c);
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  for (unsigned n = 0; n < 200; ++n) h.say(ada, c::Kalive{});
  EXPECT_EQ(h.heard(ada), "");
  h.say(ada, c::Kalive{});
  EXPECT_EQ(h.heard(ada), "pause 50 ms\n");
  // What the server made a client send is not counted.
  for (unsigned n = 1; n <= 150; ++n) h.say(ada, pv("bob", n));
  h.heard(bob);
  for (unsigned n = 1; n <= 150; ++n) h.say(bob, ack("ada", n));
  for (unsigned n = 0; n < 200; ++n) h.say(bob, c::Kalive{});
  EXPECT_EQ(h.heard(bob), "");
}

// ---- credentials
// ---------------------------------------------------------------------------------------

TEST(Credentials, AU_15_TheSameKidReplacesItsOlderConnection) {
  Harness h({"ada"});
  const ConnId first = h.connect("ada");
  h.log();
  const ConnId second = h.connect("ada");
  EXPECT_EQ(h.heard(first), "DCNN replaced\n");
  EXPECT_EQ(h.heard(second), "SINFO\n");
  h.gone(first);
  EXPECT_TRUE(h.core().online(Harness::user("ada")));
}

TEST(Credentials, AU_14_RevokedRetiringAndExpiredKeys) {
  Harness h({"ada"});
  const auto usable = [&](const Kid& kid) {
    const Credential* c = h.core().find(Harness::user("ada"), kid);
    return c != nullptr && h.core().facts(*c, {}, h.now()).usable;
  };
  const Kid old = Harness::kid("ada");
  const ConnId ada = h.connect("ada");
  h.log();
  ASSERT_TRUE(
      h.core().key_rotate(h.now(), "test", old, std::chrono::hours{1}, Harness::made(5), h));
  EXPECT_TRUE(usable(old)) << "retiring";
  EXPECT_TRUE(usable(Harness::made(5).kid));
  h.pass(std::chrono::hours{1} + Seconds{2});
  EXPECT_FALSE(usable(old)) << "its overlap is over";
  h.sync();
  EXPECT_TRUE(has(h.heard(ada), "DCNN revoked"));
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", Harness::made(5).kid, h));
  EXPECT_FALSE(usable(Harness::made(5).kid));
  h.sync();
  h.restart();
  EXPECT_FALSE(usable(Harness::made(5).kid)) << "for ever";
  EXPECT_FALSE(usable(old));
}

TEST(Credentials, RevokingEndsTheConnectionsOfThatKeyOnceItIsOnDisk) {
  Harness h({"ada"});
  h.add_device("ada", 1);
  h.restart();
  const ConnId laptop = h.connect("ada");
  const ConnId phone = h.connect("ada", 1);
  h.log();
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", Harness::kid("ada"), h));
  EXPECT_EQ(h.heard(laptop), "");
  h.sync();
  EXPECT_EQ(h.heard(laptop), "DCNN revoked\n");
  EXPECT_EQ(h.heard(phone), "");
}

TEST(Credentials, EightAreTheMost) {
  Harness h({"ada"});
  for (unsigned n = 1; n <= 7; ++n)
    ASSERT_TRUE(h.core().key_add(h.now(), "test", "ada", "", Harness::made(n), h)) << n;
  const auto ninth = h.core().key_add(h.now(), "test", "ada", "", Harness::made(8), h);
  ASSERT_FALSE(ninth);
  EXPECT_TRUE(has(ninth.error().message, "8 keys"));
}

TEST(Credentials, AU_10_TheSameSecretIsNeverTwoKeys) {
  Harness h({"ada", "bob"});
  MadeKey key = Harness::made(1);
  ASSERT_TRUE(h.core().key_add(h.now(), "test", "ada", "", key, h));
  key.kid.octets[7] = 99;
  EXPECT_FALSE(h.core().key_add(h.now(), "test", "bob", "", key, h));
}

TEST(Accounts, ARemovedIdIsNeverUsedAgain) {
  Harness h({"ada", "bob"});
  const ConnId bob = h.connect("bob");
  h.log();
  ASSERT_TRUE(h.core().user_set_state(h.now(), "test", "bob", AccountState::removed, h));
  EXPECT_TRUE(has(h.heard(bob), "DCNN revoked"));
  const auto again = h.core().user_add(h.now(), "test", "bob", "", "", Harness::made(1), h);
  ASSERT_FALSE(again);
  EXPECT_TRUE(has(again.error().message, "never used again"));
}

// ---- invitations
// ---------------------------------------------------------------------------------------

TEST(Invitations, MakeAnAccountAndGiveTheSameAnswerUntilItsFirstCnn) {
  Harness h({"ada"});
  const MadeKey invite = Harness::made(7);
  ASSERT_TRUE(h.core().invite(h.now(), "test", 1, std::chrono::hours{24}, "", invite, h));
  h.sync();
  ConnId guest;
  h.connect_invite(guest, invite.kid);
  EXPECT_EQ(h.heard(guest), "SINFO\n");
  h.say(guest, pv("ada", 1));
  EXPECT_TRUE(has(h.heard(guest), "code=\"not_allowed\"")) << "an invitation is nobody";
  h.say(guest, c::Enrol{.id = Harness::user("ada")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"name_taken\""));
  h.say(guest, c::Enrol{.id = Harness::user("cyd"), .name = Name{"Cyd"}});
  EXPECT_EQ(h.heard(guest), "") << "no key leaves before it is on disk";
  h.sync();
  const std::string answer = h.heard(guest);
  EXPECT_TRUE(has(answer, "ENROLLED id=@cyd")) << answer;
  // The answer was lost: the same again.
  h.restart();
  h.connect_invite(guest, invite.kid);
  h.heard(guest);
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_EQ(h.heard(guest), answer);
  h.say(guest, c::Enrol{.id = Harness::user("dan")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"expired\"")) << "one use";
  // The first CNN with the new key ends that.
  const Kid made = *parse_kid(answer.substr(answer.find("kid=") + 4, 16));
  h.core().admit(h.now(), {.conn = ConnId{77}, .kid = made, .nonce = 5}, h);
  h.log();
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"name_taken\""));
}

TEST(Invitations, AKeyTravelsOverSecureConnectionsOnly) {
  Harness h({"ada"});
  const MadeKey invite = Harness::made(7);
  ASSERT_TRUE(h.core().invite(h.now(), "test", 1, std::chrono::hours{24}, "", invite, h));
  ConnId guest;
  h.connect_invite(guest, invite.kid, false);
  h.heard(guest);
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"not_allowed\""));
}

TEST(Replay, AU_05_ALiteralCnnIsRefusedAfterARestartToo) {
  Harness h({"ada"});
  const Kid kid = Harness::kid("ada");
  h.core().admit(h.now(),
                 {.conn = ConnId{50},
                  .kid = kid,
                  .nonce = 42,
                  .timestamp = h.now().wall.seconds(),
                  .challenged = false},
                 h);
  EXPECT_EQ(h.heard(ConnId{50}), "") << "remembered on disk before anything answers";
  h.sync();
  EXPECT_EQ(h.heard(ConnId{50}), "SINFO\n");
  h.restart();
  session::Claim claim{.nonce = 42};
  EXPECT_TRUE(h.core().facts(*h.core().find(Harness::user("ada"), kid), claim, h.now()).nonce_seen);
  claim.nonce = 43;
  EXPECT_FALSE(
      h.core().facts(*h.core().find(Harness::user("ada"), kid), claim, h.now()).nonce_seen);
}

TEST(Replay, ACredentialsLast256NoncesAreRefused) {
  CnnNonces nonces({});
  const Kid kid = Harness::kid("ada");
  for (std::uint64_t n = 0; n < 300; ++n) nonces.add(kid, n);
  for (std::uint64_t n = 0; n < 300; ++n) EXPECT_EQ(nonces.seen(kid, n), n >= 44) << n;
  EXPECT_FALSE(nonces.seen(Harness::kid("bob"), 299));
  nonces.forget(kid);
  EXPECT_FALSE(nonces.seen(kid, 299));
}

TEST(Shutdown, StoresWhatIsUnderWayAndSaysGoodbye) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.log();
  h.core().shutdown(h.now(), 5, h);
  EXPECT_TRUE(has(h.log(), "DCNN shutdown"));
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 1u);
}

}  // namespace
}  // namespace moot::server
