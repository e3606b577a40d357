#include "channel/sync.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "channel/test_replica.h"

namespace moot {
namespace {
using test::Member;
using test::record;
using test::user;

// One member that pulls from another that leads, over a server that has no opinion: merges are
// committed as soon as they arrive.
class Pair {
 public:
  Member puller{"bob", 1};
  Member leader{"ada", 2};
  unsigned questions = 0;
  unsigned merges = 0;
  std::optional<MsgId> since;  // the server lets nothing older be compared

  void begin() {
    leader.attach("ada");
    leader.sync_disk();
    puller.attach("ada");
  }
  // Until nothing moves. False: too long.
  bool run(unsigned frames_max = 2'000) {
    for (unsigned i = 0; i < frames_max; ++i) {
      leader.sync_disk();
      puller.sync_disk();
      if (!forward(puller) && !forward(leader)) return true;
    }
    return false;
  }
  std::set<RecordKey> keys(Member& m) {
    std::vector<RecordKey> found;
    m->history().keys({}, std::nullopt, m->history().count(), found);
    return {found.begin(), found.end()};
  }
  bool equal() { return keys(puller) == keys(leader); }

 private:
  bool forward(Member& from) {
    if (from.outgoing().empty()) return false;
    const Kept<c::Any> cmd = std::move(from.outgoing().front());
    from.outgoing().pop_front();
    if (const auto* pull = cmd.get<c::ChPull>()) {
      ++questions;
      s::ChPull routed{pull->id,     pull->anchor, pull->req,   pull->count, pull->fp,
                       pull->ranges, pull->want,   pull->since, from.name(), 7};
      if (since) routed.since = OrNil<MsgId>(*since);
      leader.give(routed);
    } else if (const auto* append = cmd.get<c::ChAppend>()) {
      puller.give(s::ChAppend{append->id,
                              append->anchor,
                              append->messages,
                              append->req,
                              append->upto,
                              append->more,
                              append->ranges,
                              {}});
    } else if (const auto* merge = cmd.get<c::ChMerge>()) {
      ++merges;
      EXPECT_LE(merge->msg.size(), limits::kRecordsPerPage);
      for (const MergeRecord& r : merge->msg) commit(r);
    }
    return true;
  }
  void commit(const Record& r) {
    const StoredRecord stored = stored_record(test::kChannel, r);
    auto cmd = test::relayed(stored);
    cmd.merged = true;
    for (Member* m : {&leader, &puller}) {
      m->give(cmd);
      m->give(test::committed(stored.key()));
    }
  }
};

std::vector<StoredRecord> records(std::uint64_t from, std::uint64_t to) {
  std::vector<StoredRecord> made;
  for (std::uint64_t n = from; n < to; ++n) made.push_back(record(n));
  return made;
}

TEST(Sync, EqualHistoriesCostOneQuestion) {
  Pair pair;
  pair.puller.preload(records(0, 1'000));
  pair.leader.preload(records(0, 1'000));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_EQ(pair.questions, 1u);
  EXPECT_TRUE(pair.puller->synced());
}

TEST(Sync, WhoMissedTheNewestPullsThemInPagesWithoutReconciliation) {
  Pair pair;
  pair.puller.preload(records(0, 500));
  pair.leader.preload(records(0, 1'500));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.questions, 4u);
  EXPECT_EQ(pair.merges, 0u);
}

TEST(Sync, ANewMemberPullsEverythingInOrder) {
  Pair pair;
  pair.leader.preload(records(0, 3'000));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.questions, 12u);
  EXPECT_EQ(pair.puller->sync().costs().records, 3'000u);
}

TEST(Sync, ThePageIsOnDiskBeforeTheNextQuestionLeaves) {
  Pair pair;
  pair.leader.preload(records(0, 600));
  pair.begin();
  const auto asked = [&] { return pair.puller.sent<c::ChPull>().size(); };
  ASSERT_EQ(asked(), 1u);
  PullResponder responder;
  s::ChPull question;
  question.id = test::kChannel;
  question.req = pair.puller.sent<c::ChPull>()[0]->req;
  const auto answer =
      responder.answer(pair.leader->history(), question, page_budget(limits::kFrameBytesMax));
  pair.puller.give(s::ChAppend{
      answer.id, answer.anchor, answer.messages, answer.req, answer.upto, answer.more, {}, {}});
  EXPECT_EQ(asked(), 1u);
  pair.puller.sync_disk();
  EXPECT_EQ(asked(), 2u);
}

// Hole 21.
TEST(Sync, FindsAHoleBelowTheNewestCommonRecord) {
  Pair pair;
  auto mine = records(0, 1'000);
  mine.erase(mine.begin() + 3);
  pair.puller.preload(mine);
  pair.leader.preload(records(0, 1'000));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.merges, 0u);
}

// Hole 17.
TEST(Sync, AnEmptyLeaderGetsEverythingThePullerHas) {
  Pair pair;
  pair.puller.preload(records(0, 700));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.leader->history().count(), 700u);
}

TEST(Sync, TwoDisjointHistoriesBecomeOne) {
  Pair pair;
  pair.puller.preload(records(0, 400));
  pair.leader.preload(records(400, 900));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.leader->history().count(), 900u);
}

TEST(Sync, WhatWasCommittedDuringOneComparisonIsComparedInTheNext) {
  Pair pair;
  auto all = records(0, 50);
  pair.leader.preload(all);
  all.push_back(record(60));
  pair.puller.preload(all);
  pair.begin();
  // A leader who was told of it as well would have it by the next question.
  pair.puller.give(test::relayed(record(70)));
  pair.puller.give(test::committed(record(70).key()));
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.merges, 2u);
}

// Hole 23.
TEST(Sync, TwoContentsOfOneIdAreBothExchanged) {
  Pair pair;
  auto mine = records(0, 100);
  auto theirs = mine;
  mine[50] = record(50, "one");
  theirs[50] = record(50, "other");
  pair.puller.preload(mine);
  pair.leader.preload(theirs);
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.puller->history().count(), 101u);
}

// Holes 16 and 17, without fingerprints as the founding note has it.
TEST(Sync, AnUnknownAnchorIsAnsweredFromBeforeItSoThatItIsMerged) {
  Pair pair;
  pair.leader.preload(records(0, 10));
  PullResponder responder;
  s::ChPull pull;
  pull.anchor = test::msg_id(4).next();
  const auto answer =
      responder.answer(pair.leader->history(), pull, page_budget(limits::kFrameBytesMax));
  EXPECT_EQ(answer.anchor, OrNil<MsgId>(test::msg_id(4)));
  EXPECT_EQ(answer.messages.size(), 5u);
  EXPECT_FALSE(answer.upto);
  EXPECT_FALSE(answer.more);
}

TEST(Sync, AnEmptyAnswerUpToTheEndMakesThePullersExtrasAMerge) {
  Member m("bob");
  m.preload(records(0, 5));
  m.attach("ada");
  s::ChAppend answer;
  answer.id = test::kChannel;
  answer.anchor = test::msg_id(2);
  answer.req = m.sent<c::ChPull>()[0]->req;
  m.give(answer);
  ASSERT_EQ(m.sent<c::ChMerge>().size(), 1u);
  EXPECT_EQ(m.sent<c::ChMerge>()[0]->msg.size(), 2u);
}

// Hole 15: each page names its range, so what came twice or late changes nothing.
TEST(Sync, AnAnswerToAnotherQuestionIsIgnored) {
  Member m("bob");
  m.attach("ada");
  const StoredRecord r = record(1);
  const std::vector<AppendRecord> list{AppendRecord{record_view(r)}};
  s::ChAppend answer;
  answer.id = test::kChannel;
  answer.messages = list;
  answer.req = m.sent<c::ChPull>()[0]->req + 1;
  m.give(answer);
  EXPECT_EQ(m->history().count(), 0u);
  --answer.req;
  m.give(answer);
  m.give(answer);
  EXPECT_EQ(m->history().count(), 1u);
}

TEST(Sync, OnlyWhatIsSinceTheJoinIsAskedForAndAnswered) {
  Pair pair;
  pair.puller.config().since = test::msg_id(100);
  pair.puller.restart();
  pair.leader.preload(records(0, 150));
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_EQ(pair.puller->history().count(), 50u);
  EXPECT_EQ(pair.puller->history().nth(0).id, test::msg_id(100));
  EXPECT_EQ(pair.merges, 0u);
}

// He was a member before, or the leader joined after him: what both may see becomes equal, and
// what is older is neither told nor asked about again.
TEST(Sync, WhatIsFromBeforeTheCommonTimeIsLeftAlone) {
  for (const std::uint64_t n : {150u, 2'000u, 20'000u}) {
    Pair pair;
    pair.since = test::msg_id(n);
    auto own = records(0, n + 300);
    own.erase(own.begin() + static_cast<std::ptrdiff_t>(n) + 20);
    pair.puller.preload(own);
    pair.leader.preload(records(n, n + 299));
    pair.begin();
    ASSERT_TRUE(pair.run()) << n;
    EXPECT_EQ(pair.leader->history().count(), 300u);
    EXPECT_EQ(pair.puller->history().count(), n + 300);
    EXPECT_EQ(pair.merges, 1u);
    EXPECT_FALSE(pair.puller->sync().running());
    EXPECT_TRUE(pair.puller->synced());
  }
}

TEST(Sync, WhoHasOnlyWhatIsFromBeforeTheCommonTimeGetsWhatIsBehind) {
  Pair pair;
  pair.since = test::msg_id(100);
  pair.puller.preload(records(0, 90));
  pair.leader.preload(records(0, 800));
  pair.begin();
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.puller->history().count(), 790u);
  EXPECT_EQ(pair.merges, 0u);
  EXPECT_FALSE(pair.puller->sync().running());
}

// A leader that lies sends page after page, each of which lacks what is here.
TEST(Sync, PagesWithoutEndDoNotFillTheMemory) {
  Member m("bob");
  m.preload(records(0, 10));
  m.attach("ada");
  s::ChAppend page{.id = test::kChannel, .messages = {}, .req = 1, .more = true};
  page.anchor = OrNil<MsgId>();
  for (std::uint64_t n = 1; n < 5'000; ++n) {
    page.req = m.sent<c::ChPull>().back()->req;
    page.upto = OrNil<MsgId>(test::msg_id(100 + n));
    m.forget_sent();
    m.give(page);
    ASSERT_EQ(m.sent<c::ChPull>().size(), 1u);
    ASSERT_LE(m->sync().extras(), 1'024u);
  }
}

TEST(Sync, RecordsOfOneIdAreInOnePage) {
  Pair pair;
  auto theirs = records(0, 255);
  theirs.push_back(record(255, "a"));
  theirs.push_back(record(255, "b"));
  theirs.push_back(record(255, "c"));
  pair.leader.preload(theirs);
  PullResponder responder;
  const auto answer =
      responder.answer(pair.leader->history(), {}, page_budget(limits::kFrameBytesMax));
  EXPECT_EQ(answer.messages.size(), 255u);
  EXPECT_EQ(answer.upto, OrNil<MsgId>(test::msg_id(254)));
  EXPECT_TRUE(answer.more);
}

TEST(Sync, ARecordLargerThanAPageStillGoes) {
  Pair pair;
  pair.leader.preload({record(1, std::string(5'000, 'x')), record(2, std::string(5'000, 'y'))});
  PullResponder responder;
  const auto answer = responder.answer(pair.leader->history(), {}, page_budget(4'096));
  EXPECT_EQ(answer.messages.size(), 1u);
  EXPECT_EQ(answer.upto, OrNil<MsgId>(test::msg_id(1)));
  EXPECT_TRUE(answer.more);
}

TEST(Sync, AsksAgainMorePatientlyWhenNobodyAnswers) {
  Member m("bob");
  m.attach("ada");
  m.pass(Millis{4'999});
  m.tick();
  EXPECT_EQ(m.sent<c::ChPull>().size(), 1u);
  m.pass(Millis{1});
  m.tick();
  EXPECT_EQ(m.sent<c::ChPull>().size(), 2u);
  m.pass(Millis{9'999});
  m.tick();
  EXPECT_EQ(m.sent<c::ChPull>().size(), 2u);
  m.pass(Millis{1});
  m.tick();
  EXPECT_EQ(m.sent<c::ChPull>().size(), 3u);
}

TEST(Sync, StartsOverUnderANewLeaderAndStopsWithoutOne) {
  Member m("bob");
  m.attach("ada");
  m.elect("eve", 2);
  EXPECT_EQ(m.sent<c::ChPull>().size(), 2u);
  m.give(m.status(ChannelStatus::few));
  EXPECT_FALSE(m->sync().running());
  EXPECT_FALSE(m->synced());
}

TEST(Sync, LooksForDifferencesWithoutACauseEveryTenMinutesOrSo) {
  Pair pair;
  pair.begin();
  EXPECT_TRUE(pair.run());
  pair.puller.forget_sent();
  pair.puller.pass(Millis{8 * 60'000 - 1});
  pair.puller.tick();
  EXPECT_TRUE(pair.puller.sent<c::ChPull>().empty());
  pair.puller.pass(Millis{4 * 60'000 + 1});
  pair.puller.tick();
  EXPECT_EQ(pair.puller.sent<c::ChPull>().size(), 1u);
}

TEST(Sync, BrokenRangesEndInAPauseNotInALoop) {
  Member m("bob");
  m.preload(records(0, 100));
  m.attach("ada");
  const ByteBuf high{0x80};
  const ByteBuf low{0x01};
  std::vector<Range> ranges(2);
  ranges[0].upper = Bytes(high);
  ranges[1].upper = Bytes(low);
  s::ChAppend answer;
  answer.id = test::kChannel;
  answer.ranges = ranges;
  answer.req = m.sent<c::ChPull>()[0]->req;
  m.give(answer);
  EXPECT_EQ(m.sent<c::ChPull>().size(), 1u);
  m.pass(Millis{1'000});
  m.tick();
  EXPECT_EQ(m.sent<c::ChPull>().size(), 2u);
}

// Finds exactly the differences, whatever they are, in few questions.
RC_GTEST_PROP(Sync, RandomHistoriesBecomeTheirUnion, (std::uint64_t seed)) {
  Rng rng(seed);
  Pair pair;
  std::vector<StoredRecord> mine;
  std::vector<StoredRecord> theirs;
  const std::uint64_t n = rng.below(700);
  const std::uint64_t one_in = 1 + rng.below(200);
  for (std::uint64_t i = 0; i < n; ++i) {
    const StoredRecord r = record(rng.below(4) == 0 ? i * 1'000 : i);
    const std::uint64_t side = rng.below(2 * one_in);
    if (side != 0) mine.push_back(r);
    if (side != 1) theirs.push_back(r);
  }
  if (rng.below(2) == 0) {  // a gap on one side
    auto& side = rng.below(2) == 0 ? mine : theirs;
    const auto at = static_cast<std::ptrdiff_t>(rng.below(side.size() + 1));
    const auto end = std::min<std::ptrdiff_t>(at + static_cast<std::ptrdiff_t>(rng.below(400)),
                                              static_cast<std::ptrdiff_t>(side.size()));
    side.erase(side.begin() + at, side.begin() + end);
  }
  std::set<RecordKey> all;
  for (const StoredRecord& r : mine) all.insert(r.key());
  for (const StoredRecord& r : theirs) all.insert(r.key());
  pair.puller.preload(mine);
  pair.leader.preload(theirs);
  pair.begin();
  RC_ASSERT(pair.run());
  RC_ASSERT(pair.keys(pair.puller) == all);
  RC_ASSERT(pair.keys(pair.leader) == all);
  RC_ASSERT(!pair.puller->sync().running());
  // Rounds of ranges, wants of at most 256, and comparisons.
  RC_ASSERT(pair.questions <= 16 + all.size() / 200 + 4);
}

TEST(Sync, SmallFramesOnlyMakeMoreQuestions) {
  Pair pair;
  std::vector<StoredRecord> mine;
  std::vector<StoredRecord> theirs;
  Rng rng(5);
  for (std::uint64_t i = 0; i < 1'200; ++i) {
    const StoredRecord r = record(i);
    const std::uint64_t side = rng.below(20);
    if (side != 0) mine.push_back(r);
    if (side != 1) theirs.push_back(r);
  }
  pair.puller.config().frame_bytes_max = 2'600;
  pair.leader.config().frame_bytes_max = 2'600;
  pair.puller.preload(mine);
  pair.leader.preload(theirs);
  pair.begin();
  EXPECT_TRUE(pair.run());
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.leader->history().count(), 1'200u);
}

}  // namespace
}  // namespace moot
