#include "text/text.h"

#include <gtest/gtest.h>

#include <string>

#include "text/shown.h"

namespace moot::text_rules {
namespace {

std::string repeat(std::string_view one, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += one;
  return all;
}

TEST(Nfc, TellsComposedFromDecomposed) {
  EXPECT_TRUE(is_nfc(""));
  EXPECT_TRUE(is_nfc("plain"));
  EXPECT_TRUE(is_nfc("\u00e9"));
  EXPECT_FALSE(is_nfc("e\u0301"));
  EXPECT_FALSE(is_nfc("\u212b")) << "the Angstrom sign is written as the letter";
  EXPECT_FALSE(is_nfc("\u0344")) << "composed, and excluded from composition";
  EXPECT_TRUE(is_nfc("\u0f71\u0f72"));
  EXPECT_FALSE(is_nfc("a\u0323\u0307\u0323")) << "marks out of order";
}

TEST(Nfc, RefusesWhatIsNotUtf8) {
  for (const std::string_view bad :
       {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_nfc(bad));
    EXPECT_FALSE(valid_name(bad));
    EXPECT_EQ(fold(bad), std::nullopt);
  }
}

TEST(Shown, WhatMisleadsIsAnEscape) {
  EXPECT_EQ(safe("\x1b]0;x\a\n\t\x7f"), "\\x1b]0;x\\x07\\x0a\\x09\\x7f");
  EXPECT_EQ(safe("\xc2\x9b\xe2\x80\xae\xef\xbb\xbf\xff"), "\\x9b\\u202e\\ufeff\\xff");
  EXPECT_EQ(safe("two\nlines\tand", true), "two\n       lines    and");
  EXPECT_EQ(safe("gr\xc3\xbc\xc3\x9f \\x1b"), "gr\xc3\xbc\xc3\x9f \\x1b");
}

TEST(Shown, JsonTextsAreAsciiWhereTheyWouldMislead) {
  EXPECT_EQ(json_text("a\"b\\c\n\t\x01"), R"("a\"b\\c\n\t\u0001")");
  EXPECT_EQ(json_text("\u009b\u202e\u00e9\x7f"), "\"\\u009b\\u202e\u00e9\\u007f\"");
  EXPECT_EQ(json_text("\xff\xc3"), R"("\ufffd\ufffd")") << "JSON is UTF-8";
  EXPECT_EQ(json_or_null("a") + json_or_null(""), "\"a\"null");
}

TEST(Fold, NamesThatReadEqualFoldToTheSameOctets) {
  EXPECT_EQ(fold("OPS"), "ops");
  EXPECT_EQ(fold("Stra\u00dfe"), "strasse");
  EXPECT_EQ(fold("STRASSE"), fold("stra\u00dfe"));
  EXPECT_EQ(fold("\u00c9COLE"), fold("e\u0301cole"));
  EXPECT_EQ(fold("\u03a3\u0391\u03a3"), fold("\u03c3\u03b1\u03c2")) << "the final sigma";
  EXPECT_EQ(fold("\u1f80"), fold("\u1f88")) << "the folding leaves something to compose";
  EXPECT_EQ(fold("\u0345\u0301a"), fold("\u0301\u0345a")) << "marks are put in order before";
  EXPECT_NE(fold("ops"), fold("0ps"));
  EXPECT_EQ(fold(""), "");
}

TEST(Fold, IsItsOwnFixedPointAndNfc) {
  for (const std::string_view text :
       {"OPS", "Stra\u00dfe", "\u00c9COLE", "\u1f88", "\u0130", "\u01c5", "\ufb03", "\u1e9e"}) {
    const auto once = fold(text);
    ASSERT_TRUE(once);
    EXPECT_EQ(fold(*once), once) << text;
    EXPECT_TRUE(is_nfc(*once)) << text;
  }
}

TEST(Name, BP_10_NotInNfc) {
  EXPECT_FALSE(valid_name("o\u0301ps"));
  EXPECT_TRUE(valid_name("\u00f3ps"));
}

TEST(Name, BP_11_ControlCharacters) {
  EXPECT_FALSE(valid_name("a\tb"));
  EXPECT_FALSE(valid_name("a\nb"));
  EXPECT_FALSE(valid_name("a\u007f"));
  EXPECT_FALSE(valid_name("a\u0085"));
  EXPECT_FALSE(valid_name(std::string_view("a\0b", 3)));
  EXPECT_TRUE(valid_name("a b"));
  EXPECT_TRUE(valid_name("a\u200db")) << "formatting characters are of another category";
}

TEST(Name, BP_12_Empty) { EXPECT_FALSE(valid_name("")); }

TEST(Name, BP_13_SixtyFiveCodePoints) {
  EXPECT_FALSE(valid_name(repeat("x", 65)));
  EXPECT_FALSE(valid_name(repeat("\U0001F680", 65)));
}

TEST(Name, BP_14_SixtyFourCodePointsOfFourOctets) {
  EXPECT_TRUE(valid_name(repeat("\U0001F680", 64)));
  EXPECT_TRUE(valid_name("x"));
}

}  // namespace
}  // namespace moot::text_rules
