#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "apps/moot/channel_commands_test.h"
#include "apps/moot/post_pages.h"
#include "apps/moot/scripted_owner_test.h"
#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"

// The commands for channels against an owner that says what a test wants (and that the real one
// says, see tests/process).
namespace moot::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ChannelCommands : public CommandTest {};

TEST_F(ChannelCommands, ChannelsAndMembersArePrinted) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels" || ask.str("do") == "channels_here") return {line(ops())};
    if (ask.str("do") == "members") {
      return {Json().set("user", "ada").set("online", true),
              Json().set("user", "bob").set("online", false)};
    }
    return {};
  });
  const Ran channels = moot({"channels"});
  EXPECT_EQ(channels.code, kDone) << channels.err;
  EXPECT_THAT(channels.out, HasSubstr("* #ops"));
  EXPECT_THAT(moot({"channels", "--json"}).out, HasSubstr("{\"channel\":\"ops\""));
  const Ran members = moot({"members", "#ops", "--json"});
  EXPECT_EQ(members.code, kDone) << members.err;
  EXPECT_EQ(members.out,
            "{\"user\":\"ada\",\"online\":true,\"role\":\"owner\",\"leader\":false}\n"
            "{\"user\":\"bob\",\"online\":false,\"role\":null,\"leader\":true}\n");
}

TEST_F(ChannelCommands, WhatIsAskedIsWhatWasSaid) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") != "channels_here") return {};
    return {
        Json().set("channel", "ops").set("id", "1").set("keeper", "server").set("member", true)};
  });
  const Ran server = moot({"create", "ops"});
  EXPECT_EQ(server.code, kDone) << server.err;
  EXPECT_THAT(server.err, HasSubstr("whoever operates the server can read"));
  EXPECT_THAT(
      moot({"create", "#ops", "--keeper", "members", "--private", "--history", "since_join"}).err,
      HasSubstr("three of them have to be online"));
  moot({"leave", "ops"});
  moot({"set", "ops", "--topic", "", "--rename", "#dev", "--role", "@bob=admin", "--role",
        "eve=none"});
  moot({"invite", "ops", "@bob"});
  moot({"kick", "ops", "bob"});
  EXPECT_THAT(
      owner.asked(),
      ElementsAre(
          R"({"do":"create","channel":"ops","keeper":"","private":false,"since_join":false,"n":1})",
          R"({"do":"channels_here","n":2})",
          R"({"do":"create","channel":"ops","keeper":"members","private":true,"since_join":true,"n":1})",
          R"({"do":"leave","channel":"ops","n":1})",
          R"({"do":"set","channel":"ops","topic":"","rename":"dev","roles":"bob=admin eve=none","n":1})",
          R"({"do":"ch_invite","channel":"ops","user":"bob","n":1})",
          R"({"do":"channels_here","n":2})",  // is bob in it already?
          R"({"do":"kick","channel":"ops","user":"bob","n":1})"));
}

TEST_F(ChannelCommands, WrongUsageIsExitTwoAndAsksNothing) {
  ScriptedOwner owner(dir_, [](const Json&) -> std::vector<Json> { return {}; });
  const std::vector<std::vector<std::string>> wrong{
      {"create"},
      {"create", "@ops"},
      {"create", "ops", "--keeper", "nobody"},
      {"create", "ops", "--history", "some"},
      {"enter", std::string(65, 'x')},
      {"leave", "#"},
      {"members"},
      {"set", "ops"},
      {"set", "ops", "--role", "bob=king"},
      {"set", "ops", "--topic", std::string(1'025, 'x')},
      {"invite", "ops"},
      {"invite", "ops", "@Bob"},
      {"kick", "ops", "#bob"},
      {"history", "ops", "--since", "yesterday"},
      {"verify", "@ops"},
      {"replica"},
      {"replica", "ops", "@dev"},
      {"send", "#ops", "x", "--wait", "acked"},
      {"send", "@bob", "x", "--wait", "committed"},
      {"send", "#", "x"},
      {"tail", "#ops", "--since", "x"},
      {"tail", "#ops", "--count", "0"},
      {"history", "ops", "--count=-1"},
      {"send", "#ops", ""},
      {"set", "ops", "--topic", "two\nlines"},
      {"export", "@"}};
  for (const auto& args : wrong) {
    const Ran ran = moot(args);
    EXPECT_EQ(ran.code, kUsage) << testing::PrintToString(args);
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err, "");
  }
  EXPECT_THAT(owner.asked(), IsEmpty());
}

TEST_F(ChannelCommands, ARefusalIsExitOneWithItsSentence) {
  ScriptedOwner owner(dir_, [](const Json&) -> std::vector<Json> {
    return {Json().set("error", "You are no owner of #ops.")};
  });
  for (const auto& args : std::vector<std::vector<std::string>>{{"create", "ops"},
                                                                {"enter", "ops"},
                                                                {"set", "ops", "--topic", "x"},
                                                                {"members", "ops"},
                                                                {"history", "ops"},
                                                                {"send", "#ops", "x"},
                                                                {"tail", "#ops", "-f"},
                                                                {"replica", "ops"}}) {
    const Ran ran = moot(args);
    EXPECT_EQ(ran.code, kFailed) << testing::PrintToString(args);
    EXPECT_THAT(ran.err, HasSubstr("You are no owner of #ops.")) << testing::PrintToString(args);
  }
}

TEST_F(ChannelCommands, WithoutAServerWhatNeedsOneFails) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "watch")
      return {Json().set("ev", "disconnected").set("text", "Nobody listens there.")};
    return {};
  });
  const Ran ran = moot({"channels"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("Nobody listens there."));
}

TEST_F(ChannelCommands, HistoryIsWholeHoweverManyPagesAndSiblingsThereAre) {
  std::vector<Client::Post> all;
  for (std::uint64_t n = 1; n <= 1'300; ++n) {
    all.push_back(post(n, "text " + std::to_string(n)));
    // Records of one id on the border of a page.
    if (n == 499 || n == 500) {
      for (int i = 0; i < 3; ++i) all.push_back(post(n, "sibling"));
    }
  }
  ScriptedOwner owner(dir_, [&](const Json& ask) { return stored(all, ask); });
  const auto lines = [&](const std::vector<std::string>& args) {
    const Ran ran = moot(args);
    EXPECT_EQ(ran.code, kDone) << ran.err;
    return ran.out;
  };
  std::string want;
  for (const Client::Post& p : all) want += post_json(p) + '\n';
  // Not EXPECT_EQ: a difference is not to be told in a thousand lines.
  EXPECT_TRUE(lines({"history", "ops", "--json"}) == want);
  EXPECT_TRUE(lines({"export", "#ops"}) == want);

  std::string newest;
  for (std::size_t i = all.size() - 700; i < all.size(); ++i) newest += post_json(all[i]) + '\n';
  EXPECT_TRUE(lines({"history", "ops", "--json", "--count", "700"}) == newest);
  EXPECT_TRUE(lines({"history", "ops", "--json", "--count", "100000"}) == want);
  EXPECT_EQ(lines({"history", "ops", "--json", "--since", all[all.size() - 2].id}),
            post_json(all.back()) + '\n');
  EXPECT_EQ(lines({"history", "ops", "--json", "--since", "2023-12-15T02:41:58.300Z"}),
            post_json(all.back()) + '\n');
  EXPECT_THAT(lines({"export", "#ops", "--format", "text"}), HasSubstr("@bob: text 1300\n"));
}

TEST_F(ChannelCommands, TheLastArrivalIsFoundWhateverTheGaps) {
  for (const std::vector<std::uint64_t>& seqs : std::vector<std::vector<std::uint64_t>>{
           {}, {1}, {1, 2, 3}, {3, 9, 1'000}, {1'000'000}, {1ull << 40, (1ull << 40) + 5}}) {
    std::vector<Client::Post> all;
    for (const std::uint64_t seq : seqs) all.push_back(post(seq));
    ScriptedOwner owner(dir_, [&](const Json& ask) { return stored(all, ask); });
    auto seat = Seat::take({{}, dir_}, {});
    ASSERT_TRUE(seat.has_value());
    EXPECT_EQ(last_arrival(*seat), seqs.empty() ? 0 : seqs.back());
  }
}

TEST_F(ChannelCommands, TailPutsPeopleAndChannelsTogetherByTime) {
  std::vector<Client::Post> all{post(1, "one"), post(3, "three")};
  all[1].late = true;
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") return {line(ops())};
    if (ask.str("do") == "posts") return stored(all, ask);
    if (ask.str("do") != "history") return {};
    Client::Message m;
    m.id = "01HHNNM7S8M2RW5MZ4YM31EA1S";
    m.from = "eve";
    m.to = "ada";
    m.text = "two";
    m.at_ms = all[0].at_ms + 1;
    m.state = Client::State::received;
    m.seq = 9;
    Json json;
    put_message(json, m);
    return {json};
  });
  const Ran ran = moot({"tail", "--json"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  const auto one = ran.out.find("\"text\":\"one\""), two = ran.out.find("\"text\":\"two\""),
             three = ran.out.find("\"text\":\"three\"");
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_THAT(ran.out, HasSubstr("\"late\":true"));
  EXPECT_THAT(moot({"tail", "#ops"}).out, HasSubstr("three  (late)"));
  EXPECT_THAT(moot({"tail", "ops", "--count", "1"}).out, testing::Not(HasSubstr("one")));
}

TEST_F(ChannelCommands, TailReadsAgainWhatCameWhileItRead) {
  Client::Message m;
  m.id = "01HHNNM7S8M2RW5MZ4YM31EA1S";
  m.from = "eve";
  m.to = "ada";
  m.text = "just in time";
  m.state = Client::State::received;
  m.seq = 1;
  Json news;
  put_message(news.set("ev", "message"), m);
  int histories = 0;
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    const std::string& what = ask.str("do");
    if (what == "history") ++histories;
    if (what == "history" && histories == 1) return {news};
    if (what == "history" && histories == 3) {
      Json json;
      put_message(json, m);
      return {json};
    }
    // The messages were read already; what is told now is behind them.
    if (what == "posts" && ask.str("order") == "arrival" && histories == 2) return {news};
    if (what == "posts" && histories == 3) return {Json().set("ev", "stopped").set("text", "End.")};
    return {};
  });
  const Ran ran = moot({"tail", "--follow", "--json"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.out, HasSubstr("just in time"));
}

TEST_F(ChannelCommands, AProcessThatIsEndingIsNotTakenForTheOwner) {
  ScriptedOwner owner(
      dir_,
      [](const Json& ask) -> std::vector<Json> {
        if (ask.str("do") == "channels" || ask.str("do") == "channels_here") return {line(ops())};
        return {};
      },
      3);
  const Ran ran = moot({"channels"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("#ops"));
}

TEST_F(ChannelCommands, WhenTheStoreFailsNobodyGoesOnWaiting) {
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") return {line(ops())};
    const Json failed = Json().set("ev", "store_failed").set("why", "The disk is full.");
    if (ask.str("do") == "post") return {Json().set("draft_only", std::uint64_t{4}), failed};
    if (ask.str("do") == "send") return {Json().set("id", post(1).id), failed};
    if (ask.str("do") == "history") return {failed};
    return {};
  });
  for (const std::vector<std::string>& args : {std::vector<std::string>{"send", "#ops", "hello"},
                                               {"send", "@bob", "hello"},
                                               {"tail", "-f"}}) {
    const Ran ran = moot(args);
    EXPECT_EQ(ran.code, kFailed) << args[0];
    EXPECT_EQ(ran.err, "moot: The disk is full.\n");
  }
}

TEST_F(ChannelCommands, SearchFindsWhatChannelsHold) {
  const std::vector<Client::Post> all{post(1, "pass phrase")};
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    return ask.str("do") == "posts" ? stored(all, ask) : std::vector<Json>();
  });
  EXPECT_THAT(moot({"search", "phrase", "--json"}).out, HasSubstr("{\"channel\":\"ops\""));
  EXPECT_EQ(moot({"search", "nothing"}).code, kFailed);
}

struct Log {
  int differences = 0;  // found by the next pull
  int lacking = 0;      // given to the device as soon as it attaches
  std::string broken;
  Client::Channel channel = ops();
};

ScriptedOwner::Script keeper_of(Log& log) {
  return [&log](const Json& ask) -> std::vector<Json> {
    const std::string& what = ask.str("do");
    if (what == "channels_here") return {line(log.channel)};
    if (what == "verify" && !log.broken.empty()) return {Json().set("error", log.broken)};
    if (what == "verify") {
      return {Json().set("records", std::uint64_t{6}).set("all", std::uint64_t{12}),
              Json().set("count", std::uint64_t{12}).set("fingerprint", "00ff")};
    }
    if (what == "attach" && log.lacking > 0) {
      const auto n = static_cast<std::uint64_t>(std::exchange(log.lacking, 0));
      const auto told = [&](std::string_view ev) {
        return Json().set("ev", ev).set("channel", "ops").set("records", n).set("differences", n);
      };
      return {told("sync"), told("synced")};
    }
    if (what != "pull") return {};
    const auto n = static_cast<std::uint64_t>(std::exchange(log.differences, 0));
    if (n == 0) return {};
    return {Json().set("records", n / 2).set("differences", n),
            Json().set("records", n).set("differences", n)};
  };
}

TEST_F(ChannelCommands, VerifyHoldsWhenTheLogIsWholeAndEqual) {
  Log log;
  ScriptedOwner owner(dir_, keeper_of(log));
  const Ran ran = moot({"verify", "ops", "--json"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out,
            "{\"channel\":\"ops\",\"count\":12,\"fingerprint\":\"00ff\",\"election\":7,"
            "\"leader\":\"bob\"}\n");
  EXPECT_THAT(moot({"verify", "ops"}).err, HasSubstr("Whole, and equal to the leader's."));
}

std::ptrdiff_t times_asked(ScriptedOwner& owner, std::string_view what) {
  const auto asked = owner.asked();
  return std::ranges::count_if(asked, [&](const auto& a) { return a.contains(what); });
}

TEST_F(ChannelCommands, VerifyProvesAgainWhatItPulled) {
  Log log;
  log.differences = 10;
  ScriptedOwner owner(dir_, keeper_of(log));
  const Ran ran = moot({"verify", "ops"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("differed from the leader's by 10 records"));
  EXPECT_EQ(times_asked(owner, "verify"), 2);
  EXPECT_EQ(times_asked(owner, "pull"), 2);
}

TEST_F(ChannelCommands, VerifyProvesAgainWhatCameBeforeItWasAskedFor) {
  Log log;
  log.lacking = 3;
  ScriptedOwner owner(dir_, keeper_of(log));
  const Ran ran = moot({"verify", "OPS"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("differed from the leader's by 3 records"));
  EXPECT_EQ(times_asked(owner, "verify"), 2);
  log.lacking = 3;
  EXPECT_EQ(moot({"pull", "OPS", "--json"}).out,
            "{\"channel\":\"ops\",\"records\":3,\"differences\":3,\"synced\":true}\n");
}

TEST_F(ChannelCommands, VerifyOfABrokenLogFailsWithoutAskingAnybody) {
  Log log;
  log.broken = "Record 3 has another digest.";
  ScriptedOwner owner(dir_, keeper_of(log));
  const Ran ran = moot({"verify", "ops", "--json"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("not whole: Record 3 has another digest."));
  EXPECT_THAT(owner.asked(), ElementsAre(HasSubstr("channels_here"), HasSubstr("verify")));
}

TEST_F(ChannelCommands, TheLeaderComparesWithNobody) {
  Log log;
  log.channel.leading = true;
  log.channel.leader = "ada";
  ScriptedOwner owner(dir_, keeper_of(log));
  EXPECT_EQ(moot({"verify", "ops"}).code, kDone);
  EXPECT_EQ(moot({"pull", "ops"}).code, kDone);
  for (const std::string& asked : owner.asked())
    EXPECT_THAT(asked, testing::Not(HasSubstr("\"pull\"")));
}

TEST_F(ChannelCommands, WithoutALeaderVerifySaysSo) {
  Log log;
  log.channel.leader.clear();
  log.channel.status = "few";
  log.channel.online_n = 2;
  ScriptedOwner owner(dir_, keeper_of(log));
  const Ran ran = moot({"verify", "ops", "--json"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.out, HasSubstr("\"leader\":null"));
  EXPECT_THAT(ran.err, HasSubstr("There is no leader to compare with."));
  EXPECT_THAT(ran.err, HasSubstr("1 person is missing."));
}

TEST_F(ChannelCommands, PullTellsItsProgressAndEndsWithItsCounts) {
  Log log;
  log.differences = 10;
  ScriptedOwner owner(dir_, keeper_of(log));
  const Ran ran = moot({"pull", "ops"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out, "#ops: 10 records pulled; in step with @bob.\n");
  EXPECT_EQ(ran.err,
            "#ops  [###############---------------]  50%  5 of 10 records\n"
            "#ops  [##############################] 100%  10 of 10 records\n");
  EXPECT_EQ(moot({"pull", "ops", "--json"}).out,
            "{\"channel\":\"ops\",\"records\":0,\"differences\":0,\"synced\":true}\n");
}

TEST_F(ChannelCommands, AReplicaTellsWhatHappensUntilItsChannelIsGone) {
  sigset_t before;
  sigprocmask(SIG_SETMASK, nullptr, &before);
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") != "attach") return {};
    Json election = Json().set("ev", "election").set("user", "cyd");
    put_channel(election, ops());
    Json leader = Json().set("ev", "leader");
    put_channel(leader, ops());
    Json other = Json().set("ev", "leader");
    Client::Channel dev = ops();
    dev.name = "dev";
    put_channel(other, dev);
    Json left = Json().set("ev", "left").set("why", "kicked");
    put_channel(left, ops());
    return {Json().set("ok", true), other, election, event(post(1)), leader, left};
  });
  const Ran ran = moot({"replica", "#ops", "--json"});
  sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("no channel left"));
  std::vector<std::string> what;
  std::string_view rest = ran.out;
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
       rest.remove_prefix(end + 1)) {
    const auto line = Json::parse(
        rest.substr(0, end).find("null") == std::string_view::npos ? rest.substr(0, end) : "{}");
    ASSERT_TRUE(line.has_value()) << ran.out;
    EXPECT_EQ(line->str("channel"), "ops");
    what.push_back(line->str("what"));
  }
  EXPECT_THAT(what, ElementsAre("election", "commits", "leader", "left"));
}

}  // namespace
}  // namespace moot::app
