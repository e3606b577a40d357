#include <gtest/gtest.h>

#include "base/hex.h"

namespace moot {
namespace {

TEST(Hex, RoundTripsAndRefusesWhatIsNotLowerCase) {
  const ByteBuf b{0x00, 0x9f, 0xff};
  EXPECT_EQ(hex(b), "009fff");
  EXPECT_EQ(unhex("009fff"), b);
  EXPECT_EQ(unhex("009fFF"), std::nullopt);
  EXPECT_EQ(unhex("009ff"), std::nullopt);
  EXPECT_EQ(unhex("00 fff"), std::nullopt);
}

TEST(Base64Url, RoundTripsEveryLengthAndHasOneTextPerValue) {
  ByteBuf b;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(unbase64url(base64url(b)), b) << i;
    b.push_back(static_cast<std::uint8_t>(i * 37 + 251));
  }
  EXPECT_EQ(base64url(ByteBuf{0xfb, 0xff}), "-_8");
  EXPECT_EQ(unbase64url("-_9"), std::nullopt) << "left-over bits set";
  EXPECT_EQ(unbase64url("a"), std::nullopt);
  EXPECT_EQ(unbase64url("ab+="), std::nullopt);
}

}  // namespace
}  // namespace moot
