#include "server/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/core_harness.h"
#include "session/outgoing.h"

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

// Counts what one connection is told as it leaves: all commands of a millisecond through its
// session.
class Watched : public Harness {
 public:
  using Harness::Harness;
  void watch(ConnId conn, bool batch) {
    watched_ = conn;
    out_.set_batch(batch, limits::kFrameBytesMax);
    listen_only(conn);
  }
  void send(Conns to, const s::Any& cmd, Ticket after) override {
    Harness::send(to, cmd, after);
    if (std::ranges::find(to, watched_) == to.end()) return;
    told_at_ = now().tick;
    const std::size_t at = fields_.size();
    const std::uint32_t pairs = wire::encode_fields(fields_, cmd);
    parts_.push_back({{wire::name_of(cmd), pairs, {}, wire::is_flat(cmd)}, at});
  }
  Tick told_at() const { return told_at_; }
  // The frames with presence in them since the last call.
  std::size_t frames() {
    std::vector<wire::Body> bodies;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const std::size_t end = i + 1 < parts_.size() ? parts_[i + 1].second : fields_.size();
      bodies.push_back(parts_[i].first);
      bodies.back().fields = fields_.bytes().subspan(parts_[i].second, end - parts_[i].second);
    }
    Buffer wire;
    std::vector<session::Unsigned> made;
    out_.put(wire, 1, bodies, made);
    parts_.clear();
    fields_.clear();
    return static_cast<std::size_t>(std::ranges::count_if(made, [&](const session::Unsigned& f) {
      const auto text = as_text(wire.bytes().subspan(f.slot.payload, f.slot.payload_len));
      return text.contains("UCNN") || text.contains("UDCNN") || text.contains("USR_ADD");
    }));
  }

 private:
  ConnId watched_;
  Tick told_at_;
  session::Outgoing out_{Dir::server};
  std::vector<std::pair<wire::Body, std::size_t>> parts_;  // and where its fields begin
  Buffer fields_;
};

constexpr int kCrowd = 5'000;
std::string one_of_the_crowd(int i) { return "u" + std::to_string(i); }

struct Cost {
  std::size_t frames = 0;
  std::size_t commands = 0;
};

// 5,000 log in within `seconds`; what it costs `watcher` until all is told. With `batch` each burst
// is one frame, and the next comes 250 ms later: so no n seconds hold more than 4n + 1.
Cost crowd_comes(Watched& h, ConnId watcher, int seconds, bool batch = true) {
  h.watch(watcher, batch);
  h.frames();
  const std::size_t before = h.presence_frames(watcher);
  Cost cost;
  int next = 0;
  Tick last = h.now().tick + Millis{-1'000};
  for (int ms = 0; next < kCrowd || h.now().tick - last < Seconds{2}; ++ms) {
    while (next < kCrowd && next < kCrowd * (ms + 1) / (seconds * 1'000)) {
      h.connect(one_of_the_crowd(next++));
    }
    h.pass(Millis{1});
    h.log();
    const std::size_t frames = h.frames();
    if (frames == 0) continue;
    if (batch) {
      EXPECT_EQ(frames, 1u) << "at " << ms << " ms";
    }
    EXPECT_GE(h.told_at() - last, limits::kPresenceBurst) << "at " << ms << " ms";
    last = h.told_at();
    cost.frames += frames;
  }
  cost.commands = h.presence_frames(watcher) - before;
  return cost;
}

std::vector<std::string> crowd_and_watcher() {
  std::vector<std::string> users{"watcher"};
  for (int i = 0; i < kCrowd; ++i) users.push_back(one_of_the_crowd(i));
  return users;
}

TEST(Presence, FiveThousandLoginsInNSecondsCostAConnectedClientAtMostFourFramesASecondAndOne) {
  for (const int seconds : {1, 10, 60}) {
    SCOPED_TRACE(std::to_string(seconds) + " s");
    Watched h(crowd_and_watcher(), loud());
    const ConnId watcher = h.connect("watcher");
    h.pass(Seconds{1});
    const Cost cost = crowd_comes(h, watcher, seconds);
    EXPECT_GT(cost.frames, 0u);
    EXPECT_LE(cost.frames, 4u * static_cast<unsigned>(seconds) + 1);
    // The first thousand are told; above a thousand `all` acts as `shared`.
    if (seconds > 1) {
      EXPECT_GT(cost.commands, 800u);
    }
    EXPECT_LE(cost.commands, 1'100u);
  }
}

// The watcher, in channels with all of them.
ConnId meet_the_crowd(Watched& h) {
  for (int first = 0; first < kCrowd; first += 250) {
    std::vector<std::string> members{"watcher"};
    for (int i = first; i < first + 250; ++i) members.push_back(one_of_the_crowd(i));
    h.add_channel(static_cast<unsigned>(first), members);
  }
  h.restart();
  const ConnId watcher = h.connect("watcher");
  h.pass(Seconds{1});
  return watcher;
}

// Who shares channels with all of them is told of every one, in as many bursts as that takes.
TEST(Presence, WhoSharesChannelsWithFiveThousandIsToldOfAllAtNoHigherRate) {
  Config config = loud();
  config.presence = PresenceMode::shared;
  for (const int seconds : {1, 10, 60}) {
    SCOPED_TRACE(std::to_string(seconds) + " s");
    Watched h(crowd_and_watcher(), config);
    const ConnId watcher = meet_the_crowd(h);
    const Cost cost = crowd_comes(h, watcher, seconds);
    EXPECT_EQ(cost.commands, static_cast<std::size_t>(kCrowd));
    // 256 users a burst: below five seconds of logins the last ones are told after them.
    EXPECT_LE(cost.frames, std::max(4u * static_cast<unsigned>(seconds) + 1, kCrowd / 256u + 2));
  }
}

TEST(Presence, WithoutBatchEachOfABurstIsAFrameOfItsOwn) {
  Watched h(crowd_and_watcher(), loud());
  const ConnId watcher = h.connect("watcher");
  h.pass(Seconds{1});
  const Cost cost = crowd_comes(h, watcher, 10, false);
  EXPECT_EQ(cost.frames, cost.commands);
}

TEST(Presence, WhatWaitedForASlowReaderIsToldInBurstsToo) {
  Watched h(crowd_and_watcher(), loud());
  const ConnId watcher = h.connect("watcher");
  h.pass(Seconds{1});
  h.watch(watcher, true);
  h.stall(watcher);
  constexpr int kSome = 900;
  ConnId last;
  for (int i = 0; i < kSome; ++i) last = h.connect(one_of_the_crowd(i));
  h.pass(Seconds{2});
  EXPECT_EQ(h.frames(), 0u) << "it waits";
  const std::size_t before = h.presence_frames(watcher);
  h.drain(watcher);
  std::size_t frames = 0;
  for (int ms = 0; ms < 5'000; ++ms) {
    // The one who came last goes meanwhile: by then he has not been told of.
    if (ms == 100) h.gone(last);
    h.pass(Millis{1});
    const std::size_t now = h.frames();
    EXPECT_LE(now, 1u) << "at " << ms << " ms";
    frames += now;
  }
  EXPECT_EQ(frames, 4u);
  EXPECT_EQ(h.presence_frames(watcher) - before, static_cast<std::size_t>(kSome));
  const std::string heard = h.heard(watcher);
  EXPECT_TRUE(heard.contains("UDCNN id=@u899 "));
  EXPECT_FALSE(heard.contains("UCNN id=@u899 ")) << "he had gone before it was told";
}

// More wait than are held: the others go into its queue, and no burst is larger for it.
TEST(Presence, AVerySlowReaderIsToldOfEverybodyOnceAndInBursts) {
  Config config = loud();
  config.presence = PresenceMode::shared;
  Watched h(crowd_and_watcher(), config);
  constexpr int kMany = 2'000;
  const ConnId watcher = meet_the_crowd(h);
  h.watch(watcher, true);
  const std::size_t before = h.presence_frames(watcher);
  h.stall(watcher);
  int next = 0;
  // Two commands each: that they came, and what they changed.
  while (next < 1'300) {
    h.say(h.connect(one_of_the_crowd(next++)), c::UsrSet{.status = UserStatus::away});
  }
  h.pass(Seconds{2});
  EXPECT_EQ(h.presence_frames(watcher) - before, 2 * (1'300u - limits::kPresenceHeld));
  h.frames();
  // The first bursts are full of others while there is something to make up for.
  while (next < kMany) h.connect(one_of_the_crowd(next++));
  h.drain(watcher);
  for (int ms = 0; ms < 5'000; ++ms) {
    h.pass(Millis{1});
    EXPECT_LE(h.frames(), 1u) << "at " << ms << " ms";
  }
  EXPECT_EQ(h.presence_frames(watcher) - before, static_cast<std::size_t>(kMany + 1'300));
}

TEST(Presence, ASlowReaderWhoSawWhoHasGoneIsToldWhenItReads) {
  Harness h({"ada", "bob", "cyd"}, loud());
  const ConnId ada = h.connect("ada");
  h.pass(Seconds{1});
  h.connect("cyd");  // takes this quarter second's burst
  const ConnId bob = h.connect("bob");
  h.say(ada, c::LstUsr{});
  h.stall(ada);
  h.log();
  h.gone(bob);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(ada), "");
  h.drain(ada);
  h.pass(Seconds{1});
  EXPECT_EQ(h.heard(ada), "UDCNN id=@bob name=\"bob\"\n");
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
