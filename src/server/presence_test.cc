#include "server/core.h"

#include <gtest/gtest.h>

#include "server/core_harness.h"

namespace moot::server {
namespace {

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

}  // namespace
}  // namespace moot::server
