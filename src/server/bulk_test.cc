// What a connection gets, and when, while its send queue is above the soft bound
// (protocol.md 10): bulk waits, the rest passes, nothing is lost.
#include <gtest/gtest.h>

#include "server/core_harness.h"

namespace moot::server {
namespace {

std::size_t times(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
const ByteBuf kShort{1, 2, 3};
const ByteBuf kLong(16'000, 7);

TEST(Bulk, QuestionsWaitAndAreAnsweredInOrderWithTheBarriersBehindThem) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.stall(ada);
  h.log();
  h.say(ada, c::Info{});
  EXPECT_EQ(h.heard(ada), "SINFO ref=101\n") << "nothing waits before it";
  h.say(ada, c::LstUsr{});
  h.say(ada, c::Info{});
  h.say(ada, c::ChLst{});
  h.say(ada, c::Info{});
  EXPECT_EQ(h.heard(ada), "");
  h.drain(ada);
  const std::string told = h.heard(ada);
  const auto first = told.find("USR_LST");
  const auto second = told.find("SINFO ref=103");
  const auto third = told.find("LST_CH");
  EXPECT_TRUE(first < second && second < third && third < told.find("SINFO ref=105")) << told;
  EXPECT_TRUE(has(told, "SINFO ref=105")) << told;
  h.say(ada, c::LstUsr{});
  EXPECT_TRUE(has(h.heard(ada), "USR_LST")) << "as before";
}

TEST(Bulk, WhatIsNotBulkPasses) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.stall(ada);
  h.log();
  h.say(bob, pv("ada", 1, kShort));
  EXPECT_TRUE(has(h.heard(ada), "MSG from=@bob"));
  h.say(ada, c::LstUsr{});
  h.say(ada, pv("bob", 2, kShort));
  EXPECT_TRUE(has(h.heard(bob), "MSG from=@ada")) << "a question that waits holds nothing up";
  h.say(ada, c::PvMsg{.to = Harness::user("nobody"), .msg_id = Harness::id(3), .msg = kShort});
  EXPECT_TRUE(has(h.heard(ada), "ERR"));
}

TEST(Bulk, QuestionsOfABatchWaitEachByItself) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.stall(ada);
  h.log();
  h.say_batch(ada, {c::LstUsr{}, pv("bob", 1, kShort), c::Info{}});
  EXPECT_EQ(h.heard(ada), "");
  EXPECT_TRUE(has(h.heard(bob), "MSG from=@ada"));
  h.drain(ada);
  const std::string told = h.heard(ada);
  EXPECT_LT(told.find("USR_LST"), told.find("SINFO ref=101")) << told;
}

TEST(Bulk, AnswersOfAStepStopAtTheSoftBoundByThemselves) {
  // Each page of users is about as long as a frame may be: keys of 2 KB.
  std::vector<std::string> users;
  for (int i = 0; i < 200; ++i) users.push_back("user" + std::to_string(i));
  Harness h(users);
  const ByteBuf keys(2'000, 1);
  for (const std::string& u : users) {
    const ConnId conn = h.connect(u);
    h.say(conn, c::UsrSet{.keys = Bytes(keys)});
    h.gone(conn);
  }
  const ConnId slow = h.connect("user0");
  h.log();
  h.read_nothing(slow);
  h.say_batch(slow, std::vector<c::Any>(10, c::LstUsr{}));
  EXPECT_EQ(times(h.heard(slow), "USR_LST"), 2u) << "the bound is passed with the second";
  h.drain(slow);
  EXPECT_EQ(times(h.heard(slow), "USR_LST"), 8u);
}

TEST(Bulk, OneWhoAsksWithoutReadingIsLetGo) {
  Harness h({"ada"});
  const ConnId ada = h.connect("ada");
  h.stall(ada);
  h.log();
  for (std::size_t i = 0; i < limits::kHeldQuestions; ++i) h.say(ada, c::LstUsr{});
  EXPECT_EQ(h.heard(ada), "");
  h.say(ada, c::LstUsr{});
  EXPECT_EQ(h.heard(ada), "DCNN sendq\n");
  h.drain(ada);
  EXPECT_EQ(h.heard(ada), "") << "its end was decided";
  h.gone(ada);
}

TEST(Bulk, QuestionsOfSoManyOctetsWait) {
  Harness h({"ada"});
  const ConnId ada = h.connect("ada");
  h.stall(ada);
  h.log();
  const std::vector<Element> want(256);
  const c::ChPull pull{.id = ChannelId{}, .anchor = {}, .req = 1, .want = want};
  std::size_t asked = 0;
  while (h.heard(ada).empty() && asked < limits::kHeldQuestions) {
    h.say(ada, pull);
    ++asked;
  }
  EXPECT_GT(asked, 100u);
  EXPECT_LT(asked, limits::kHeldQuestions) << "some 6 KB each";
}

TEST(Bulk, ABacklogGoesOnWhereItStood) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  for (unsigned n = 1; n <= 600; ++n) h.say(ada, pv("bob", n, kShort));
  h.sync();
  const ConnId bob = h.connect("bob");
  EXPECT_EQ(times(h.heard(bob), "MSG from=@ada"), 256u);
  h.stall(bob);
  for (unsigned n = 1; n <= 256; ++n) h.say(bob, c::AckMsg{Harness::user("ada"), Harness::id(n)});
  EXPECT_EQ(times(h.heard(bob), "MSG from=@ada"), 0u) << "the next page waits";
  h.say(ada, pv("bob", 601, kShort));
  h.drain(bob);
  std::string told = h.heard(bob);
  EXPECT_EQ(times(told, "MSG from=@ada"), 256u);
  for (unsigned n = 257; n <= 601; ++n) {
    h.say(bob, c::AckMsg{Harness::user("ada"), Harness::id(n)});
    told += h.heard(bob);
  }
  EXPECT_EQ(times(told, "MSG from=@ada"), 345u) << "all of it, the last said meanwhile too";
}

TEST(Bulk, ABacklogOfLongMessagesPausesAtTheSoftBound) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  for (unsigned n = 1; n <= 300; ++n) h.say(ada, pv("bob", n, kLong));
  h.sync();
  h.gone(ada);
  const ConnId bob = h.connect("bob");
  // The harness drains at once: what counts is that nothing is lost and nothing comes twice.
  std::string told = h.heard(bob);
  for (unsigned n = 1; n <= 300; ++n) {
    h.say(bob, c::AckMsg{Harness::user("ada"), Harness::id(n)});
    told += h.heard(bob);
  }
  EXPECT_EQ(times(told, "MSG from=@ada"), 300u);
}

TEST(Bulk, PresenceWaitsTogether) {
  Config config = Harness::quiet_config();
  config.presence = PresenceMode::all;
  Harness h({"ada", "bob", "cyd"}, config);
  const ConnId ada = h.connect("ada");
  h.pass(limits::kPresenceBurst);
  h.stall(ada);
  h.log();
  const ConnId bob = h.connect("bob");
  h.pass(limits::kPresenceBurst);
  const ConnId cyd = h.connect("cyd");
  h.pass(limits::kPresenceBurst);
  h.gone(bob);
  h.pass(limits::kPresenceBurst);
  EXPECT_TRUE(has(h.heard(cyd), "UDCNN id=@bob")) << "others hear it";
  EXPECT_EQ(h.heard(ada), "");
  h.drain(ada);
  h.pass(limits::kPresenceBurst);
  const std::string told = h.heard(ada);
  EXPECT_TRUE(has(told, "UCNN id=@cyd")) << told;
  EXPECT_EQ(times(told, "id=@bob"), 1u) << told;
  EXPECT_TRUE(has(told, "UDCNN id=@bob")) << "how it is now";
  h.stall(ada);
  h.gone(cyd);
  h.pass(limits::kPresenceBurst);
  h.gone(ada);
  h.pass(limits::kPresenceBurst);
}

}  // namespace
}  // namespace moot::server
