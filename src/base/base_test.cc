#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/utf8.h"

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

TEST(Utf8, EveryCodePointRoundTripsAtItsLength) {
  for (std::uint32_t c = 0; c <= 0x10ffff; ++c) {
    if (c == 0xd800) c = 0xe000;
    std::string text;
    append_utf8(text, c);
    const CodePoint got = next_code_point(text);
    ASSERT_TRUE(got.valid && got.code == c && got.octets == text.size()) << c;
    if (c < 0x80) continue;
    text.back() = 'A';
    ASSERT_FALSE(next_code_point(text).valid) << c;
  }
}

TEST(Utf8, WhatIsNoUtf8IsOneOctet) {
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    const CodePoint got = next_code_point(bad);
    EXPECT_FALSE(got.valid);
    EXPECT_EQ(got.octets, 1u);
  }
}

}  // namespace
}  // namespace moot
