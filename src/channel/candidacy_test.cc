#include "channel/candidacy.h"

#include <gtest/gtest.h>

#include "channel/test_replica.h"

namespace moot {
namespace {
using test::Member;
using test::record;
using test::user;

const std::vector<UserId> kThree{user("ada"), user("bob"), user("eve")};
const std::vector<UserId> kFour{user("ada"), user("bob"), user("eve"), user("kim")};

s::ChStatus electing(Member& m, const std::vector<UserId>& online = kThree) {
  auto cmd = m.status(ChannelStatus::electing);
  cmd.online = Users(online);
  return cmd;
}
s::ChVote vote(const char* candidate, OrNil<MsgId> last, std::uint64_t count,
               std::uint64_t election = 9) {
  return {election, user(candidate), test::kChannel, last, count};
}
std::size_t stood(Member& m) { return m.sent<c::ChLead>().size(); }
// Lets time pass in steps, as a shell does.
void wait(Member& m, Millis d) {
  const Tick end = m.now.tick + d;
  for (int i = 0; i < 1'000; ++i) {
    const auto next = m->next_deadline();
    if (!next || *next > end) break;
    m.pass(std::max(Millis{0}, *next - m.now.tick));
    m.tick();
  }
  m.pass(end - m.now.tick);
}
// Put to the vote.
void stand(Member& m) {
  m.connect();
  m.give(electing(m));
  wait(m, Millis{150});
  ASSERT_EQ(stood(m), 1u);
  m.give(vote("bob", {}, 0));
}

TEST(Candidacy, StandsWithinThe150MillisecondsAndTellsItsHistory) {
  Member m("bob");
  m.preload({record(1), record(2)});
  m.connect();
  m.give(electing(m));
  EXPECT_EQ(stood(m), 0u);
  wait(m, Millis{150});
  ASSERT_EQ(stood(m), 1u);
  EXPECT_EQ(m.sent<c::ChLead>()[0]->last, OrNil<MsgId>(record(2).id));
  EXPECT_EQ(m.sent<c::ChLead>()[0]->count, 2u);
}

TEST(Candidacy, DoesNotStandWithALeaderOrWithTooFew) {
  Member m("bob");
  m.connect();
  m.give(electing(m));
  m.give(m.status(ChannelStatus::few));
  wait(m, Millis{10'000});
  EXPECT_EQ(stood(m), 0u);
  m.give(electing(m));
  m.elect("ada", 3);
  wait(m, Millis{300});
  EXPECT_EQ(stood(m), 0u);
}

TEST(Candidacy, VotesForWhoHasAtLeastAsMuchAndForItselfElse) {
  Member m("bob");
  m.preload({record(1), record(2)});
  m.connect();
  const struct {
    OrNil<MsgId> last;
    std::uint64_t count;
    bool yes;
  } cases[] = {{record(2).id, 2, true},  {record(2).id, 3, true},  {record(3).id, 1, true},
               {record(2).id, 1, false}, {record(1).id, 9, false}, {{}, 0, false}};
  for (const auto& each : cases) {
    m.forget_sent();
    m.give(vote("ada", each.last, each.count));
    ASSERT_EQ(m.sent<c::ChVote>().size(), 1u);
    EXPECT_EQ(m.sent<c::ChVote>()[0]->user, each.yes ? user("ada") : user("bob"));
    EXPECT_EQ(m.sent<c::ChVote>()[0]->election, 9u);
    EXPECT_EQ(m.sent<c::ChVote>()[0]->count, 2u);
  }
}

TEST(Candidacy, DoesNotAnswerAboutItselfNorAnOldElection) {
  Member m("bob");
  m.attach("ada", 20);
  m.give(vote("bob", {}, 0, 21));
  m.give(vote("eve", {}, 0, 19));
  EXPECT_TRUE(m.sent<c::ChVote>().empty());
}

TEST(Candidacy, BusyIsNotARefusalItAsksAgain) {
  Member m("bob");
  m.connect();
  m.give(electing(m));
  wait(m, Millis{150});
  s::Err busy;
  busy.ref_cmd = "CH_LEAD";
  busy.code = "busy";
  busy.channel = test::kChannel;
  m.give(busy);
  wait(m, Millis{499});
  EXPECT_EQ(stood(m), 1u);
  wait(m, Millis{151});
  EXPECT_EQ(stood(m), 2u);
}

TEST(Candidacy, WithoutAnyAnswerItAsksAgain) {
  Member m("bob");
  m.connect();
  m.give(electing(m));
  wait(m, Millis{3'500});
  EXPECT_EQ(stood(m), 2u);
}

TEST(Candidacy, WaitsFiveSecondsOnceRefused) {
  Member m("bob");
  stand(m);
  m.give(electing(m));
  wait(m, Millis{4'999});
  EXPECT_EQ(stood(m), 1u);
  wait(m, Millis{152});
  EXPECT_EQ(stood(m), 2u);
}

// Hole 11.
TEST(Candidacy, ARefusalEndsWhenRosterOrHistoryChanges) {
  Member roster("bob");
  stand(roster);
  roster.give(electing(roster));
  roster.give(electing(roster, kFour));
  wait(roster, Millis{150});
  EXPECT_EQ(stood(roster), 2u);

  Member history("bob");
  stand(history);
  history.give(electing(history));
  history.give(test::relayed(record(1)));
  history.give(test::committed(record(1).key()));
  wait(history, Millis{150});
  EXPECT_EQ(stood(history), 2u);
}

TEST(Candidacy, StandsNextWhenTheOneItWatchedIsRefused) {
  Member m("bob");
  m.connect();
  m.give(vote("ada", {}, 0));
  wait(m, Millis{200});
  EXPECT_EQ(stood(m), 0u);
  m.give(electing(m));
  wait(m, Millis{150});
  EXPECT_EQ(stood(m), 1u);
}

}  // namespace
}  // namespace moot
