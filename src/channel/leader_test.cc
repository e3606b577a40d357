#include "channel/leader.h"

#include <gtest/gtest.h>

#include "channel/test_replica.h"

namespace moot {
namespace {
using test::committed;
using test::Member;
using test::record;
using test::relayed;
using test::user;

constexpr std::uint64_t kTerm = 77;

s::ChMsgAck ack(const RecordKey& key, const char* who, std::uint64_t need) {
  return {key.id, user(who), test::kChannel, key.digest, need, {}};
}
StoredRecord acked(std::uint64_t n, std::vector<UserId> users) {
  StoredRecord r = record(n);
  r.acks = Acks::of(users, users.size());
  return r;
}
// Somebody says that `r` was committed.
void claim(Member& m, const StoredRecord& r, const char* who) {
  const std::vector<MergeRecord> list{MergeRecord{record_view(r)}};
  m.give(s::ChMerge{list, test::kChannel, 5, user(who), 3});
}

class Leader : public testing::Test {
 protected:
  Leader() {
    m.attach("ada", kTerm);
    m.sync_disk();
    m.forget_sent();
  }
  Member m{"ada"};
};

TEST_F(Leader, AsksToCommitOnceNothingIsMissing) {
  m.give(relayed(record(1)));
  m.give(ack(record(1).key(), "bob", 1));
  EXPECT_TRUE(m.sent<c::ChCommit>().empty());
  m.give(ack(record(1).key(), "eve", 0));
  m.give(ack(record(1).key(), "kim", 0));
  ASSERT_EQ(m.sent<c::ChCommit>().size(), 1u);
  const c::ChCommit& commit = *m.sent<c::ChCommit>()[0];
  EXPECT_EQ(commit.election, kTerm);
  EXPECT_EQ(commit.digest, record(1).digest);
  EXPECT_EQ(commit.acks.size(), 2u);
}

TEST_F(Leader, CommitsNothingByItself) {
  m.give(relayed(record(1)));
  m.sync_disk();
  m.give(ack(record(1).key(), "eve", 0));
  EXPECT_EQ(m->history().count(), 0u);  // hole 2: the server's broadcast does
}

TEST_F(Leader, AsksAgainAfterARefusalANewRoundOrASecond) {
  m.give(relayed(record(1)));
  m.give(ack(record(1).key(), "eve", 0));
  s::Err refused;
  refused.ref_cmd = "CH_COMMIT";
  refused.code = "no_quorum";
  refused.channel = test::kChannel;
  refused.id = MsgOrUser(record(1).id);
  m.give(refused);
  m.give(ack(record(1).key(), "kim", 0));
  EXPECT_EQ(m.sent<c::ChCommit>().size(), 2u);
  m.give(relayed(record(1)));
  m.give(ack(record(1).key(), "kim", 0));
  EXPECT_EQ(m.sent<c::ChCommit>().size(), 3u);
  m.pass(Millis{1'000});
  m.give(ack(record(1).key(), "bob", 0));
  EXPECT_EQ(m.sent<c::ChCommit>().size(), 4u);
}

TEST_F(Leader, IgnoresAClaimOfWhatItHas) {
  m.give(relayed(record(1)));
  m.give(committed(record(1).key()));
  m.forget_sent();
  claim(m, acked(1, {user("bob"), user("eve")}), "bob");
  EXPECT_TRUE(m.outgoing().empty());
}

TEST_F(Leader, ConfirmsAClaimWithItsOwnAcknowledgement) {
  m.give(relayed(record(1)));
  m.sync_disk();
  m.forget_sent();
  claim(m, acked(1, {user("bob")}), "bob");
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 1u);
  ASSERT_EQ(m.sent<c::ChCommit>().size(), 1u);
  EXPECT_EQ(m.sent<c::ChCommit>()[0]->acks.size(), 2u);
}

TEST_F(Leader, AsksTheListedUsersButNotTheClaimantAndCommitsOnAConfirmation) {
  claim(m, acked(1, {user("bob"), user("eve")}), "bob");
  ASSERT_EQ(m.sent<c::ChAckReq>().size(), 1u);
  ASSERT_EQ(m.sent<c::ChAckReq>()[0]->users.size(), 1u);
  EXPECT_EQ(m.sent<c::ChAckReq>()[0]->users[0], user("eve"));
  EXPECT_TRUE(m.sent<c::ChCommit>().empty());
  m.give(ack(record(1).key(), "eve", 0));
  EXPECT_EQ(m.sent<c::ChCommit>().size(), 1u);
}

TEST_F(Leader, AsksAgainWhenAListedUserAttaches) {
  auto status = m.status(ChannelStatus::healthy, "ada");
  const std::vector<UserId> before{user("ada"), user("bob"), user("kim")};
  status.online = Users(before);
  m.give(status);
  claim(m, acked(1, {user("bob"), user("eve")}), "bob");
  const std::vector<UserId> after{user("ada"), user("bob"), user("eve"), user("kim")};
  status.online = Users(after);
  m.give(status);
  EXPECT_EQ(m.sent<c::ChAckReq>().size(), 2u);
  m.give(status);
  EXPECT_EQ(m.sent<c::ChAckReq>().size(), 2u);
}

// Hole 9; the clock runs from the first claim.
TEST_F(Leader, ProposesAgainWhatNobodyConfirms) {
  claim(m, acked(1, {user("bob"), user("eve")}), "bob");
  m.pass(Millis{3'000});
  claim(m, acked(1, {user("bob")}), "kim");
  EXPECT_EQ(m->next_deadline(), m.now.tick + Millis{2'000});
  m.pass(Millis{2'000});
  m.tick();
  EXPECT_TRUE(m.sent<c::ChMsg>().empty());
  m.sync_disk();
  ASSERT_EQ(m.sent<c::ChMsg>().size(), 1u);
  EXPECT_EQ(m.sent<c::ChMsg>()[0]->from, record(1).from);
  EXPECT_TRUE(equal(*m.sent<c::ChMsg>()[0]->stamp, record(1).stamp));
}

// Its turn as a message in doubt and its turn as a claim are one.
TEST_F(Leader, ProposesAClaimOnceWhenItHoldsItInDoubtItself) {
  m.elect("bob", kTerm + 1);
  m.give(relayed(record(1)));
  m.sync_disk();
  m.elect("ada", kTerm + 2);
  m.forget_sent();
  claim(m, acked(1, {user("bob"), user("eve")}), "bob");
  m.pass(Millis{300});
  m.tick();
  EXPECT_EQ(m.sent<c::ChMsg>().size(), 1u);
  m.pass(Millis{4'700});
  m.tick();
  EXPECT_EQ(m.sent<c::ChMsg>().size(), 1u);
}

// P is full of what nobody commits: nothing more is acknowledged, and what the others commit is
// history all the same, because a leader has nobody to pull it from.
class FullLeader : public Leader {
 protected:
  FullLeader() {
    for (std::uint64_t n = 0; n < limits::kPendingRecords; ++n) {
      PendingRow row;
      row.record = record(n);
      m.disk().apply(rop::PutPending{row});
    }
    m.restart();
    m.forget_sent();
  }
  const StoredRecord& late = record(99'999);
};

TEST_F(FullLeader, KeepsWhatItHasNoRoomForUntilTheCommit) {
  m.attach("ada", kTerm + 1);
  m.give(relayed(late));
  m.sync_disk();
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  EXPECT_EQ(m->pending().size(), limits::kPendingRecords);
  m.give(committed(late.key()));
  EXPECT_EQ(m.told<note::Gap>(), 0u);
  EXPECT_TRUE(m->history().contains(late.key()));
  m->check_invariants();
}

TEST_F(FullLeader, AMergedMessageIsCommittedAsMergedWithoutRoomToo) {
  m.attach("ada", kTerm + 1);
  auto merged = relayed(late);
  merged.merged = true;
  m.give(merged);
  m.give(committed(late.key()));
  EXPECT_TRUE(m->history().contains(late.key()));
  EXPECT_EQ(m.told<note::Committed>(), 1u);
}

TEST_F(FullLeader, ElectedItAsksTheServerOnceForWhatIsInFlight) {
  m.attach("bob", kTerm + 1);
  m.give(relayed(late));
  EXPECT_EQ(m.sent<c::ChAttach>().size(), 1u);
  m.elect("ada", kTerm + 2);
  ASSERT_EQ(m.sent<c::ChAttach>().size(), 2u);
  // The server answers as it did the first time: the term goes on.
  m.give(relayed(late));
  m.elect("ada", kTerm + 2);
  EXPECT_EQ(m.sent<c::ChAttach>().size(), 2u);
  m.give(committed(late.key()));
  EXPECT_TRUE(m->history().contains(late.key()));
}

TEST_F(FullLeader, AnotherLeadsAndNothingIsKeptAside) {
  m.attach("ada", kTerm + 1);
  m.give(relayed(late));
  m.elect("bob", kTerm + 2);
  m.forget_sent();
  m.give(committed(late.key()));
  EXPECT_EQ(m.told<note::Gap>(), 1u);
  m->check_invariants();
}

TEST_F(Leader, ATermEndsWithNothingLeft) {
  claim(m, acked(1, {user("bob"), user("eve")}), "bob");
  m.elect("bob", kTerm + 1);
  m.forget_sent();
  m.give(ack(record(1).key(), "eve", 0));
  claim(m, acked(2, {user("bob"), user("eve")}), "bob");
  EXPECT_TRUE(m.outgoing().empty());
}

TEST_F(Leader, AnswersPullsFromHistoryNeverFromPending) {
  m.give(relayed(record(1)));
  m.give(relayed(record(2)));
  m.give(committed(record(1).key()));
  m.forget_sent();
  s::ChPull pull;
  pull.id = test::kChannel;
  pull.req = 4;
  pull.sid = 9;
  m.give(pull);
  ASSERT_EQ(m.sent<c::ChAppend>().size(), 1u);
  const c::ChAppend& answer = *m.sent<c::ChAppend>()[0];
  EXPECT_EQ(answer.req, 4u);
  EXPECT_EQ(answer.sid, 9u);
  ASSERT_EQ(answer.messages.size(), 1u);
  EXPECT_EQ(answer.messages[0].id, record(1).id);
}

TEST_F(Leader, ProposesItsOwnDoubtsAfterAWhile) {
  m.elect("bob", kTerm + 1);
  m.give(relayed(record(1)));
  m.sync_disk();
  m.elect("ada", kTerm + 2);
  m.forget_sent();
  m.pass(Millis{299});
  m.tick();
  EXPECT_TRUE(m.sent<c::ChMsg>().empty());
  m.pass(Millis{1});
  m.tick();
  EXPECT_EQ(m.sent<c::ChMsg>().size(), 1u);
}

}  // namespace
}  // namespace moot
