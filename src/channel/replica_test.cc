#include "channel/replica.h"

#include <gtest/gtest.h>

#include "channel/test_replica.h"

namespace moot {
namespace {
using test::committed;
using test::Member;
using test::record;
using test::relayed;
using test::user;

// Connected, with `leader` leading and the first sync done.
void settle(Member& m, std::string_view leader) {
  m.attach(leader);
  if (!m.sent<c::ChPull>().empty()) {
    s::ChAppend answer;
    answer.id = test::kChannel;
    answer.anchor = m.sent<c::ChPull>().back()->anchor;
    answer.req = m.sent<c::ChPull>().back()->req;
    m.give(answer);
  }
  m.sync_disk();
  EXPECT_TRUE(m->synced());
  m.forget_sent();
}

TEST(Replica, AttachesWithItsReplicaIdAndPullsOnceThereIsALeader) {
  Member m("bob");
  m.connect();
  ASSERT_EQ(m.sent<c::ChAttach>().size(), 1u);
  EXPECT_EQ(m.sent<c::ChAttach>()[0]->replica, m.config().replica);
  EXPECT_TRUE(m.sent<c::ChPull>().empty());
  m.elect("ada", 5);
  ASSERT_EQ(m.sent<c::ChPull>().size(), 1u);
  EXPECT_FALSE(m.sent<c::ChPull>()[0]->anchor);
  EXPECT_EQ(m.sent<c::ChPull>()[0]->count, 0u);
  EXPECT_EQ(m.sent<c::ChPull>()[0]->fp, Fingerprint{}.fp());
}

TEST(Replica, AcknowledgesOnlyWhatIsOnDisk) {
  Member m("bob");
  settle(m, "ada");
  m.give(relayed(record(1)));
  m.give(relayed(record(2)));
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  EXPECT_TRUE(m.urgent());
  m.sync_disk();
  ASSERT_EQ(m.sent<c::AckChMsg>().size(), 2u);  // both of one commit leave together
  EXPECT_EQ(m.sent<c::AckChMsg>()[0]->digest, record(1).digest);
  EXPECT_EQ(m.disk().pending().size(), 2u);
}

TEST(Replica, ARepeatedMessageIsAcknowledgedAgainWithoutTheDisk) {
  Member m("bob");
  settle(m, "ada");
  m.give(relayed(record(1)));
  m.sync_disk();
  m.forget_sent();
  m.give(relayed(record(1)));
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 1u);
  EXPECT_FALSE(m.waits_for_disk());
  m.give(committed(record(1).key()));
  m.sync_disk();
  m.give(relayed(record(1)));
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 2u);  // committed meanwhile: still here
}

TEST(Replica, ACommitMovesARecordFromPendingToHistoryOnce) {
  Member m("bob");
  settle(m, "ada");
  m.give(relayed(record(1)));
  m.sync_disk();
  const std::vector<UserId> acks{user("ada"), user("bob")};
  m.give(committed(record(1).key(), acks));
  EXPECT_TRUE(m->history().contains(record(1).key()));
  EXPECT_EQ(m->pending().size(), 0u);
  EXPECT_EQ(m.told<note::Committed>(), 1u);
  const std::vector<UserId> more{user("eve")};
  m.give(committed(record(1).key(), more));
  EXPECT_EQ(m.told<note::Committed>(), 1u);
  EXPECT_EQ(m->history().record(record(1).key())->acks.list.size(), 3u);
  m.sync_disk();
  EXPECT_EQ(m.disk().committed().size(), 1u);
  EXPECT_TRUE(m.disk().pending().empty());
  m.restart();
  EXPECT_EQ(m->history().record(record(1).key())->acks.list.size(), 3u);
}

TEST(Replica, ACommitOfUnknownContentIsAGapThatASyncFills) {
  Member m("bob");
  settle(m, "ada");
  m.give(committed(record(1).key()));
  EXPECT_EQ(m.told<note::Gap>(), 1u);
  EXPECT_EQ(m.sent<c::ChPull>().size(), 1u);
}

TEST(Replica, PendingEntriesSurviveLeaderConnectionAndCrash) {
  Member m("bob");
  settle(m, "ada");
  m.give(relayed(record(1)));
  m.sync_disk();
  m.elect("eve", 2);
  EXPECT_EQ(m->pending().size(), 1u);
  m.disconnect();
  EXPECT_EQ(m->pending().size(), 1u);
  m.restart();
  EXPECT_EQ(m->pending().size(), 1u);
}

TEST(Replica, IgnoresAnOlderElectionAlsoAfterARestart) {
  Member m("bob");
  m.attach("ada", 7);
  m.sync_disk();
  m.restart();
  m.connect();
  m.give(s::ChElected{6, m.name(), test::kChannel, true});
  EXPECT_FALSE(m->leading());
  m.give(s::ChElected{7, m.name(), test::kChannel, true});
  EXPECT_TRUE(m->leading());
}

TEST(Replica, ComposesOnlyWhenAttachedAndHealthyAndSendsOnceOnDisk) {
  Member m("bob");
  EXPECT_EQ(m.compose("hi"), std::unexpected(Errc::not_healthy));
  settle(m, "ada");
  m.give(m.status(ChannelStatus::few, "ada"));
  EXPECT_EQ(m.compose("hi"), std::unexpected(Errc::not_healthy));
  m.give(m.status(ChannelStatus::healthy, "ada"));
  const auto key = m.compose("hi");
  ASSERT_TRUE(key);
  EXPECT_TRUE(m.sent<c::ChMsg>().empty());
  m.sync_disk();
  ASSERT_EQ(m.sent<c::ChMsg>().size(), 1u);
  EXPECT_FALSE(m.sent<c::ChMsg>()[0]->retry);
  EXPECT_EQ(key->id.time().ms, m.now.wall.ms);
  // Its relayed copy brings the stamp; the server counted the author already.
  StoredRecord mine = m->pending().find(*key)->record;
  mine.stamp = {9, 9};
  m.give(relayed(mine));
  m.sync_disk();
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  EXPECT_EQ(m.disk().pending().at(*key).record.stamp, mine.stamp);
}

TEST(Replica, NewIdsExceedTheNewestSeenAndFollowTheServersClock) {
  Member m("bob");
  settle(m, "ada");
  auto status = m.status(ChannelStatus::healthy, "ada");
  status.now += 5'000;
  m.give(status);
  const auto by_clock = m.compose("a");
  ASSERT_TRUE(by_clock);
  EXPECT_EQ(by_clock->id.time().ms, m.now.wall.ms + 5'000);
  StoredRecord ahead;
  ahead.id = MsgId::make({m.now.wall.ms + 6'000}, std::array<std::uint8_t, 10>{});
  ahead.from = user("eve");
  ahead.msg = {1};
  ahead.stamp = {1};
  m.give(relayed(ahead));
  const MsgId id = m.compose("b")->id;
  EXPECT_GT(id, ahead.id);
  EXPECT_EQ(id.time(), ahead.id.time());

  // Somebody else who saw the same and writes at the same moment.
  Member other("bob", 2);
  settle(other, "ada");
  other.give(relayed(ahead));
  EXPECT_NE(other.compose("b")->id, id);
}

TEST(Replica, GivesANewIdOnlyWhenEveryTransmissionWasRefused) {
  Member m("bob");
  settle(m, "ada");
  m.now.wall.ms += 3'600'000;  // the clock jumps ahead
  const auto key = m.compose("hi");
  m.sync_disk();
  s::Err err;
  err.ref_cmd = "CH_MSG";
  err.code = "bad_time";
  err.channel = test::kChannel;
  err.id = MsgOrUser(key->id);
  err.now = m.now.wall.ms - 3'600'000;
  m.give(err);
  EXPECT_FALSE(m->pending().contains(*key));
  ASSERT_EQ(m->pending().size(), 1u);
  EXPECT_EQ(m->pending().newest_id()->time().ms, *err.now);
  m.sync_disk();
  EXPECT_EQ(m.sent<c::ChMsg>().size(), 2u);

  // This one was sent on a connection that was lost: the id stays.
  const RecordKey second = m->pending().all().begin()->first;
  m.disconnect();
  settle(m, "ada");
  m.tick();
  ASSERT_EQ(m.sent<c::ChMsg>().size(), 1u);
  EXPECT_EQ(m.sent<c::ChMsg>()[0]->retry, true);
  err.id = MsgOrUser(second.id);
  m.give(err);
  EXPECT_TRUE(m->pending().contains(second));
}

TEST(Replica, AMergedMessageIsNotAcknowledgedAndItsCommitIsToldAsMerged) {
  Member m("bob");
  settle(m, "ada");
  auto cmd = relayed(record(1));
  cmd.merged = true;
  const StoredRecord r = record(1);
  cmd.msg = r.msg;
  cmd.stamp = r.stamp;
  m.give(cmd);
  m.give(committed(r.key()));
  m.sync_disk();
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  EXPECT_EQ(m.told<note::Committed>(), 1u);
  EXPECT_TRUE(m->history().contains(r.key()));
}

TEST(Replica, AServerKeptMessageIsCommittedAtOnceAndReceiptedOnDisk) {
  Member m("bob");
  settle(m, "server");
  const StoredRecord r = record(1);
  auto cmd = relayed(r);
  cmd.committed = true;
  m.give(cmd);
  EXPECT_TRUE(m->history().contains(r.key()));
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  m.sync_disk();
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 1u);
  auto quiet = m.status(ChannelStatus::server, "server");
  quiet.acks = false;
  m.give(quiet);
  const StoredRecord other = record(2);
  auto second = relayed(other);
  second.committed = true;
  m.give(second);
  m.sync_disk();
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 1u);
}

TEST(Replica, ConfirmsWhatItHasPendingOrCommittedAndIsSilentElse) {
  Member m("bob");
  settle(m, "ada");
  m.give(s::ChMsgConfirm{test::kChannel, record(1).id, record(1).digest});
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  m.give(relayed(record(1)));
  m.sync_disk();
  m.forget_sent();
  m.give(s::ChMsgConfirm{test::kChannel, record(1).id, record(1).digest});
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 1u);
  m.give(s::ChMsgConfirm{test::kChannel, record(1).id, record(1, "other").digest});
  EXPECT_EQ(m.sent<c::AckChMsg>().size(), 1u);
}

// Hole 23.
// What the wrong clock made of one message is no measure for the next.
TEST(Replica, AnIdAheadOfItsTimeThatMayBeInUseIsTriedAgainWhenTheTimeHasCome) {
  Member m("bob");
  settle(m, "ada");
  m.now.wall.ms += 3'600'000;
  const RecordKey key = m.compose("early").value();
  m.sync_disk();
  m.disconnect();  // whether the server took it is not known
  m.now.wall.ms -= 3'600'000;
  settle(m, "ada");
  m.tick();
  std::size_t tries = 0;
  std::size_t taken = 0;
  for (int second = 0; second < 3'900; ++second) {
    const auto sent = m.sent<c::ChMsg>();
    tries += sent.size();
    if (!sent.empty()) {
      s::Err err;
      err.ref_cmd = "CH_MSG";
      err.code = "bad_time";
      err.channel = test::kChannel;
      err.id = MsgOrUser(key.id);
      err.now = m.now.wall.ms;
      m.forget_sent();
      key.id.time().ms > *err.now ? m.give(err) : void(++taken);
    }
    m.pass(Millis{1'000});
    m.tick();
  }
  EXPECT_GE(taken, 1u);
  EXPECT_LE(tries, 25u);  // every minute would be more than 60
}

TEST(Replica, SeveralMessagesUnderAWrongClockAllGetIdsOfTheServersTime) {
  Member m("bob");
  settle(m, "ada");
  std::vector<RecordKey> wrong;
  for (int i = 0; i < 3; ++i) wrong.push_back(m.compose("early").value());
  m.sync_disk();
  s::Err err;
  err.ref_cmd = "CH_MSG";
  err.code = "bad_time";
  err.channel = test::kChannel;
  err.now = m.now.wall.ms - 3'600'000;
  for (const RecordKey& key : wrong) {
    err.id = MsgOrUser(key.id);
    m.give(err);
  }
  ASSERT_EQ(m->pending().size(), 3u);
  for (const auto& [key, entry] : m->pending().all()) EXPECT_EQ(key.id.time().ms, *err.now);
}

TEST(Replica, AnIdThatSomebodyElseHasIsGivenUp) {
  Member m("bob");
  settle(m, "ada");
  const RecordKey key = m.compose("mine").value();
  m.sync_disk();
  s::Err err;
  err.ref_cmd = "CH_MSG";
  err.code = "conflict";
  err.channel = test::kChannel;
  err.id = MsgOrUser(key.id);
  m.give(err);
  ASSERT_EQ(m->pending().size(), 1u);
  EXPECT_FALSE(m->pending().contains(key));
  const auto* refused = std::get_if<note::Refused>(&m.notes().back());
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->code, Errc::conflict) << "why it has another id now";
}

TEST(Replica, WhatWaitsForTheDiskIsProposedOnceHoweverOftenTheLeaderChanges) {
  Member m("bob");
  settle(m, "ada");
  m.compose("slow disk");
  m.elect("eve", 2);
  m.elect("ada", 3);
  m.pass(Millis{7'000});
  m.tick();
  m.forget_sent();
  m.sync_disk();
  EXPECT_EQ(m.sent<c::ChMsg>().size(), 1u);
}

TEST(Replica, TwoContentsOfOneIdAreBothKeptAndFlagged) {
  Member m("bob");
  settle(m, "ada");
  const StoredRecord a = record(1, "a");
  const StoredRecord b = record(1, "b");
  m.give(relayed(a));
  m.sync_disk();
  m.give(committed(a.key()));
  EXPECT_EQ(m.told<note::Conflict>(), 0u);
  m.give(relayed(b));
  EXPECT_EQ(m.told<note::Conflict>(), 1u);
  m.sync_disk();
  m.give(committed(b.key()));
  EXPECT_EQ(m->history().count(), 2u);
}

TEST(Replica, ProposesWhatIsInDoubtOncePerLeaderAuthorFirst) {
  Member m("bob");
  settle(m, "ada");
  m.compose("mine");
  m.give(relayed(record(1)));
  m.sync_disk();
  m.forget_sent();
  m.pass(Millis{100});
  m.elect("eve", 2);
  EXPECT_TRUE(m.sent<c::ChMsg>().empty());  // not before the sync
  s::ChAppend answer;
  answer.id = test::kChannel;
  answer.req = m.sent<c::ChPull>().back()->req;
  m.give(answer);
  m.tick();
  ASSERT_EQ(m.sent<c::ChMsg>().size(), 1u);
  EXPECT_EQ(m.sent<c::ChMsg>()[0]->retry, true);
  m.pass(Millis{3'000});
  m.tick();
  ASSERT_EQ(m.sent<c::ChMsg>().size(), 2u);
  EXPECT_EQ(m.sent<c::ChMsg>()[1]->from, user("ada"));
  EXPECT_TRUE(m.sent<c::ChMsg>()[1]->stamp);
  m.pass(Millis{900});
  m.tick();
  EXPECT_EQ(m.sent<c::ChMsg>().size(), 2u);
}

TEST(Replica, DoesNotProposeWhatItSawInFlightUnderThisLeader) {
  Member m("bob");
  settle(m, "ada");
  m.give(relayed(record(1)));
  m.sync_disk();
  m.disconnect();
  settle(m, "ada");
  m.give(relayed(record(1)));  // replayed by the server
  m.pass(Millis{3'500});
  m.tick();
  EXPECT_TRUE(m.sent<c::ChMsg>().empty());
}

TEST(Replica, KeepsProposingWithPausesThatGrowToAMinute) {
  Member m("bob");
  settle(m, "ada");
  m.compose("mine");
  m.sync_disk();
  m.forget_sent();
  for (int i = 0; i < 600; ++i) {
    m.pass(Millis{1'000});
    m.tick();
    for (const auto* pull : m.sent<c::ChPull>()) EXPECT_EQ(pull, nullptr);
  }
  EXPECT_GE(m.sent<c::ChMsg>().size(), 9u);
  EXPECT_LE(m.sent<c::ChMsg>().size(), 16u);
}

TEST(Replica, WhatDoesNotFitIsNeitherStoredNorAcknowledged) {
  Member m("bob");
  for (std::uint64_t n = 0; n < limits::kPendingRecords; ++n) {
    PendingRow row;
    row.record.id = test::msg_id(n);
    row.record.from = user("eve");
    row.record.msg = {1};
    m.disk().apply(rop::PutPending{row});
  }
  m.restart();
  settle(m, "ada");
  m.give(relayed(record(99'999)));
  EXPECT_FALSE(m.waits_for_disk());
  EXPECT_TRUE(m.sent<c::AckChMsg>().empty());
  EXPECT_EQ(m.compose("hi"), std::unexpected(Errc::queue_full));
}

TEST(Replica, IgnoresCommandsOfOtherChannels) {
  Member m("bob");
  settle(m, "ada");
  const StoredRecord r = record(1);
  auto cmd = relayed(r);
  cmd.id = cmd.id.next();
  m.give(cmd);
  EXPECT_EQ(m->pending().size(), 0u);
  EXPECT_FALSE(m.waits_for_disk());
}

}  // namespace
}  // namespace moot
