#include "net/long_work.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace moot::net {
namespace {

TEST(LongWork, TellsItsEndOnTheThreadOfItsContext) {
  boost::asio::io_context ctx;
  LongWork work(ctx);
  std::optional<Status> told;
  std::thread::id worked_on;
  std::thread::id told_on;
  work.start(
      [&](const std::atomic<bool>&) -> Status {
        worked_on = std::this_thread::get_id();
        return fail("as it is");
      },
      [&](const Status& s) {
        told_on = std::this_thread::get_id();
        told = s;
      });
  EXPECT_TRUE(work.busy());
  const auto guard = boost::asio::make_work_guard(ctx);
  while (!told) ctx.run_one();
  EXPECT_FALSE(work.busy());
  EXPECT_EQ(told->error().message, "as it is");
  EXPECT_NE(worked_on, std::this_thread::get_id());
  EXPECT_EQ(told_on, std::this_thread::get_id());
}

TEST(LongWork, StoppedItEndsAndTheNextIsPossible) {
  boost::asio::io_context ctx;
  LongWork work(ctx);
  const auto guard = boost::asio::make_work_guard(ctx);
  bool ended = false;
  work.start(
      [](const std::atomic<bool>& stop) -> Status {
        while (!stop) std::this_thread::yield();
        return {};
      },
      [&](const Status&) { ended = true; });
  work.stop();
  while (!ended) ctx.run_one();
  EXPECT_FALSE(work.busy());
}

TEST(LongWork, WhatEndsWithItIsNotTold) {
  boost::asio::io_context ctx;
  bool told = false;
  {
    LongWork work(ctx);
    work.start(
        [](const std::atomic<bool>& stop) -> Status {
          while (!stop) std::this_thread::yield();
          return {};
        },
        [&](const Status&) { told = true; });
  }
  ctx.poll();
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace moot::net
