#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/moot/line_editor.h"
#include "apps/moot/show.h"
#include "apps/moot/utf8.h"

namespace moot::app {
namespace {

using Outcome = LineEditor::Outcome;

LineEditor editor(std::vector<std::string> words = {}) {
  return LineEditor([words](std::string_view, bool) { return words; });
}

Outcome type(LineEditor& e, std::string_view keys) {
  Outcome last = Outcome::nothing;
  for (const char c : keys) last = e.feed(c);
  return last;
}

TEST(LineEditor, TypesAndEditsWholeCodePoints) {
  LineEditor e = editor();
  type(e, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80!");
  EXPECT_EQ(e.text(), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80!");
  type(e, "\x1b[D\x7f");  // left of "!", then the smiley goes whole
  EXPECT_EQ(e.text(), "gr\xc3\xbc\xc3\x9f !");
  type(e, "\x01\x1b[3~");  // to the begin, delete "g"
  EXPECT_EQ(e.text(), "r\xc3\xbc\xc3\x9f !");
  type(e, "\x1b[C\x1b[C\x0b");  // after the second, cut the rest
  EXPECT_EQ(e.text(), "r\xc3\xbc");
}

TEST(LineEditor, DropsOctetsThatAreNoUtf8) {
  LineEditor e = editor();
  type(e,
       "a\xff\xc3z\xe2\x82"
       "b\xed\xa0\x80"
       "c");
  EXPECT_EQ(e.text(), "azbc");
}

TEST(LineEditor, RecallsWhatWasTypedAndKeepsTheDraft) {
  LineEditor e = editor();
  EXPECT_EQ(type(e, "one\r"), Outcome::line);
  EXPECT_EQ(e.take_line(), "one");
  type(e, "two\r");
  type(e, "draft\x1b[A");
  EXPECT_EQ(e.text(), "two");
  type(e, "\x1b[A\x1b[A");
  EXPECT_EQ(e.text(), "one");
  type(e, "\x1b[B\x1b[B");
  EXPECT_EQ(e.text(), "draft");
}

TEST(LineEditor, TabTypesWhatAllCandidatesShare) {
  LineEditor e = editor({"@barbara", "@bart", "@zoe"});
  type(e, "hi @b\t");
  EXPECT_EQ(e.text(), "hi @bar");
  type(e, "t\t");
  EXPECT_EQ(e.text(), "hi @bart ");
  type(e, "@q\t");
  EXPECT_EQ(e.text(), "hi @bart @q");
}

TEST(LineEditor, ALineEndInsideAPasteSendsNothing) {
  LineEditor e = editor();
  type(e, "\x1b[200~one\ntwo\x1b[201~");
  EXPECT_EQ(e.text(), "one two");
  EXPECT_EQ(type(e, "\r"), Outcome::line);
}

TEST(LineEditor, CtrlDEndsOnlyAnEmptyLine) {
  LineEditor e = editor();
  EXPECT_EQ(type(e, "a\x01\x04"), Outcome::redraw);
  EXPECT_EQ(e.text(), "");
  EXPECT_EQ(type(e, "\x04"), Outcome::end);
  EXPECT_EQ(type(e, "\x03"), Outcome::interrupt);
}

TEST(LineEditor, TheCursorStaysVisibleInALineThatIsTooLong) {
  LineEditor e = editor();
  type(e, std::string(100, 'x') + "end");
  const std::string drawn = e.draw("> ", 20);
  EXPECT_TRUE(drawn.ends_with("end"));
  EXPECT_LE(columns(std::string_view(drawn).substr(4)), 20);
}

TEST(LineEditor, EveryOctetSequenceIsTaken) {
  LineEditor e = editor({"@a"});
  std::uint32_t random = 1;
  for (int i = 0; i < 200'000; ++i) {
    random = random * 1'664'525 + 1'013'904'223;
    e.feed(static_cast<char>(random >> 24));
    ASSERT_LE(e.cursor(), e.text().size());
    ASSERT_TRUE(e.cursor() == e.text().size() ||
                (static_cast<unsigned char>(e.text()[e.cursor()]) & 0xc0) != 0x80);
  }
  e.draw("> ", 40);
}

TEST(Show, WhatAStrangerWroteCannotControlTheTerminal) {
  EXPECT_EQ(safe("\x1b[2J\a"), "\\x1b[2J\\x07");
  EXPECT_EQ(safe("a\xe2\x80\xae"
                 "b"),
            "a\\u202eb");  // right-to-left override
  EXPECT_EQ(safe("a\xe2\x81\xa6"
                 "b"),
            "a\\u2066b");  // isolate
  EXPECT_EQ(safe("\xc2\x9b"
                 "31m"),
            "\\x9b31m");  // the 8-bit control sequence introducer
  EXPECT_EQ(safe("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(safe("one\ntwo"), "one\\x0atwo");
  EXPECT_EQ(safe("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Show, TimesGoBothWays) {
  EXPECT_EQ(iso_time(1'702'608'117'544), "2023-12-15T02:41:57.544Z");
  EXPECT_EQ(parse_iso_time("2023-12-15T02:41:57.544Z"), 1'702'608'117'544u);
  EXPECT_EQ(parse_iso_time("2023-12-15"), 1'702'598'400'000u);
  for (const char* bad : {"", "2023", "2023-13-01", "2023-12-15T25:00", "2023-12-15T01", "x"})
    EXPECT_FALSE(parse_iso_time(bad).has_value()) << bad;
}

TEST(Show, AMessageIsOneObjectWithTheNamesOfTheContract) {
  Client::Message m;
  m.id = "01HHNNM7S8M2RW5MZ4YM31EA1S";
  m.from = "ada";
  m.to = "bob";
  m.text = "a \"quoted\"\nline \x1b\xe2\x80\xae\xff";
  m.at_ms = 1'702'608'117'544;
  m.state = Client::State::acked;
  EXPECT_EQ(message_json(m),
            "{\"to\":\"bob\",\"id\":\"01HHNNM7S8M2RW5MZ4YM31EA1S\",\"from\":\"ada\","
            "\"at\":\"2023-12-15T02:41:57.544Z\",\"text\":\"a \\\"quoted\\\"\\nline "
            "\\u001b\\u202e\\ufffd\",\"state\":\"acked\",\"acks\":[\"bob\"]}");
}

TEST(Json, WhatIsWrittenIsRead) {
  Json json;
  json.set("a", "t\xc3\xa4xt \"\\\n\t\x01")
      .set("n", std::uint64_t{18446744073709551615u})
      .set("b", true);
  const auto read = Json::parse(json.text());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->str("a"), "t\xc3\xa4xt \"\\\n\t\x01");
  EXPECT_EQ(read->u64("n"), 18446744073709551615u);
  EXPECT_TRUE(read->flag("b"));
  EXPECT_EQ(read->str("n"), "");
}

TEST(Json, TakesFlatObjectsAlone) {
  EXPECT_EQ(Json::parse(R"( {"a" : "\u00fc\ud83d\ude00\/" , "b":false} )")->str("a"),
            "\xc3\xbc\xf0\x9f\x98\x80/");
  for (const char* bad :
       {"", "{", "[]", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":{}}", "{\"a\":[1]}", "{\"a\":-1}",
        "{\"a\":1,}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\n\"}", "{\"a\":null}",
        "{\"a\":1,\"a\":2}", "{\"a\":99999999999999999999}"}) {
    EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace moot::app
