#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <locale.h>
#include <wchar.h>

#include <random>

#include "apps/moot/tui_test_world.h"
#include "apps/moot/tui_view.h"
#include "apps/moot/utf8.h"

namespace moot::app::tui::test {
namespace {

using testing::ElementsAre;

constexpr const char* kOps =
    R"("id":"01KAV0000000000000000000AA","channel":"ops","keeper":"members","status":"healthy",)"
    R"("leader":"bob","min":2,"members":"ada bob cyd","members_n":3,"online":"ada bob",)"
    R"("online_n":2,"member":true)";

// A chat that shows #ops, of which the disk has so many messages.
World in_ops(std::uint64_t stored) {
  World w("#ops");
  w.model.seated();
  w.hear(R"({"ev":"caught_up","self":"ada"})");
  w.run(std::string("answer channels_here {") + kOps + "}");
  w.run("end channels_here");
  w.store("#ops", 1, stored);
  w.serve();
  w.take_asked();
  return w;
}

std::vector<std::string> texts(const Room& room) {
  std::vector<std::string> out;
  for (const Line& l : room.log.lines()) out.push_back(l.text);
  return out;
}

std::string last_row(const World& w) {
  const Grid grid = compose(w.model.state(), utc);
  return grid.text(grid.size().rows - 2);
}

// ---- the log ------------------------------------------------------------------------------------

Line message(const std::string& id, const std::string& text, const std::string& from = "bob") {
  Line line;
  line.key = line.id = id;
  line.from = from;
  line.text = text;
  return line;
}

TEST(ChatLog, SortsByPlaceAndKeepsWhatIsSaidBehindWhatItFollowed) {
  Log log;
  log.at_begin = true;
  EXPECT_EQ(log.put(message("02", "b")), Log::Put::last);
  log.note("said after b");
  EXPECT_EQ(log.put(message("03", "c")), Log::Put::last);
  EXPECT_EQ(log.put(message("01", "a")), Log::Put::inside);
  std::vector<std::string> all;
  for (const Line& l : log.lines()) all.push_back(l.text);
  EXPECT_THAT(all, ElementsAre("a", "b", "said after b", "c"));
  log.check_invariants();
}

TEST(ChatLog, ADraftGetsItsPlaceWithItsId) {
  Log log;
  log.at_begin = true;
  Line draft = message("", "mine", "ada");
  draft.key = draft_key(7);
  draft.draft = 7;
  EXPECT_EQ(log.put(draft), Log::Put::last);
  EXPECT_EQ(log.put(message("02", "newer")), Log::Put::last) << "only drafts stand behind it";
  Line sent = message("01", "mine", "ada");
  sent.draft = 7;
  EXPECT_EQ(log.put(sent), Log::Put::changed);
  ASSERT_EQ(log.lines().size(), 2u);
  EXPECT_EQ(log.lines()[0].id, "01");
  EXPECT_EQ(log.put(message("01", "mine", "ada")), Log::Put::changed);
}

TEST(ChatLog, TwoTextsUnderOneIdAreBothThereAndMarked) {
  Log log;
  log.at_begin = true;
  log.put(message("01", "one"));
  log.put(message("01", "another"));
  ASSERT_EQ(log.lines().size(), 2u);
  EXPECT_TRUE(log.lines()[0].conflict && log.lines()[1].conflict);
  log.put(message("01", "one"));
  EXPECT_EQ(log.lines().size(), 2u);
}

TEST(ChatLog, KeepsLinesAndOctetsWithinTheirBounds) {
  Log log;
  log.at_begin = true;
  for (int i = 0; i < 2'000; ++i) {
    log.put(message(std::to_string(10'000 + i), "x"));
    log.trim(Log::Keep::newest);
  }
  EXPECT_EQ(log.lines().size(), kLogLinesMax);
  EXPECT_EQ(log.lines().back().id, "11999");
  EXPECT_FALSE(log.at_begin);
  EXPECT_EQ(log.put(message("10000", "below the window")), Log::Put::above);
  for (int i = 0; i < 200; ++i) {
    log.put(message(std::to_string(20'000 + i), std::string(16'384, 'x')));
    log.trim(Log::Keep::newest);
  }
  EXPECT_LE(log.lines().size() * 16'384, kLogBytesMax);
  log.trim(Log::Keep::oldest);
  log.check_invariants();
}

TEST(ChatLog, AWindowThatEndsBeforeTheNewestTakesNothingBehindItsEnd) {
  Log log;
  for (int i = 0; i < 600; ++i) log.put(message(std::to_string(10'000 + i), "x"));
  log.trim(Log::Keep::oldest);
  EXPECT_FALSE(log.at_end);
  EXPECT_EQ(log.put(message("20000", "live")), Log::Put::below);
  EXPECT_EQ(log.lines().back().id, "10499");
}

TEST(ChatLog, NumbersOfTheStoreComeBackFromPlaces) {
  EXPECT_EQ(seq_of(seq_key(42)), 42u);
  EXPECT_EQ(seq_not_before(seq_key(42)), 42u);
  Log log;
  log.put([] {
    Line l = message("01", "stored");
    l.key = seq_key(42);
    return l;
  }());
  Line live = message("02", "live");
  live.key.clear();
  log.put(live);
  EXPECT_EQ(seq_of(log.lines()[1].key), 42u);
  EXPECT_EQ(seq_not_before(log.lines()[1].key), 43u) << "42 itself is before the live one";
}

// ---- texts and columns --------------------------------------------------------------------------

TEST(ChatRows, WrapsAtBlanksAndCutsWordsThatDoNotFit) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one two   three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("abcdefghij kl", 4), ElementsAre("abcd", "efgh", "ij", "kl"));
  EXPECT_THAT(wrap("", 7), ElementsAre(""));
  EXPECT_THAT(wrap("a\nb\n", 7), ElementsAre("a", "b", ""));
  EXPECT_THAT(wrap("\u6f22\u5b57\u6f22", 4), ElementsAre("\u6f22\u5b57", "\u6f22"));
  EXPECT_THAT(wrap("\u6f22\u5b57", 3), ElementsAre("\u6f22", "\u5b57"));
  EXPECT_THAT(wrap("\x1b[2J", 20), ElementsAre("\\x1b[2J"));
  EXPECT_EQ(fit("abcdef", 4), "abc\u2026");
  EXPECT_EQ(fit("abcd", 4), "abcd");
}

// ncurses measures with wcwidth. Where the two differ the screen puts a stand-in, so it is told
// here where that is: nowhere among what is assigned in both.
TEST(ChatRows, MeasuresCharactersAsTheLibraryOfTheTerminalDoes) {
  ASSERT_NE(setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
  for (std::uint32_t c = 0x20; c < 0x110000; ++c) {
    if (misleading(c) || (c >= 0xd800 && c < 0xe000)) continue;
    const int theirs = wcwidth(static_cast<wchar_t>(c));
    const bool private_use = (c >= 0xe000 && c < 0xf900) || c >= 0xf0000;
    if (theirs < 0 || private_use) continue;
    const int ours = columns(c);
    if (ours == theirs) continue;
    ADD_FAILURE() << std::hex << c << ": ours " << ours << ", theirs " << theirs;
    if (testing::Test::HasFailure() && c > 0x3000) break;
  }
}

int width_of_row(const Grid& grid, int row) {
  int n = 0;
  for (int column = 0; column < grid.size().columns; ++column) {
    const std::string& text = grid.at(row, column).text;
    n += text.empty() ? 0 : columns(text);
  }
  return n;
}

TEST(ChatView, EveryRowIsExactlyAsWideAsTheTerminalWhateverIsShown) {
  std::mt19937 random(7);
  const std::vector<std::string> pieces{"a",
                                        "word ",
                                        "\u6f22",
                                        "e\u0301",
                                        "\U0001f600",
                                        "\n",
                                        "\x1b[",
                                        "\t",
                                        "\u202e",
                                        "\xff",
                                        "\U0001f468\u200d\U0001f469",
                                        " "};
  World w = in_ops(0);
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (auto n = random() % 60; n > 0; --n) text += pieces[random() % pieces.size()];
    Json post = w.post("#ops", static_cast<std::uint64_t>(i + 1));
    Json line;
    line.set("ev", "post").set("channel", "ops").set("id", post.str("id")).set("from", "bob");
    line.set("at", post.u64("at")).set("state", "committed").set("late", i % 7 == 0);
    w.model.hear(line.set("text", text));
    if (i % 5 == 0) w.model.press({.code = Key::Code::paste, .text = text});
    if (i % 11 == 0) w.press("Ctrl-c");
    const Size size{static_cast<int>(1 + random() % 40), static_cast<int>(1 + random() % 130)};
    w.model.resize(size);
    const Grid grid = compose(w.model.state(), utc);
    for (int row = 0; row < size.rows; ++row)
      ASSERT_EQ(width_of_row(grid, row), size.columns) << grid.text(row);
    ASSERT_LT(grid.cursor_row, size.rows);
    ASSERT_LT(grid.cursor_column, size.columns);
    w.model.check_invariants();
  }
}

// ---- the window on the store --------------------------------------------------------------------

TEST(ChatModel, WhatASyncBroughtBeforeARoomWasReadIsNotMarkedInItLater) {
  World w = in_ops(3);
  const auto sync = [&](const std::string& channel, std::uint64_t records) {
    w.hear("{\"ev\":\"sync\",\"channel\":\"" + channel +
           "\",\"records\":" + std::to_string(records) + "}");
    w.hear("{\"ev\":\"synced\",\"channel\":\"" + channel + "\"}");
  };
  sync("dev", 500);
  w.store("#dev", 1, 40);
  w.hear(R"({"ev":"channel","id":"01KAV0000000000000000000BB","channel":"dev","member":true})");
  w.type("/to #dev");
  w.press("Enter");
  w.serve();
  ASSERT_EQ(w.model.state().current, "#dev");
  w.store("#dev", 41, 42);
  sync("dev", 2);
  w.serve();
  EXPECT_EQ(w.model.state().room().arrived_above, 0U);
  EXPECT_EQ(texts(w.model.state().room()).back(), "message 42");
}

TEST(ChatModel, APasteHasNoControls) {
  World w = in_ops(0);
  w.model.press({.code = Key::Code::paste, .text = "a\x1b\x7f\u009bb\n\u00fc"});
  EXPECT_EQ(w.model.state().input.text(), "ab\n\u00fc");
}

TEST(ChatModel, ReadsOnWhereTheOwnerCutAPage) {
  World w("#ops");
  w.model.seated();
  w.hear(R"({"ev":"caught_up","self":"ada"})");
  w.run(std::string("answer channels_here {") + kOps + "}");
  w.run("end channels_here");
  w.run("answer posts " + w.post("#ops", 9).text());
  w.run(R"(end posts {"more":true})");
  const Room& room = w.model.state().room();
  EXPECT_FALSE(room.log.at_begin);
  w.run(R"(answer pending {"channel":"ops","draft":5,"from":"ada","own":true,"text":"mine",)"
        R"("state":"queued"})");
  const auto asked = w.run(R"(end pending {"more":true})");
  EXPECT_THAT(asked, testing::Contains(testing::AllOf(testing::HasSubstr(R"("do":"pending")"),
                                                      testing::HasSubstr(R"("behind_draft":5)"))));
}

TEST(ChatModel, ShowsAlwaysAPieceOfTheHistoryWithoutAGap) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    World w = in_ops(1);
    std::vector<std::uint64_t> stored{1};
    std::uint64_t newest = 1;
    const auto grow = [&](std::uint64_t by) {
      for (std::uint64_t n = 0; n < by; ++n) {
        newest += 1 + random() % 3;
        w.store("#ops", newest, newest);
        stored.push_back(newest);
      }
    };
    // What a sync brings is on the disk before it is told.
    const auto sync = [&](std::uint64_t records) {
      w.hear("{\"ev\":\"sync\",\"channel\":\"ops\",\"records\":" + std::to_string(records) + "}");
      w.hear(R"({"ev":"synced","channel":"ops"})");
    };
    grow(random() % 900);
    sync(stored.size());
    for (int step = 0; step < 200; ++step) {
      switch (random() % 9) {
        case 0:
        case 1:
        case 2:
          w.press("PageUp");
          break;
        case 3:
          w.press("PageDown");
          break;
        case 4:
          if (random() % 8 == 0) w.press("Escape");
          break;
        case 5: {
          grow(1);
          Json post = w.post("#ops", newest);
          w.model.hear(post.set("ev", "post"));
          break;
        }
        case 6:
          if (random() % 4 == 0) {
            // A merge fills holes of the numbers.
            std::uint64_t merged = 0;
            for (int n = 0; n < 5; ++n) {
              const std::uint64_t at = 1 + random() % newest;
              if (std::ranges::find(stored, at) != stored.end()) continue;
              w.store("#ops", at, at);
              stored.push_back(at);
              ++merged;
            }
            if (merged > 0) sync(merged);
          }
          break;
        case 7:
          w.model.resize(
              {static_cast<int>(8 + random() % 50), static_cast<int>(30 + random() % 99)});
          break;
        default:
          w.serve();
          break;
      }
      w.model.check_invariants();
    }
    w.serve();
    std::ranges::sort(stored);
    std::vector<std::uint64_t> shown;
    const Log& log = w.model.state().room().log;
    for (const Line& l : log.lines()) {
      if (!l.notice()) shown.push_back(std::stoull(l.id.substr(5)));
    }
    ASSERT_FALSE(shown.empty()) << "seed " << seed;
    const auto first = std::ranges::find(stored, shown.front());
    ASSERT_LE(shown.size(), static_cast<std::size_t>(stored.end() - first)) << "seed " << seed;
    EXPECT_TRUE(std::equal(shown.begin(), shown.end(), first)) << "seed " << seed;
    if (log.at_begin) {
      EXPECT_EQ(shown.front(), stored.front()) << "seed " << seed;
    }
    if (log.at_end) {
      EXPECT_EQ(shown.back(), stored.back()) << "seed " << seed;
    }
    w.press("Escape");
    w.serve();
    EXPECT_EQ(w.model.state().room().log.lines().back().text, "message " + std::to_string(newest));
  }
}

TEST(ChatModel, ReadsAHistoryToItsBeginAndBackInBoundedMemory) {
  World w = in_ops(3'000);
  std::size_t most = 0;
  for (int i = 0; i < 400 && !w.model.state().room().log.at_begin; ++i) {
    w.press("PageUp");
    w.serve();
    most = std::max(most, w.model.state().room().log.lines().size());
  }
  for (int i = 0; i < 20; ++i) w.press("PageUp");
  EXPECT_TRUE(w.model.state().room().log.at_begin);
  EXPECT_THAT(compose(w.model.state(), utc).text(3), testing::HasSubstr("Tuesday 24 November"));
  EXPECT_LE(most, kLogLinesMax);
  for (int i = 0; i < 400 && w.model.state().room().anchor; ++i) {
    w.press("PageDown");
    w.serve();
  }
  EXPECT_EQ(texts(w.model.state().room()).back(), "message 3000");
}

TEST(ChatModel, ANameMeansWhatItMeansOnTheCommandLine) {
  World w = in_ops(0);
  w.run(R"(answer channels {"id":"01KAV0000000000000000000AC","channel":"Tea","member":false})");
  w.run("end channels");
  w.hear(
      R"({"ev":"channel","id":"01KAV0000000000000000000BB","channel":"Night Shift","member":true})");
  const auto to = [&w](const std::string& name) {
    w.take_asked();
    w.type("/to " + name);
    w.press("Enter");
    return w.model.state().current;
  };
  EXPECT_EQ(to("night shift"), "#Night Shift");
  EXPECT_EQ(to("OPS"), "#ops");
  EXPECT_EQ(to("#NIGHT SHIFT"), "#Night Shift");
  EXPECT_EQ(to("tea"), "#Night Shift") << "a channel that is not ours, and may be somebody";
  EXPECT_EQ(to("@bob"), "@bob");
  w.hear(R"({"ev":"message","id":"01KZ","from":"ops","to":"ada","text":"hi","state":"received"})");
  EXPECT_EQ(to("ops"), "@bob") << "a channel of ours, and somebody we talked to";
  EXPECT_EQ(to("@ops"), "@ops");
  EXPECT_EQ(to("#ops"), "#ops");
  to("#tea");
  const auto asked = w.take_asked();
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked.back().str("do") + ' ' + asked.back().str("channel"), "enter Tea");
}

TEST(ChatModel, ReadsAPrivateHistoryByItsNumbers) {
  World w;
  w.model.seated();
  w.hear(R"({"ev":"caught_up","self":"ada"})");
  w.run("end channels_here");
  w.store("@bob", 1, 450);
  w.run("type /to @bob");
  w.run("key Enter");
  w.serve();
  w.hear(
      R"({"ev":"message","id":"01KZ","from":"bob","to":"ada","text":"live","state":"received"})");
  for (int i = 0; i < 60; ++i) {
    w.press("PageUp");
    w.serve();
  }
  const auto all = texts(w.model.state().room());
  EXPECT_EQ(all.front(), "message 1");
  EXPECT_EQ(all.size(), 451u);
  EXPECT_EQ(all.back(), "live");
}

// ---- what waits ---------------------------------------------------------------------------------

TEST(ChatModel, CountsWhatIsNotHandedOver) {
  World w = in_ops(1);
  w.type("hello");
  w.press("Enter");
  EXPECT_EQ(w.model.waiting(), 1u) << "not taken yet";
  w.run("end post {\"draft\":1}");
  const std::string post = R"({"ev":"post","channel":"ops","from":"ada","own":true,"draft":1,)";
  w.hear(post + R"("id":"","text":"hello","state":"queued"})");
  EXPECT_EQ(w.model.waiting(), 1u) << "on this disk";
  w.hear(post + R"("id":"01KZ","text":"hello","state":"pending"})");
  EXPECT_EQ(w.model.waiting(), 0u);
}

TEST(ChatModel, AnswersThatNobodyWaitsForChangeNothing) {
  World w = in_ops(1);
  const auto before = texts(w.model.state().room());
  w.hear(R"({"re":7,"user":"x"})");
  w.hear(R"({"re":7,"end":true})");
  w.hear(R"({"ev":"something of the future","channel":"ops"})");
  w.hear("{}");
  EXPECT_EQ(texts(w.model.state().room()), before);
  w.hear(R"({"re":7,"end":true,"error":"Something went wrong; say it again."})");
  EXPECT_EQ(texts(w.model.state().room()).back(), "Something went wrong; say it again.");
}

TEST(ChatModel, EveryEventIsTakenInEveryOrder) {
  const std::vector<std::string> events{
      "connecting", "connected",  "caught_up", "disconnected", "stopped", "message",
      "state",      "renumbered", "presence",  "removed",      "ready",   "asked",
      "away",       "silent",     "notice",    "store_failed", "channel", "left",
      "post",       "acks",       "election",  "leader",       "sync",    "synced"};
  const std::vector<std::string> keys{
      "Enter", "Tab",   "PageUp", "PageDown",  "Escape", "Up",     "Down",   "Left",
      "Right", "Home",  "End",    "Backspace", "Delete", "Alt-Up", "Ctrl-n", "Alt-1",
      "Alt-3", "Alt-a", "Ctrl-w", "Ctrl-u",    "x",      "/",      "#",      "@"};
  const std::vector<std::string> names{"", "ops", "tea", "ada", "bob", "cyd"};
  const std::vector<std::string> states{"queued", "pending", "committed", "failed",
                                        "sent",   "acked",   "?"};
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    const auto one = [&](const auto& of) { return of[random() % of.size()]; };
    World w = in_ops(random() % 300);
    for (int step = 0; step < 400; ++step) {
      if (random() % 3 == 0) {
        w.press(one(keys));
      } else if (random() % 6 == 0) {
        w.serve();
      } else if (random() % 200 == 0) {
        w.run("reseat");
      } else {
        Json json;
        json.set("ev", one(events)).set("channel", one(names)).set("user", one(names));
        json.set("id", World::id_of(random() % 400)).set("from", one(names)).set("to", one(names));
        json.set("why", one(states)).set("state", one(states)).set("text", one(names));
        json.set("draft", std::uint64_t{random() % 3}).set("own", random() % 2 == 0);
        json.set("self", random() % 5 == 0 ? "" : "ada").set("at", std::uint64_t{random()});
        json.set("member", random() % 4 != 0).set("records", std::uint64_t{random() % 9});
        json.set("unread", std::uint64_t{random() % 9})
            .set("status", random() % 2 == 0 ? "few" : "healthy");
        w.model.hear(json);
      }
      w.model.check_invariants();
      compose(w.model.state(), utc);
      w.take_asked();
    }
  }
}

// ---- people and channels ------------------------------------------------------------------------

TEST(ChatModel, AMessageToldTwiceIsCountedOnce) {
  World w = in_ops(1);
  w.hear(R"({"ev":"channel","id":"01KAV0000000000000000000AB","channel":"tea","member":true})");
  const std::string post =
      R"({"ev":"post","channel":"tea","id":"01KZ","from":"bob","text":"hi","state":"committed"})";
  w.hear(post);
  w.hear(post);
  EXPECT_EQ(w.model.state().rooms.at("#tea").unread, 1u);
}

TEST(ChatModel, GreetsWhenSomebodyBeginsToWriteNotWhenHePassesBy) {
  World w = in_ops(1);
  w.hear(R"({"ev":"message","id":"01KZ","from":"bob","to":"ada","text":"hi","state":"received"})");
  w.press("Ctrl-n");
  for (const Json& ask : w.take_asked()) EXPECT_NE(ask.str("do"), "greet");
  w.type("h");
  const auto asked = w.take_asked();
  EXPECT_TRUE(std::ranges::any_of(asked, [](const Json& a) { return a.str("do") == "greet"; }));
}

TEST(ChatModel, AnElectionTakesTheStatusLineFromAHint) {
  World w = in_ops(1);
  w.press("Alt-a");
  EXPECT_THAT(last_row(w), testing::HasSubstr("Everything is read."));
  w.hear(std::string(R"({"ev":"election","user":"bob",)") + kOps + "}");
  EXPECT_THAT(last_row(w), testing::HasSubstr("electing: @bob asks for votes"));
}

}  // namespace
}  // namespace moot::app::tui::test
