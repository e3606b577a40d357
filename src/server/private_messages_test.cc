#include "server/core.h"

#include <gtest/gtest.h>

#include "server/core_harness.h"

namespace moot::server {
namespace {

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

// protocol.md 5.7: what a frame does to the disk is there when the INFO behind it is answered.
TEST(Barrier, BehindAnAcknowledgementSaysThatTheMessageDoesNotComeAgain) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.say(ada, pv("bob", 1));
  h.sync();
  const ConnId bob = h.connect("bob");
  h.sync();
  h.log();
  h.say(bob, ack("ada", 1));
  h.say(bob, c::Info{});
  EXPECT_EQ(h.heard(bob), "") << "the copy is on disk still";
  h.sync();
  EXPECT_TRUE(has(h.heard(bob), "SINFO ref="));
  h.restart();
  EXPECT_EQ(h.heard(h.connect("bob")), "SINFO\n");
}

TEST(Barrier, BehindAnAcknowledgementSaysThatAnAuthorWhoIsAwayWillHearOfIt) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.gone(ada);
  h.sync();
  h.log();
  h.say(bob, ack("ada", 1));
  h.say(bob, c::Info{});
  EXPECT_EQ(h.heard(bob), "") << "the notice is not on disk";
  h.sync();
  h.restart();
  EXPECT_TRUE(has(h.heard(h.connect("ada")), msg_ack(1, "bob")));
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

// A client that was killed connects again before the server notices that it is dead: what stood
// with the dead connection is for the new one, at once and not at the next.
TEST(PrivateMessages, WhatAReplacedConnectionDidNotAcknowledgeGoesToItsSuccessor) {
  for (const bool keep : {true, false}) {
    Config config = Harness::quiet_config();
    config.offline_keep = keep;
    Harness h({"ada", "bob"}, config);
    const ConnId ada = h.connect("ada");
    const ConnId dead = h.connect("bob");
    h.say(ada, pv("bob", 1));
    h.log();
    const ConnId bob = h.connect("bob");
    EXPECT_EQ(has(h.heard(bob), msg_line("ada", 1)), keep);
    // Without keeping it is ada's client that sends it again.
    if (!keep) h.say(ada, pv("bob", 1));
    h.gone(dead);
    h.log();
    h.say(bob, ack("ada", 1));
    h.sync();
    EXPECT_EQ(h.log(), "1: " + msg_ack(1, "bob") + "\n");
    h.check();
  }
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

TEST(PrivateMessages, WithoutKeepingADeviceThatIsAwayHoldsNothingUp) {
  Config c = Harness::quiet_config();
  c.offline_keep = false;
  c.offline_messages = 3;
  Harness h({"ada", "bob"}, c);
  h.add_device("ada", 1);
  h.add_device("bob", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  for (unsigned n = 1; n <= 5; ++n) {
    h.log();
    h.say(ada, pv("bob", n));
    EXPECT_EQ(h.heard(bob), msg_line("ada", n) + "\n");
    h.say(bob, ack("ada", n));
    EXPECT_EQ(h.heard(ada), msg_ack(n, "bob") + "\n");
    EXPECT_EQ(h.core().counts().offline_messages, 0u);
  }
}

TEST(PrivateMessages, ABarrierOfAnotherConnectionWaitsForWhatItSentAgain) {
  Harness h({"ada", "bob"});
  const ConnId first = h.connect("ada");
  h.connect("bob");
  h.sync();
  h.say(first, pv("bob", 1));
  h.gone(first);  // stored, not yet on disk
  const ConnId again = h.connect("ada");
  h.log();
  h.say(again, pv("bob", 1));
  h.say(again, c::Info{});
  EXPECT_EQ(h.heard(again), "");
  h.sync();
  EXPECT_EQ(h.heard(again), "SINFO ref=102\n");

  h.add_device("ada", 1);
  h.restart();
  const ConnId one = h.connect("ada");
  const ConnId two = h.connect("ada", 1);
  h.connect("bob");
  h.sync();
  h.log();
  h.say(one, pv("bob", 2));
  h.say(two, pv("bob", 2));
  h.say(two, c::Info{});
  EXPECT_EQ(h.heard(two).find("SINFO"), std::string::npos) << "only relayed, by another connection";
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 2u);
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

}  // namespace
}  // namespace moot::server
