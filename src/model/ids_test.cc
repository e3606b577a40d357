#include "model/ids.h"

#include <gtest/gtest.h>

namespace moot {
namespace {

TEST(UserId, TakesTheGrammarAndNothingElse) {
  for (const auto* good :
       {"a", "0", "ada", "a.b_c-d", "a..b", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    ASSERT_TRUE(UserId::parse(good)) << good;
    EXPECT_EQ(UserId::parse(good)->str(), good);
  }
  for (const auto* bad : {"", ".a", "-a", "_a", "Ada", "ad a", "ad\xc3\xa4", "ada\n", "@ada",
                          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    EXPECT_FALSE(UserId::parse(bad)) << bad;
  }
  EXPECT_FALSE(UserId::parse(std::string_view("a\0", 2)));
}

TEST(UserId, OrdersAsText) {
  EXPECT_LT(*UserId::parse("a"), *UserId::parse("a-b"));
  EXPECT_LT(*UserId::parse("a-b"), *UserId::parse("a.b"));
  EXPECT_LT(*UserId::parse("a0"), *UserId::parse("a_b"));
  EXPECT_LT(*UserId::parse("a_b"), *UserId::parse("ab"));
}

TEST(Ulid, NextCarriesAndStopsAtTheGreatest) {
  MsgId id;
  id.octets.fill(0xff);
  EXPECT_EQ(id.next(), id);
  id.octets[0] = 1;
  MsgId want;
  want.octets[0] = 2;
  EXPECT_EQ(id.next(), want);
}

TEST(Ulid, TimeIsTheFirst48Bits) {
  const auto id = parse_ulid<MsgId>("01HHNNM7S8M2RW5MZ4YM31EA1S");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->time().ms, 1702608117544u);
  EXPECT_EQ(text(*id), "01HHNNM7S8M2RW5MZ4YM31EA1S");
  std::array<std::uint8_t, 10> random{};
  std::copy(id->octets.begin() + 6, id->octets.end(), random.begin());
  EXPECT_EQ(MsgId::make(id->time(), random), *id);
}

}  // namespace
}  // namespace moot
