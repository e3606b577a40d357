#include "server/recent_acks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <set>

#include "model/limits.h"

namespace moot::server {
namespace {

UserId user(std::string_view name) { return *UserId::parse(name); }
MsgId id(std::uint32_t n) {
  std::array<std::uint8_t, 10> random{};
  put_be32(random.data() + 6, n);
  return MsgId::make({1'700'000'000'000}, random);
}

TEST(RecentAcks, KnowsAMessageByItsAuthorAndId) {
  RecentAcks acks;
  acks.put({0}, user("ada"), id(1), 7);
  acks.put({0}, user("ada"), id(1), 8);
  EXPECT_EQ(acks.tag(user("ada"), id(1)), 7u) << "the first stays";
  EXPECT_EQ(acks.tag(user("ben"), id(1)), std::nullopt);
  EXPECT_EQ(acks.tag(user("ada"), id(2)), std::nullopt);
  acks.forget(user("ada"));
  EXPECT_EQ(acks.tag(user("ada"), id(1)), std::nullopt);
}

TEST(RecentAcks, TheOldestOfAnAuthorMakesRoom) {
  RecentAcks acks;
  constexpr auto kMost = static_cast<std::uint32_t>(limits::kRecentAckedPerAuthor);
  acks.put({0}, user("ben"), id(0), 1);
  for (std::uint32_t n = 0; n < 3 * kMost; ++n) {
    acks.put({0}, user("ada"), id(n), n);
    ASSERT_EQ(acks.tag(user("ada"), id(n)), n);
    if (n < kMost) continue;
    ASSERT_EQ(acks.tag(user("ada"), id(n - kMost)), std::nullopt) << n;
    ASSERT_EQ(acks.tag(user("ada"), id(n - kMost + 1)), n - kMost + 1);
  }
  EXPECT_EQ(acks.tag(user("ben"), id(0)), 1u) << "a bound is an author's own";
}

// Several devices, clocks that differ, recipients who answer at different speeds: whatever the
// order of the ids, what is known is what a list of the newest would know.
TEST(RecentAcks, IdsInAnyOrderAreKnownAsAPlainListWouldKnowThem) {
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    std::mt19937 engine{seed};
    const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
    const std::uint32_t spread = 1u << (2 * seed);  // how far out of order they come
    RecentAcks acks;
    std::deque<std::pair<std::uint32_t, std::int64_t>> list;  // id, when
    std::set<std::uint32_t> known;
    const auto drop = [&] {
      known.erase(list.front().first);
      list.pop_front();
    };
    std::int64_t now = 0;
    for (std::uint32_t n = 0; n < 3 * limits::kRecentAckedPerAuthor; ++n) {
      now += random() % 200;
      const std::uint32_t which = n + random() % spread;
      ASSERT_EQ(acks.tag(user("ada"), id(which)).has_value(), known.contains(which));
      acks.put({now}, user("ada"), id(which), which + 1);
      if (known.insert(which).second) list.emplace_back(which, now);
      if (list.size() > limits::kRecentAckedPerAuthor) drop();
      if (n % 64 == 0) {
        acks.expire({now});
        while (now - list.front().second >= limits::kRecentMemory / Millis{1}) drop();
      }
      const std::uint32_t asked = n - std::min(n, static_cast<std::uint32_t>(random() % 6'000));
      ASSERT_EQ(acks.tag(user("ada"), id(asked)).has_value(), known.contains(asked))
          << "seed " << seed << ", step " << n << ", id " << asked;
    }
    for (const std::uint32_t which : known) EXPECT_EQ(acks.tag(user("ada"), id(which)), which + 1);
  }
}

TEST(RecentAcks, TimeForgetsWhatIsOldAndAnAuthorWithNothing) {
  RecentAcks acks;
  const Tick late = Tick{0} + limits::kRecentMemory;
  acks.put({0}, user("ada"), id(1), 1);
  acks.put({5}, user("ada"), id(2), 2);
  acks.put({0}, user("ben"), id(3), 3);
  acks.expire({late.ms - 1});
  EXPECT_EQ(acks.tag(user("ada"), id(1)), 1u);
  acks.expire(late);
  EXPECT_EQ(acks.tag(user("ada"), id(1)), std::nullopt);
  EXPECT_EQ(acks.tag(user("ada"), id(2)), 2u);
  EXPECT_EQ(acks.authors(), 1u);
}

}  // namespace
}  // namespace moot::server
