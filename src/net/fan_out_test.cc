#include "net/fan_out.h"

#include <gtest/gtest.h>

namespace moot::net {
namespace {

ConnId conn(unsigned thread, std::uint64_t n) { return {n << 32 | thread}; }

s::UsrRmd removed(const char* id) { return {.id = *UserId::parse(id)}; }

// What a thread is told, as "connection:octets of the command".
std::vector<std::string> told(FanOut& fx, unsigned thread) {
  std::vector<std::string> out;
  const auto box = fx.take(thread);
  if (!box) return out;
  for (const Out& o : box->outs) {
    std::string line = std::to_string(o.conn.n >> 32);
    if (o.kind == Out::Kind::send) {
      const Bytes fields = box->body(o.piece).fields;
      line += ":" + std::string(as_text(fields.last(1)));
    }
    out.push_back(line);
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(FanOut, EncodesACommandOnceForAThreadHoweverManyGetIt) {
  FanOut fx(2);
  const ConnId to[] = {conn(0, 1), conn(1, 2), conn(0, 3), conn(1, 4)};
  fx.send(to, removed("x"), {});
  for (unsigned t = 0; t < 2; ++t) {
    const auto box = fx.take(t);
    ASSERT_TRUE(box);
    EXPECT_EQ(box->pieces.size(), 1u);
    EXPECT_EQ(box->outs.size(), 2u);
    EXPECT_EQ(box->body(0).cmd, "USR_RMD");
  }
}

TEST(FanOut, CountsTheAnswersOfATurnToWhoAsks) {
  FanOut fx(2);
  const ConnId both[] = {conn(0, 1), conn(1, 2)};
  const Ticket later = fx.persist(op::DropReplays{});
  fx.send(both, removed("x"), {});
  EXPECT_EQ(fx.answered(both[0]), 0u) << "nobody asked";
  fx.asking(both[1]);
  fx.send(both, removed("x"), {});
  const std::size_t one = fx.answered(both[1]);
  EXPECT_GT(one, 0u);
  fx.send(both, removed("x"), later);
  fx.send({both, 1}, removed("x"), {});
  EXPECT_EQ(fx.answered(both[1]), 2 * one);
  EXPECT_EQ(fx.answered(both[0]), 0u);
  fx.begin_turn();
  EXPECT_EQ(fx.answered(both[1]), 0u);
}

TEST(FanOut, WhatWaitsForTheDiskLeavesInOrderOnceItIsThere) {
  FanOut fx(2);
  const ConnId both[] = {conn(0, 1), conn(1, 2)};
  const Ticket first = fx.persist(op::DropReplays{});
  const Ticket second = fx.persist(op::DropReplays{});
  fx.send(both, removed("b"), second);
  fx.send(both, removed("a"), first);
  fx.send(both, removed("c"), second);
  fx.send(both, removed("n"), {});
  EXPECT_EQ(told(fx, 0), (Lines{"1:n"})) << "only what waits for nothing";
  fx.release(first);
  EXPECT_EQ(told(fx, 0), (Lines{"1:a"}));
  fx.release(second);
  EXPECT_EQ(told(fx, 0), (Lines{"1:b", "1:c"}));
  EXPECT_EQ(told(fx, 1), (Lines{"2:n", "2:a", "2:b", "2:c"}));
  fx.send(both, removed("d"), second);
  EXPECT_EQ(told(fx, 1), (Lines{"2:d"})) << "on disk already";
}

TEST(FanOut, NothingOvertakesTheSinfoThatLetsAConnectionIn) {
  FanOut fx(2);
  const ConnId both[] = {conn(0, 1), conn(0, 2)};
  const Ticket first = fx.persist(op::DropReplays{});
  const Ticket second = fx.persist(op::DropReplays{});
  fx.sinfo(both[0], std::nullopt, first);
  fx.send(both, removed("a"), {});
  fx.send(both, removed("b"), second);
  fx.mark(both[0], 7);
  fx.when_drained(both[0], {});
  fx.mark(both[1], 8);
  EXPECT_EQ(told(fx, 0), (Lines{"2:a", "2"}));
  fx.release(first);
  EXPECT_EQ(told(fx, 0), (Lines{"1", "1:a", "1", "1"})) << "SINFO, a command, mark, drained";
  fx.release(second);
  EXPECT_EQ(told(fx, 0), (Lines{"1:b", "2:b"}));
  fx.sinfo(both[0], 4, fx.persist(op::DropReplays{}));
  fx.send(both, removed("c"), {});
  EXPECT_EQ(told(fx, 0), (Lines{"1:c", "2:c"})) << "a barrier holds only its own answer";
}

TEST(FanOut, AnEndWaitsForItsTicketToo) {
  FanOut fx(1);
  const Ticket t = fx.persist(op::DropReplays{});
  fx.close(conn(0, 7), DcnnCode::revoked, "Gone.", std::nullopt, t);
  EXPECT_EQ(fx.take(0), nullptr);
  fx.release(t);
  const auto box = fx.take(0);
  ASSERT_TRUE(box);
  ASSERT_EQ(box->outs.size(), 1u);
  EXPECT_EQ(box->outs[0].kind, Out::Kind::close);
  EXPECT_EQ(box->body(box->outs[0].piece).cmd, "DCNN");
}

TEST(FanOut, SaysWhetherAStepAskedForAnythingThatNobodyTook) {
  FanOut fx(2);
  EXPECT_FALSE(fx.untaken());
  const ConnId to[] = {conn(1, 1)};
  fx.send(to, removed("x"), {});
  EXPECT_TRUE(fx.untaken());
  EXPECT_EQ(fx.take(0), nullptr);
  EXPECT_TRUE(fx.untaken()) << "the other thread's";
  EXPECT_TRUE(fx.take(1));
  EXPECT_FALSE(fx.untaken());
  const Ticket t = fx.persist(op::DropReplays{});
  EXPECT_TRUE(fx.untaken());
  fx.ops.clear();
  fx.send(to, removed("x"), t);
  EXPECT_FALSE(fx.untaken()) << "it waits for the disk, not for the shell";
}

TEST(FanOut, WithoutThreadsNothingIsKept) {
  FanOut fx(0);
  const ConnId to[] = {conn(0, 1)};
  fx.send(to, removed("x"), {});
  fx.finish(to[0]);
  EXPECT_EQ(fx.persist(op::DropReplays{}), Ticket{1});
  fx.release({1});
  EXPECT_EQ(fx.ops.size(), 1u);
}

}  // namespace
}  // namespace moot::net
