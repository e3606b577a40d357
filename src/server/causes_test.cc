#include "server/causes.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "model/limits.h"

namespace moot::server {
namespace {

using Class = RateMeter::Class;
using Cost = Causes::Cost;
constexpr Cost kFree{};
constexpr Cost kOnce{1, Class::plain};
constexpr Cost kTwice{2, Class::plain};
constexpr Cost kFirst{1, Class::list};

template <class Id>
Id id(std::uint64_t ms) {
  return Id::make({ms}, std::array<std::uint8_t, 10>{});
}

void tell(Causes& causes, const s::Any& cmd) {
  ASSERT_TRUE(Causes::concerned(cmd));
  causes.sent(cmd);
}

TEST(Causes, AMessageIsAcknowledgedOnceForNothing) {
  Causes causes;
  EXPECT_EQ(causes.weigh(c::AckMsg{}), kTwice);
  causes.sent_private(2);
  EXPECT_EQ(causes.weigh(c::AckMsg{}), kFree);
  EXPECT_EQ(causes.weigh(c::AckMsg{}), kFree);
  EXPECT_EQ(causes.weigh(c::AckMsg{}), kTwice);
  EXPECT_EQ(causes.weigh(c::AckChMsg{}), kTwice) << "another account";
}

TEST(Causes, AnAnswerIsFreeOnceAndCountsDoubleUnasked) {
  Causes causes;
  EXPECT_EQ(causes.weigh(c::AckChMsg{}), kTwice);
  tell(causes, s::ChMsg{});
  tell(causes, s::ChMsgConfirm{});
  EXPECT_EQ(causes.weigh(c::AckChMsg{}), kFree);
  EXPECT_EQ(causes.weigh(c::AckChMsg{}), kFree);
  EXPECT_EQ(causes.weigh(c::AckChMsg{}), kTwice);
  EXPECT_EQ(causes.weigh(c::ChVote{}), kTwice);
  tell(causes, s::ChVote{});
  EXPECT_EQ(causes.weigh(c::ChVote{}), kFree);
  EXPECT_EQ(causes.weigh(c::ChAppend{}), kTwice);
  tell(causes, s::ChPull{});
  EXPECT_EQ(causes.weigh(c::ChAppend{}), kFree);
  EXPECT_EQ(causes.weigh(c::ChAppend{}), kTwice);
}

TEST(Causes, OnlyAnAcknowledgementThatCompletesAsksForACommit) {
  Causes causes;
  EXPECT_FALSE(Causes::concerned(s::ChMsgAck{.need = 1}));
  EXPECT_EQ(causes.weigh(c::ChCommit{}), kTwice);
  tell(causes, s::ChMsgAck{.need = 0});
  EXPECT_EQ(causes.weigh(c::ChCommit{}), kFree);
  EXPECT_EQ(causes.weigh(c::ChCommit{}), kTwice);
}

TEST(Causes, EachRecordToMergeMayBeConfirmedAndCommitted) {
  Causes causes;
  const std::vector<MergeRecord> page(3);
  EXPECT_EQ(causes.weigh(c::ChAckReq{}), kOnce);
  tell(causes, s::ChMerge{.msg = page});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(causes.weigh(c::AckChMsg{}), kFree) << "a leader may confirm it himself";
    EXPECT_EQ(causes.weigh(c::ChAckReq{}), kFree);
    EXPECT_EQ(causes.weigh(c::ChCommit{}), kFree);
  }
  EXPECT_EQ(causes.weigh(c::ChAckReq{}), kOnce);
  EXPECT_EQ(causes.weigh(c::ChCommit{}), kTwice);
}

TEST(Causes, TheNextPagesOfASynchronisationAreFreeOneInFlight) {
  Causes causes;
  const MsgId end = id<MsgId>(1'000);
  const c::ChPull more{.anchor = end};
  EXPECT_EQ(causes.weigh(c::ChPull{}), kFirst);
  tell(causes, s::ChAppend{.upto = end, .more = true});
  EXPECT_EQ(causes.weigh(more), kFree);
  EXPECT_EQ(causes.weigh(more), kFirst) << "nothing came in between";
  tell(causes, s::ChAppend{.upto = end, .more = true});
  EXPECT_EQ(causes.weigh(c::ChPull{.anchor = id<MsgId>(999)}), kFree) << "the last one";
  tell(causes, s::ChAppend{});
  EXPECT_EQ(causes.weigh(c::ChPull{}), kFirst) << "it was over";
}

TEST(Causes, ComparingIsFreeAsLongAsDifferencesAreToldAndOnceAtItsEnd) {
  Causes causes;
  const c::ChPull compare{.ranges = Ranges{}};
  const c::ChPull want{.want = Elements{}};
  const s::ChAppend differs{.ranges = Ranges{}};
  EXPECT_EQ(causes.weigh(compare), kFirst);
  for (int i = 0; i < 3; ++i) {
    tell(causes, differs);
    EXPECT_EQ(causes.weigh(compare), kFree);
  }
  tell(causes, differs);
  EXPECT_EQ(causes.weigh(want), kFree);
  tell(causes, s::ChAppend{});
  EXPECT_EQ(causes.weigh(want), kFree);
  tell(causes, s::ChAppend{});
  EXPECT_EQ(causes.weigh(c::ChPull{}), kFree) << "whether it is equal now";
  tell(causes, differs);
  EXPECT_EQ(causes.weigh(c::ChPull{}), kFirst) << "not for ever";
}

TEST(Causes, TheNextPagesOfAMergeAreFreeOnceTheFormerWasAnswered) {
  Causes causes;
  const ChannelId other = id<ChannelId>(1);
  EXPECT_EQ(causes.weigh(c::ChMerge{}), kOnce);
  EXPECT_EQ(causes.weigh(c::ChMerge{}), kOnce);
  tell(causes, s::ChMsgCommit{.channel = other});
  EXPECT_EQ(causes.weigh(c::ChMerge{}), kOnce);
  tell(causes, s::ChMsgCommit{});
  EXPECT_EQ(causes.weigh(c::ChMerge{}), kFree);
  causes.refused({});
  EXPECT_EQ(causes.weigh(c::ChMerge{}), kFree);
  EXPECT_EQ(causes.weigh(c::ChMerge{}), kOnce);
}

TEST(Causes, SynchronisationsOfMoreChannelsThanAUserHasAreAllFirst) {
  Causes causes;
  for (unsigned i = 0; i <= limits::kChannelsPerUser; ++i) {
    const ChannelId channel = id<ChannelId>(i);
    EXPECT_EQ(causes.weigh(c::ChPull{.id = channel}), kFirst);
    causes.sent(s::ChAppend{.id = channel, .ranges = Ranges{}});
    const c::ChPull compare{.id = channel, .ranges = Ranges{}};
    EXPECT_EQ(causes.weigh(compare), i < limits::kChannelsPerUser ? kFree : kFirst);
  }
}

}  // namespace
}  // namespace moot::server
