// Refusals and rules of the coordinator that the scenarios do not show.
#include <gtest/gtest.h>

#include <string>

#include "channel/channels_test_world.h"

namespace moot::test {
namespace {

using Lines = std::vector<std::string>;

// Ada, Ben and Cyd are attached to #ops, Dan is not; Ada leads.
class Coordinator : public testing::Test {
 protected:
  World w;
  void SetUp() override {
    w.all(
        "users ada ben cyd dan\nconnect ada ben cyd dan\nada create #ops members\nben join #ops\n"
        "cyd join #ops\ndan join #ops\nada attach #ops\nben attach #ops\ncyd attach #ops\n"
        "ada lead #ops\nben vote #ops ada\nwait 100");
    ASSERT_EQ(w.report("#ops").leader, *UserId::parse("ada"));
  }
};

TEST_F(Coordinator, MessageRefusalsComeInTheOrderOfTheProtocol) {
  World other;
  other.all("users ada ben\nconnect ada ben");
  const std::string big(16'385, 'x');
  EXPECT_EQ(other.refusal("ben msg #ops big text=" + big), "not_found");
  other.run("ada create #ops members");
  EXPECT_EQ(other.refusal("ben msg #ops big text=" + big), "not_member");
  EXPECT_EQ(other.refusal("ada msg #ops large text=" + big), "too_large");
  EXPECT_EQ(other.refusal("ada msg #ops old at=-500000"), "not_healthy");
  // Healthy, so what comes next decides.
  EXPECT_EQ(w.refusal("dan msg #ops old at=-500000"), "not_attached");
  EXPECT_EQ(w.refusal("ben msg #ops old2 at=-500000"), "bad_time");
  w.run("ben msg #ops m1");
  EXPECT_EQ(w.refusal("cyd msg #ops m1' from=ben stamp=bad"), "bad_stamp");
  EXPECT_EQ(w.refusal("ben msg #ops m1'"), "conflict");
}

TEST_F(Coordinator, ASecondContentOfAnIdThatWasRelayedOnceFollowsTheFirst) {
  w.run("ben msg #ops m1");
  EXPECT_EQ(w.refusal("cyd msg #ops m1' from=ben stamp=good"), "conflict");  // one at a time
  w.run("cyd ack #ops m1");
  w.run("ada commit #ops m1");
  EXPECT_EQ(w.refusal("ben msg #ops m1' retry"), "conflict");
  EXPECT_EQ(w.refusal("cyd msg #ops m1' from=ben stamp=good"), "");
  w.run("ada ack #ops m1'");
  EXPECT_EQ(w.refusal("ada commit #ops m1'"), "");
  EXPECT_EQ(w.report("#ops").in_flight, 0u);
}

TEST_F(Coordinator, TheTimeOfANewIdIsWithin2SecondsAheadAnd120Behind) {
  EXPECT_EQ(w.refusal("ben msg #ops a at=2000"), "");
  EXPECT_EQ(w.refusal("ben msg #ops b at=2001"), "bad_time");
  EXPECT_EQ(w.refusal("ben msg #ops c at=-120000"), "");
  EXPECT_EQ(w.refusal("ben msg #ops d at=-120001"), "bad_time");
  EXPECT_EQ(w.refusal("ben msg #ops d retry"), "");
  EXPECT_EQ(w.refusal("ben msg #ops e at=-2592000000 retry"), "");
  EXPECT_EQ(w.refusal("ben msg #ops f at=-2592000001 retry"), "expired");
  EXPECT_EQ(w.refusal("ben msg #ops b retry"), "bad_time");
}

TEST_F(Coordinator, AStampedReproposalHasNoTimeCheck) {
  EXPECT_EQ(w.refusal("ben msg #ops a at=-9000000000 from=cyd stamp=good"), "");
  EXPECT_EQ(w.refusal("ben msg #ops b from=cyd stamp=lost"), "bad_stamp");
}

TEST_F(Coordinator, TheClockNeverGoesBackEvenAcrossARestart) {
  EXPECT_EQ(w.refusal("ben msg #ops a at=1500"), "");
  w.run("clock -60000");
  // An id of the time before the jump is as good as it was.
  EXPECT_EQ(w.refusal("ben msg #ops b at=60000"), "");
  EXPECT_EQ(w.refusal("ben msg #ops c at=63000"), "bad_time");
  w.run("crash");
  w.all("connect ada ben cyd\nada attach #ops\nben attach #ops\ncyd attach #ops\nada lead #ops");
  w.all("ben vote #ops ada");
  EXPECT_EQ(w.refusal("ben msg #ops d at=60000"), "");
}

TEST_F(Coordinator, TheClockMarkIsOnDiskBeforeAnythingThatDependsOnIt) {
  w.run("wait 60000");
  w.run("disk slow");
  EXPECT_EQ(World::count(w.run("ben msg #ops m1"), "CH_MSG"), 0u);
  EXPECT_EQ(World::count(w.run("disk sync"), "CH_MSG id"), 1u);
  // For the next seconds there is nothing to wait for.
  EXPECT_EQ(World::count(w.run("ben msg #ops m2"), "CH_MSG id"), 1u);
}

TEST_F(Coordinator, CommitNeedsTheLeaderItsNumberAndAQuorum) {
  w.run("ben msg #ops m1");
  EXPECT_EQ(w.refusal("ben commit #ops m1"), "not_leader");
  EXPECT_EQ(w.refusal("ada commit #ops m1 election=1"), "stale_election");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "no_quorum");
  w.run("cyd ack #ops m1");
  EXPECT_EQ(w.refusal("ada commit #ops m1'"), "unknown_msg");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
}

TEST_F(Coordinator, TheQuorumIsOfThoseAskedNotOfThoseOnlineNow) {
  // Asked were three. Two go; the one disk left is no majority of one (replication.md D4).
  w.run("ben msg #ops m1");
  w.run("disconnect ben");
  w.run("disconnect cyd");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "no_quorum");
  // What is on a disk stays there: Ben's counts though he went away.
  w.run("ada ack #ops m1");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
}

TEST_F(Coordinator, SomebodyWhoCameLaterDoesNotCount) {
  w.run("ben msg #ops m1");
  w.run("dan attach #ops");
  EXPECT_EQ(World::count(w.run("dan ack #ops m1"), "need=1"), 1u);
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "no_quorum");
}

TEST_F(Coordinator, WhoOnlyChangesHisConnectionIsAskedAllTheTime) {
  // Asked are five, three are a quorum. Ben and Ada have it, Cyd and Dan go; Eve could still give
  // the third copy. Her phone's connection died unnoticed, and the next one takes its place.
  w.all(
      "users eve fay\nconnect eve fay eve.2\neve join #ops\nfay join #ops\ndan attach #ops\n"
      "eve attach #ops replica=phone\nben msg #ops m1\nada ack #ops m1\nfay attach #ops\n"
      "fay ack #ops m1\ndisconnect cyd\ndisconnect dan\nwait 100");
  const Lines told = w.run("eve.2 attach #ops replica=phone");
  EXPECT_EQ(World::count(told, "eve <- DCNN replaced"), 1u);
  EXPECT_EQ(World::count(told, "eve.2 <- CH_MSG id"), 1u);
  EXPECT_EQ(World::count(told, "CH_MSG_ACK"), 0u);
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "no_quorum");
  EXPECT_EQ(w.run("wait 100"), Lines{});  // nobody went, nobody came
  w.run("eve.2 ack #ops m1");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
}

TEST_F(Coordinator, TwoDevicesOfAUserAreOneAcknowledgement) {
  w.all("connect ben.2\nben.2 attach #ops\nben msg #ops m1");
  EXPECT_EQ(World::count(w.run("ben.2 ack #ops m1"), "CH_MSG_ACK"), 0u);
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "no_quorum");
}

TEST_F(Coordinator, AnAcknowledgementOfOtherContentCountsForNothing) {
  w.run("ben msg #ops m1");
  EXPECT_EQ(w.refusal("cyd ack #ops m1' from=ben"), "unknown_msg");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "no_quorum");
}

TEST_F(Coordinator, ThreeOnlineWithOneLeavingStillCommitsWhatHasItsQuorum) {
  w.run("ben msg #ops m1");
  w.run("ada ack #ops m1");
  w.run("disconnect cyd");
  EXPECT_EQ(w.refusal("ben msg #ops m2"), "not_healthy");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
}

TEST_F(Coordinator, PullAndMergeAreBusyWithoutALeaderAndNeedNoHealth) {
  w.run("disconnect cyd");
  EXPECT_EQ(World::count(w.run("ben pull #ops req=1"), "ada <- CH_PULL"), 1u);
  EXPECT_EQ(World::count(w.run("ben merge #ops m1 acks=ben"), "ada <- CH_MERGE"), 1u);
  w.run("disconnect ada");
  EXPECT_EQ(w.refusal("ben pull #ops req=2"), "busy");
  EXPECT_EQ(w.refusal("ben merge #ops m1 acks=ben"), "busy");
}

TEST_F(Coordinator, TheLeadersOwnPullIsIgnored) {
  EXPECT_EQ(w.run("ada pull #ops req=1"), Lines{});
}

TEST_F(Coordinator, TheLeadersOwnMergeIsIgnored) {
  EXPECT_EQ(w.run("ada merge #ops m1 acks=ada,ben"), Lines{});
  EXPECT_EQ(w.refusal("ada confirm #ops m1 acks=ben"), "unknown_msg");
}

TEST_F(Coordinator, NobodyIsAskedToConfirmWhatWasCommittedAlready) {
  w.all("ben msg #ops m1\ncyd ack #ops m1\nada commit #ops m1");
  EXPECT_EQ(w.run("ada confirm #ops m1 acks=ben,cyd"), Lines{});
}

TEST_F(Coordinator, WhatTooFewMaySeeIsNotHealthy) {
  World o;
  o.all(
      "users ada ben cyd dan eve\nconnect ada ben cyd dan eve\nada create #ops members since_join\n"
      "ben join #ops\nada attach #ops\nben attach #ops\nwait 130000\ncyd join #ops\n"
      "cyd attach #ops\nwait 100\nada lead #ops\nben vote #ops ada");
  EXPECT_EQ(o.refusal("ben msg #ops old at=-130000 retry"), "not_healthy");
  EXPECT_EQ(o.refusal("ben msg #ops new"), "");
}

TEST_F(Coordinator, TwelvePullsAreAllThatWaitOfAConnectionWhateverTheChannels) {
  w.all(
      "ada create #dev members\nben join #dev\ncyd join #dev\nada attach #dev\nben attach #dev\n"
      "cyd attach #dev\nada lead #dev\nben vote #dev ada");
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(w.refusal("ben pull #ops req=" + std::to_string(i)), "");
    EXPECT_EQ(w.refusal("ben pull #dev req=" + std::to_string(i)), "");
  }
  EXPECT_EQ(w.refusal("ben pull #dev req=12"), "busy");
}

TEST_F(Coordinator, AConnectionHasAtMostTwelvePullsWaiting) {
  static_assert(limits::kPullsPerConn == 12);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(w.refusal("ben pull #ops req=" + std::to_string(i)), "");
  }
  EXPECT_EQ(w.refusal("ben pull #ops req=12"), "busy");
  EXPECT_EQ(w.refusal("ben pull #ops req=3"), "") << "asked again, it is no other one";
  EXPECT_EQ(w.refusal("cyd pull #ops req=12"), "");
}

// Many ask, and his line is slow: he is not deposed as long as he answers one after another.
TEST_F(Coordinator, ALeaderWhoAnswersPullsInTheirOrderHasHisTimeForEach) {
  for (const char* who : {"ben", "cyd", "dan"}) {
    for (int i = 0; i < 6; ++i)
      EXPECT_EQ(w.refusal(std::string(who) + " pull #ops req=" + std::to_string(i)), "");
  }
  for (const char* who : {"ben", "cyd", "dan"}) {
    for (int i = 0; i < 6; ++i) {
      w.run("wait 4000");
      w.run(std::string("ada append #ops m1 to=") + who + " req=" + std::to_string(i));
    }
  }
  EXPECT_EQ(w.report("#ops").leader, *UserId::parse("ada"));
}

TEST_F(Coordinator, ALeaderWhoPassesSomebodyOverIsDeposedWhateverElseHeAnswers) {
  w.run("ben pull #ops req=0");
  for (int i = 0; i < 6; ++i) w.run("cyd pull #ops req=" + std::to_string(i));
  for (int i = 0; i < 3; ++i) {
    w.run("ada append #ops m1 to=cyd req=" + std::to_string(i));
    w.run("wait 4000");
  }
  EXPECT_EQ(w.report("#ops").leader, UserId{});
}

TEST_F(Coordinator, APageForSomebodyWhoIsGoneIsDropped) {
  w.run("dan pull #ops req=1");
  const std::string answer = "ada append #ops m1 to=dan req=1";
  w.run("dan leave #ops");
  EXPECT_EQ(w.run(answer), Lines{});
}

TEST_F(Coordinator, ARecordWithAnotherTimeThanItsIdSpoilsThePage) {
  EXPECT_EQ(w.refusal("ben merge #ops m1 acks=ben malformed"), "bad_payload");
}

TEST_F(Coordinator, AConfirmationIsAskedOfThoseListedAndOnlineButNotOfTheClaimant) {
  w.run("ben merge #ops m1 acks=ben,cyd,dan");
  const Lines asked = w.run("ada confirm #ops m1 acks=ben,cyd,dan");
  EXPECT_EQ(World::count(asked, "cyd <- CH_MSG_CONFIRM"), 1u);
  EXPECT_EQ(asked.size(), 1u);
  EXPECT_EQ(w.refusal("ben confirm #ops m1 acks=cyd"), "not_leader");
  w.run("ben merge #ops m2 stamp=bad");
  EXPECT_EQ(w.refusal("ada confirm #ops m2 acks=cyd"), "unknown_msg");
}

TEST_F(Coordinator, ALongListOfAcknowledgementsIsConfirmedByAnybody) {
  w.run("ben merge #ops m1 acks=ben acks_n=40");
  EXPECT_EQ(World::count(w.run("ada confirm #ops m1"), "ada,cyd <- CH_MSG_CONFIRM"), 1u);
  w.run("cyd ack #ops m1");
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
}

TEST_F(Coordinator, TheLeadersOwnAcknowledgementConfirmsAMergeWhetherListedOrNot) {
  w.run("ben merge #ops m1 acks=ben");
  EXPECT_EQ(World::count(w.run("ada ack #ops m1"), "ada <- CH_MSG_ACK"), 1u);
  EXPECT_EQ(w.refusal("ada commit #ops m1"), "");
}

// Ben was told all of it a moment ago. Were he told alone, he would take it for the leader's too.
TEST_F(Coordinator, ARecentCommitIsToldToAllWhenTheLeaderCameSince) {
  std::string everybody = "ada,ben,cyd";
  const auto told_to_all = [&](const std::string& command) {
    const Lines lines = w.run(command);
    return World::count(lines, everybody + " <- CH_MSG id") == 1 &&
           World::count(lines, everybody + " <- CH_MSG_COMMIT") == 1;
  };
  const auto ada_comes_back = [&] {
    w.all("disconnect ada\nconnect ada\nada attach #ops\nada lead #ops\nben vote #ops ada");
    ASSERT_EQ(w.report("#ops").leader, *UserId::parse("ada"));
    everybody = "ben,cyd,ada";  // by connection
  };
  w.all("ben msg #ops m1\nada ack #ops m1\nada commit #ops m1");
  EXPECT_TRUE(told_to_all("ben msg #ops m1 retry"));
  EXPECT_FALSE(told_to_all("ben msg #ops m1 retry"));
  ada_comes_back();
  EXPECT_TRUE(told_to_all("ben merge #ops m1 acks=ben"));
  EXPECT_FALSE(told_to_all("ben merge #ops m1 acks=ben"));
  ada_comes_back();
  EXPECT_TRUE(told_to_all("ben msg #ops m1 retry"));
}

TEST_F(Coordinator, AMergeOfAKeyTheServerNeverHadIsRefused) {
  EXPECT_EQ(w.refusal("ben merge #ops m1 acks=ben,cyd stamp=lost"), "bad_stamp");
}

TEST_F(Coordinator, HistoryBeginsWithJoiningWhereTheChannelSaysSo) {
  World o;
  o.all(
      "users ada ben cyd dan\nconnect ada ben cyd dan\nada create #ops members since_join\n"
      "ben join #ops\ncyd join #ops\nada attach #ops\nben attach #ops\ncyd attach #ops\n"
      "ada lead #ops\nben vote #ops ada\nben msg #ops early\nada ack #ops early\n"
      "ada commit #ops early\nwait 130000\ndan join #ops\ndan attach #ops\nwait 100");
  // The pull says from when on; a page that goes further back is cut.
  EXPECT_EQ(World::count(o.run("dan pull #ops req=1"), "since="), 1u);
  EXPECT_EQ(World::count(o.run("ada append #ops early to=dan req=1"), "messages=[]"), 1u);
  EXPECT_EQ(World::count(o.run("cyd pull #ops req=1"), "since="), 1u);
  EXPECT_EQ(World::count(o.run("ada append #ops early to=cyd req=1"), "messages=[{"), 1u);
  // Told again, it is told to those who were there.
  EXPECT_EQ(World::count(o.run("ben msg #ops early retry"), "ada,ben,cyd <- CH_MSG id"), 1u);
  // What is new everybody sees.
  EXPECT_EQ(World::count(o.run("ben msg #ops late"), "ada,ben,cyd,dan <- CH_MSG id"), 1u);
}

TEST_F(Coordinator, ALeaderWhoJoinedLaterIsShownNothingFromBeforeHisTime) {
  World o;
  o.all(
      "users ada ben cyd dan\nconnect ada ben cyd dan\nada create #ops members since_join\n"
      "ben join #ops\ncyd join #ops\nada attach #ops\nben attach #ops\ncyd attach #ops\n"
      "ada lead #ops\nben vote #ops ada\nben msg #ops early\nada ack #ops early\n"
      "ada commit #ops early\nwait 130000\ndan join #ops\ndan attach #ops\nwait 100\n"
      "disconnect ada\ndan lead #ops\nben vote #ops dan\ncyd vote #ops dan");
  ASSERT_EQ(o.report("#ops").leader, *UserId::parse("dan"));
  // They compare what both may see.
  EXPECT_EQ(World::count(o.run("ben pull #ops req=1"), "dan <- CH_PULL"), 1u);
  EXPECT_EQ(World::count(o.run("ben pull #ops req=2"), "since="), 1u);
  // Remembered by the server, or not: it is not shown to him.
  EXPECT_EQ(World::count(o.run("ben merge #ops early acks=ben,cyd"), "dan"), 0u);
  EXPECT_EQ(o.run("ben merge #ops older from=cyd at=-200000 acks=ben,cyd"), Lines{});
  EXPECT_EQ(World::count(o.run("ben merge #ops late from=cyd acks=ben,cyd"), "dan <- CH_MERGE"),
            1u);
  // Nor is anybody asked about what he may not see.
  o.all("connect ada\nada attach #ops\ndisconnect dan\nada lead #ops\nben vote #ops ada");
  ASSERT_EQ(o.report("#ops").leader, *UserId::parse("ada"));
  o.all("connect dan\ndan attach #ops\nben merge #ops older acks=ben acks_n=40");
  const Lines asked = o.run("ada confirm #ops older");
  EXPECT_EQ(World::count(asked, "CH_MSG_CONFIRM"), 1u);
  EXPECT_EQ(World::count(asked, "dan"), 0u);
}

// Dan acknowledged it when he was a member before, and holds it in doubt.
TEST_F(Coordinator, WhoProposesWhatIsFromBeforeHisTimeHearsOfItsCommit) {
  World o;
  o.all(
      "users ada ben cyd dan\nconnect ada ben cyd dan\nada create #ops members since_join\n"
      "ben join #ops\ncyd join #ops\nada attach #ops\nben attach #ops\ncyd attach #ops\n"
      "ada lead #ops\nben vote #ops ada\nben msg #ops early\nada ack #ops early\n"
      "ada commit #ops early\nwait 130000\ndan join #ops\ndan attach #ops\nwait 100");
  const Lines told = o.run("dan msg #ops early from=ben stamp=good");
  EXPECT_EQ(World::count(told, "ada,ben,cyd,dan <- CH_MSG id"), 1u);
  EXPECT_EQ(World::count(told, "ada,ben,cyd,dan <- CH_MSG_COMMIT"), 1u);
}

TEST_F(Coordinator, ALeaderWhoLeavesTheChannelLeadsNoMore) {
  w.run("ada set #ops roles=ben:owner");
  w.run("ada leave #ops");
  EXPECT_TRUE(w.report("#ops").leader.empty());
}

TEST_F(Coordinator, VotesOfThoseWhoWereNotAskedAreIgnored) {
  w.run("disconnect ada");
  w.run("dan attach #ops");
  w.run("ben lead #ops");
  w.run("connect ada");
  w.run("ada attach #ops");
  w.run("ada vote #ops ben");
  EXPECT_TRUE(w.report("#ops").leader.empty());
  w.run("cyd vote #ops ben");
  EXPECT_EQ(w.report("#ops").leader, *UserId::parse("ben"));
}

TEST_F(Coordinator, AConnectionThatWasNotAskedToVoteKeepsNoElectionWaiting) {
  w.all("disconnect ada\nconnect ada cyd.2\nada attach #ops\nben lead #ops");
  // Cyd will not answer: his next connection has not heard who stands.
  w.run("cyd.2 attach #ops replica=cyd");
  EXPECT_EQ(w.refusal("ada lead #ops"), "busy");
  w.run("ada vote #ops ada");
  EXPECT_EQ(w.refusal("ada lead #ops"), "");
}

TEST_F(Coordinator, OneStrikeIsForgottenAfterAMinute) {
  w.all("ben msg #ops m1\ncyd ack #ops m1\nwait 2000\nada commit #ops m1\nwait 60001");
  w.all("ben msg #ops m2\ncyd ack #ops m2\nwait 2000");
  EXPECT_EQ(w.report("#ops").leader, *UserId::parse("ada"));
  w.run("wait 2000");
  EXPECT_TRUE(w.report("#ops").leader.empty());
}

TEST_F(Coordinator, ASlowLeaderIsGivenSixRoundTrips) {
  // Ada's acknowledgements take a second: she has six for a commit.
  w.all("ben msg #ops m1\nwait 1000\nada ack #ops m1");
  w.run("wait 11999");
  EXPECT_EQ(w.report("#ops").leader, *UserId::parse("ada"));
  w.run("wait 1");
  EXPECT_TRUE(w.report("#ops").leader.empty());
}

}  // namespace
}  // namespace moot::test
