#include "apps/moot/owner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>

#include "apps/moot/proofs.h"
#include "apps/moot/scripted_owner_test.h"
#include "apps/moot/seat.h"
#include "model/limits.h"

// The real owner of a store, without a server: what it does at its bounds.
namespace moot::app {
namespace {

using testing::StartsWith;

constexpr auto kTime = std::chrono::seconds(30);

class OwnerTest : public CommandTest {
 protected:
  OwnerTest() : seat_(std::move(*Seat::take({{}, dir_}, {.connect = true, .answers = false}))) {
    MOOT_CHECK(seat_.owner());
  }
  // Messages to @bob, and the numbers that the store gave them.
  void write(std::size_t n, const std::string& text) {
    for (std::size_t i = 0; i < n; ++i)
      seat_.send(Json().set("do", "send").set("n", i + 1'000).set("to", "bob").set("text", text));
    for (std::size_t i = 0; i < n;) {
      const auto got = seat_.receive(kTime);
      ASSERT_TRUE(got.line.has_value());
      if (!got.line->has("re")) continue;
      ASSERT_EQ(got.line->str("error"), "");
      ++i;
    }
  }

  Seat seat_;
};

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST_F(OwnerTest, TailPrintsAsManyAsAreWanted) {
  write(1'300, "hello");
  EXPECT_EQ(lines_in(moot({"tail", "@bob", "--count", "1200"}).out), 1'200U);
  EXPECT_EQ(lines_in(moot({"tail", "@bob", "--count", "5000"}).out), 1'300U);
  EXPECT_EQ(lines_in(moot({"tail", "--count", "1200"}).out), 1'200U);
}

TEST_F(OwnerTest, APageEndsAtItsOctetsAndTheNextOneGoesOn) {
  // Each octet of it is six as JSON.
  const std::string text(16'000, '\x01');
  constexpr std::size_t kAll = 120;
  write(kAll, text);
  std::size_t rows = 0;
  std::size_t octets = 0;
  const auto each = [&](const Json& line) {
    ++rows;
    octets += line.text().size();
  };
  const auto question = [](bool first) {
    return Json()
        .set("do", "history")
        .set("peer", "bob")
        .set("count", std::uint64_t{500})
        .set("first", first);
  };
  for (const bool first : {true, false}) {
    rows = octets = 0;
    ASSERT_TRUE(seat_.ask(question(first), each).has_value());
    EXPECT_TRUE(seat_.more());
    EXPECT_LT(rows, kAll);
    EXPECT_LT(octets, limits::kGuestPageBytes + 6 * text.size() + 1'000);
  }
  EXPECT_EQ(lines_in(moot({"tail", "@bob", "--json", "--count", "500"}).out), kAll);
  EXPECT_EQ(lines_in(moot({"tail", "@bob", "--json", "--since", "2020-01-01T00:00"}).out), kAll);
  EXPECT_EQ(lines_in(moot({"export", "@bob"}).out), kAll);
}

TEST_F(OwnerTest, SoManyCommandsAtOnceAndNoMore) {
  std::vector<Seat> others;
  for (std::size_t n = 1; n < limits::kGuestsMax; ++n) {
    auto seat = Seat::take({{}, dir_}, {});
    ASSERT_TRUE(seat.has_value()) << n;
    others.push_back(std::move(*seat));
  }
  const auto refused = Seat::take({{}, dir_}, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().sentence, StartsWith("Too many commands use this moot"));
  others.pop_back();
  // Its end may be noticed a moment later.
  bool again = false;
  for (int i = 0; i < 1'000 && !again; ++i) again = Seat::take({{}, dir_}, {}).has_value();
  EXPECT_TRUE(again);
}

TEST_F(OwnerTest, SoManyQuestionsToTheServerWaitAndNoMore) {
  for (std::uint64_t n = 0; n < limits::kGuestAsks; ++n)
    seat_.send(Json().set("do", "nick").set("n", 1'000 + n).set("name", "Ada"));
  const auto refused = seat_.ask(Json().set("do", "users"), [](const Json&) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().sentence, StartsWith("Too much was asked of the server"));
}

TEST_F(OwnerTest, WhoAsksWhileAStoreIsReadIsAnsweredBefore) {
  // Both are read at once; the store is read on a thread of its own.
  auto fd = connect_in(dir_);
  ASSERT_TRUE(fd.has_value());
  Lines lines(std::move(*fd));
  const std::string both = Json().set("do", "check").set("n", std::uint64_t{1}).text() + '\n' +
                           Json().set("do", "hello").set("n", std::uint64_t{2}).text() + '\n';
  ASSERT_EQ(::send(lines.fd(), both.data(), both.size(), 0), static_cast<ssize_t>(both.size()));
  std::vector<std::uint64_t> answered;
  while (answered.size() < 2) {
    const auto got = lines.receive(kTime);
    ASSERT_TRUE(got.line.has_value());
    if (!got.line->flag("end")) continue;
    EXPECT_EQ(got.line->str("error"), "");
    answered.push_back(got.line->u64("re"));
  }
  EXPECT_EQ(answered, (std::vector<std::uint64_t>{2, 1}));
}

TEST_F(OwnerTest, AProofThatNobodyWaitsForHoldsNobodyUp) {
  {
    auto guest = Seat::take({{}, dir_}, {});
    ASSERT_TRUE(guest.has_value());
    for (std::uint64_t n = 0; n < 100; ++n)
      guest->send(Json().set("do", "check").set("n", 1'000 + n));
  }
  EXPECT_TRUE(seat_.ask(Json().set("do", "check"), [](const Json&) {}).has_value());
}

// ---- the thread of proofs -----------------------------------------------------------------------

// What was said until an end, or until nothing is said any more.
std::vector<Proofs::Said> until_end(Proofs& proofs) {
  std::vector<Proofs::Said> all;
  for (;;) {
    pollfd p{proofs.fd(), POLLIN, 0};
    if (poll(&p, 1, 10'000) != 1) return all;
    for (Proofs::Said& said : proofs.take()) all.push_back(std::move(said));
    if (!all.empty() && all.back().last) return all;
  }
}

TEST(ProofsTest, OneAfterTheOtherSaysWhatItFoundAndItsEnd) {
  Proofs proofs;
  ASSERT_TRUE(proofs.add(1, [](const Proofs::Tell& tell) {
    EXPECT_TRUE(tell(Json().set("count", std::uint64_t{7})));
    return std::string("no");
  }));
  const auto said = until_end(proofs);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].line.u64("count"), 7U);
  EXPECT_EQ(said[1].error, "no");
  EXPECT_EQ(said[1].request, 1U);
}

TEST(ProofsTest, SoManyWaitAndWhatNobodyWantsEnds) {
  Proofs proofs;
  std::latch runs(1);
  const auto forever = [&](const Proofs::Tell& tell) {
    runs.count_down();
    while (tell(std::nullopt)) {
    }
    return std::string("ended");
  };
  ASSERT_TRUE(proofs.add(1, forever));
  runs.wait();
  std::uint64_t n = 2;
  const auto nothing = [](const Proofs::Tell&) { return std::string(); };
  for (; n < 2 + limits::kGuestProofs; ++n) ASSERT_TRUE(proofs.add(n, nothing));
  EXPECT_FALSE(proofs.add(n, nothing));
  proofs.drop(2);
  EXPECT_TRUE(proofs.add(n, nothing)) << "it makes room";
  proofs.drop(1);
  std::vector<Proofs::Said> said;
  while (said.empty() || said.back().request != n) {
    const auto more = until_end(proofs);
    ASSERT_FALSE(more.empty());
    said.insert(said.end(), more.begin(), more.end());
  }
  EXPECT_EQ(said.front().request, 1U);
  EXPECT_EQ(said.front().error, "ended");
  EXPECT_EQ(said.size(), 1 + limits::kGuestProofs);
}

TEST(ProofsTest, WhatRunsEndsWithTheOwner) {
  std::latch runs(1);
  bool ended = false;
  {
    Proofs proofs;
    proofs.add(1, [&](const Proofs::Tell& tell) {
      runs.count_down();
      while (tell(std::nullopt)) {
      }
      ended = true;
      return std::string();
    });
    runs.wait();
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace moot::app
