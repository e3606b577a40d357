// Channels whose records the server keeps (replication.md 2.8).
#include <gtest/gtest.h>

#include <string>

#include "channel/channels_test_world.h"

namespace moot::test {
namespace {

using Lines = std::vector<std::string>;

class Keeper : public testing::Test {
 protected:
  World w;
  void SetUp() override {
    w.all(
        "users ada ben\nconnect ada ben\nada create #log\nben join #log\nben attach #log\nwait "
        "100");
  }
};

TEST_F(Keeper, NothingThatShowsARecordLeavesBeforeItIsOnDisk) {
  w.run("disk slow");
  EXPECT_EQ(w.run("ada msg #log m1"), Lines{});
  EXPECT_EQ(w.run("ben pull #log"), Lines{});
  EXPECT_EQ(w.run("ada msg #log m1 retry"), Lines{});
  const Lines told = w.run("disk sync");
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[0], "disk record #log m1");
  EXPECT_TRUE(told[1].starts_with("ada,ben <- CH_MSG "));
}

TEST_F(Keeper, ARetryIsIdempotentAlsoAfterARestart) {
  w.run("ada msg #log m1");
  w.run("crash");
  w.run("connect ada ben");
  const Lines again = w.run("ada msg #log m1 retry");
  EXPECT_EQ(World::count(again, "disk record"), 0u);
  EXPECT_EQ(World::count(again, "merged=true committed=true"), 1u);
  EXPECT_EQ(w.refusal("ada msg #log m1' retry"), "conflict");
  EXPECT_EQ(w.report("#log").records, 1u);
}

TEST_F(Keeper, ARetryIsToldToAllOnceInFiveSeconds) {
  w.run("ada msg #log m1");
  EXPECT_EQ(World::count(w.run("ada msg #log m1 retry"), "ada,ben <- CH_MSG"), 1u);
  EXPECT_EQ(World::count(w.run("ada msg #log m1 retry"), "ada <- CH_MSG"), 1u);
  w.run("wait 5000");
  EXPECT_EQ(World::count(w.run("ada msg #log m1 retry"), "ada,ben <- CH_MSG"), 1u);
}

TEST_F(Keeper, TimesAndStampsAreCheckedAsInAnyChannel) {
  EXPECT_EQ(w.refusal("ada msg #log a at=3000"), "bad_time");
  EXPECT_EQ(w.refusal("ada msg #log b at=-121000"), "bad_time");
  EXPECT_EQ(w.refusal("ada msg #log b retry"), "");
  EXPECT_EQ(w.refusal("ada msg #log c from=ben"), "bad_stamp");
  EXPECT_EQ(w.refusal("ada msg #log c stamp=bad from=ben"), "bad_stamp");
  EXPECT_EQ(w.refusal("ada msg #log c stamp=good from=ben"), "");
  EXPECT_EQ(w.refusal("ada msg #log d text=" + std::string(16'385, 'x')), "too_large");
}

TEST_F(Keeper, ReceiptsGoToTheAuthorAloneWhileTheChannelIsSmall) {
  w.run("ada attach #log");
  w.run("ada msg #log m1");
  EXPECT_EQ(World::count(w.run("ben ack #log m1"), "ada <- CH_MSG_ACK id=m1 user=@ben"), 1u);
  EXPECT_EQ(w.refusal("ben ack #log m9 from=ada"), "unknown_msg");
  for (int i = 0; i < 49; ++i) {
    const std::string name = "u" + std::to_string(i);
    w.run("users " + name);
    w.run("connect " + name);
    w.run(name + " join #log");
  }
  EXPECT_EQ(w.run("ben ack #log m1"), Lines{});
}

TEST_F(Keeper, AReceiptForAnOldRecordFindsItsAuthorOnDisk) {
  w.run("ada msg #log m1");
  w.run("crash");
  w.all("connect ada ben\nada attach #log\nben attach #log");
  EXPECT_EQ(World::count(w.run("ben ack #log m1"), "ada <- CH_MSG_ACK"), 1u);
}

TEST_F(Keeper, AMergeNeedsNothingButTheStamp) {
  EXPECT_EQ(w.refusal("ben merge #log m1:ada acks=ada stamp=bad"), "bad_stamp");
  EXPECT_EQ(w.refusal("ben merge #log m1:ada acks=ada stamp=lost"), "bad_stamp");
  EXPECT_EQ(w.refusal("ben merge #log m1:ada acks=ada malformed"), "bad_payload");
  EXPECT_EQ(World::count(w.run("ben merge #log m1:ada acks=ada"), "disk record #log m1"), 1u);
}

TEST_F(Keeper, PullsAreAnsweredWithoutBeingAttached) {
  w.run("ada msg #log m1");
  w.run("ada msg #log m2");
  EXPECT_EQ(World::count(w.run("ada pull #log req=3 anchor=m1"), "{id=m2 "), 1u);
}

TEST_F(Keeper, HistoryBeginsWithJoiningWhereTheChannelSaysSo) {
  w.all(
      "ada create #new since_join\nada msg #new early\nwait 130000\nben join #new\nada msg #new "
      "late");
  const Lines page = w.run("ben pull #new");
  EXPECT_EQ(World::count(page, "early"), 0u);
  EXPECT_EQ(World::count(page, "late"), 1u);
  EXPECT_EQ(World::count(w.run("ada pull #new"), "early"), 1u);
}

TEST_F(Keeper, ARemovedChannelForgetsWhatWaitedForTheDisk) {
  w.run("disk slow");
  w.run("ada msg #log m1");
  ASSERT_TRUE(w.channels().remove(w.now(), w.channel("#log"), w.fx()));
  w.run("disk sync");
  EXPECT_EQ(w.refusal("ada msg #log m2"), "not_found");
}

}  // namespace
}  // namespace moot::test
