#include "apps/moot/channel_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/moot/post_pages.h"
#include "apps/moot/progress.h"
#include "apps/moot/replica_log.h"
#include "apps/moot/target.h"

namespace moot::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Client::Channel ops() {
  Client::Channel c;
  c.name = "ops";
  c.id = "01HHNNM7S8M2RW5MZ4YM31EA1S";
  c.keeper = "members";
  c.status = "healthy";
  c.leader = "bob";
  c.election = 1'048'577;
  c.min = 3;
  c.members_n = 5;
  c.online_n = 3;
  c.roles = {{"ada", "owner"}};
  c.member = true;
  return c;
}

TEST(Target, AChannelIsNamedWithOrWithoutItsSign) {
  EXPECT_EQ(channel_of("ops"), "ops");
  EXPECT_EQ(channel_of("#ops"), "ops");
  EXPECT_EQ(channel_of("##ops"), "#ops");
  EXPECT_EQ(channel_of("release 1.0"), "release 1.0");
  for (const char* bad : {"", "#", "@ops", "a\nb", "\xff"}) EXPECT_EQ(channel_of(bad), "") << bad;
  EXPECT_EQ(channel_of(std::string(65, 'x')), "");
}

TEST(Target, ANameWithoutASignIsAChannelOfOursElseAUser) {
  const Known known{{"Ops", "bob"}, {"bob"}};
  EXPECT_EQ(target_of("@ops", known), (Target{false, "ops"}));
  EXPECT_EQ(target_of("#ada", known), (Target{true, "ada"}));
  EXPECT_EQ(target_of("ops", known), (Target{true, "Ops"})) << "as this device knows it";
  EXPECT_EQ(target_of("#OPS", known), (Target{true, "Ops"}));
  EXPECT_EQ(target_of("ada", known), (Target{false, "ada"}));
  for (const char* bad : {"bob", "@", "#", "@Ada", "No Such", ""}) {
    const auto target = target_of(bad, known);
    ASSERT_FALSE(target.has_value()) << bad;
    EXPECT_EQ(target.error().code, kUsage);
  }
}

TEST(Target, ANameWithoutASignIsNobodyWhereItIsAChannelWeAreNotIn) {
  const Known known{.channels = {"lobby"},
                    .peers = {"bob"},
                    .left = {"Secret"},
                    .others = {"ops"},
                    .users = std::vector<std::string>{"ada", "ops", "secret"}};
  EXPECT_EQ(target_of("@ops", known), (Target{false, "ops"}));
  EXPECT_EQ(target_of("#secret", known), (Target{true, "Secret"}));
  EXPECT_EQ(target_of("ada", known), (Target{false, "ada"}));
  const auto sentence = [&](const char* text, Aim aim = Aim::say) {
    const auto target = target_of(text, known, aim);
    return target ? "taken" : std::to_string(target.error().code) + " " + target.error().sentence;
  };
  EXPECT_EQ(sentence("secret"),
            "1 You are in no #Secret any more; `moot enter '#Secret'` enters it. To a user of that "
            "name: @secret.");
  EXPECT_EQ(sentence("ops"),
            "1 You are in no #ops; `moot enter '#ops'` enters it. To a user of that name: @ops.");
  EXPECT_EQ(sentence("nope"),
            "1 \"nope\" is nobody and no channel here; `moot users` and `moot channels` list what "
            "there is.");
  for (const Aim aim : {Aim::read, Aim::read_here})
    EXPECT_EQ(target_of("secret", known, aim), (Target{true, "Secret"}));
  EXPECT_TRUE(sentence("ops", Aim::read).starts_with("1 You are in no #ops;"));
}

TEST(Target, RolesAreCheckedBeforeAnythingIsAsked) {
  EXPECT_EQ(roles_of({"@bob=admin", "eve=none"}), (Roles{{"bob", "admin"}, {"eve", "none"}}));
  EXPECT_TRUE(roles_of({})->empty());
  for (const char* bad : {"bob", "bob=", "bob=king", "=owner", "Bob=owner"})
    EXPECT_FALSE(roles_of({bad}).has_value()) << bad;
  EXPECT_FALSE(roles_of({"bob=admin", "bob=none"}).has_value());
  EXPECT_FALSE(roles_of(std::vector<std::string>(64, "bob=admin")).has_value());
}

TEST(ChannelWords, AChannelBelowItsMinimumSaysHowManyAreMissing) {
  Client::Channel c = ops();
  EXPECT_EQ(what_is_missing(c), "");
  c.status = "few";
  c.online_n = 1;
  EXPECT_EQ(what_is_missing(c), "#ops needs 3 people online and has 1: 2 people are missing.");
  c.online_n = 2;
  EXPECT_EQ(what_is_missing(c), "#ops needs 3 people online and has 2: 1 person is missing.");
  c.online_n = 3;
  EXPECT_EQ(what_is_missing(c), "#ops is about to elect its leader.");
  c.status = "electing";
  EXPECT_EQ(what_is_missing(c), "#ops is electing its leader.");
  c.status = "server";
  EXPECT_EQ(what_is_missing(c), "");
  c.status = "";
  EXPECT_EQ(what_is_missing(c), "#ops is not connected.");
}

TEST(ChannelWords, ListsMarkWhatIsOursAndWhoCanReadIt) {
  Client::Channel c = ops();
  EXPECT_EQ(channel_line(c, false),
            "* #ops                  members  healthy     3 of 5    online  @bob leads");
  c.keeper = c.status = "server";
  c.leader = "server";
  c.member = false;
  c.invited = true;
  EXPECT_EQ(
      channel_line(c, false),
      "+ #ops                  server   server      3 of 5    online  the server can read it");
  c.leader.clear();
  EXPECT_EQ(channel_json(c),
            "{\"channel\":\"ops\",\"id\":\"01HHNNM7S8M2RW5MZ4YM31EA1S\",\"keeper\":\"server\","
            "\"status\":\"server\",\"leader\":null,\"members\":5,\"online\":3,\"member\":false,"
            "\"invited\":true,\"topic\":null}");
  c.member = true;
  c.topic = "night\x1b shift";
  EXPECT_THAT(channel_json(c), testing::EndsWith("\"topic\":\"night\\u001b shift\"}"));
  EXPECT_THAT(channel_line(c, false),
              testing::EndsWith("the server can read it: night\\x1b shift"));
}

TEST(ChannelWords, MembersHaveRolesAndOneLeads) {
  EXPECT_EQ(member_line({"ada", true}, ops(), false), "online   @ada                  owner");
  EXPECT_EQ(member_line({"bob", false}, ops(), false),
            "offline  @bob                         leads");
  EXPECT_EQ(member_json({"bob", true}, ops()),
            "{\"user\":\"bob\",\"online\":true,\"role\":null,\"leader\":true}");
}

TEST(Progress, BarsAreAsWideAsTheyAreToldWhateverTheCounts) {
  EXPECT_EQ(bar(0, 10, 10), "[----------]   0%");
  EXPECT_EQ(bar(5, 10, 10), "[#####-----]  50%");
  EXPECT_EQ(bar(12, 10, 10), "[##########] 100%");
  EXPECT_EQ(bar(0, 0, 10), "[###-------]");
  EXPECT_EQ(bar(7 * 256, 0, 10), "[-------###]");
  EXPECT_EQ(bar(8 * 256 + 9, 0, 10), "[------###-]");
  EXPECT_EQ(bar(14 * 256, 0, 10), "[###-------]");
  EXPECT_EQ(bar(~0ull / 2 + 1, ~0ull, 10), "[#####-----]  50%");
  EXPECT_EQ(progress_line("#ops", 3, 0), "#ops  [###---------------------------]  3 records");
  EXPECT_EQ(progress_line("#ops", 3, 6),
            "#ops  [###############---------------]  50%  3 of 6 records");
}

TEST(Since, IsAnIdOrATime) {
  EXPECT_EQ(parse_since("")->ms, 0u);
  EXPECT_EQ(parse_since("01HHNNM7S8M2RW5MZ4YM31EA1S")->ms, 1'702'608'117'544u);
  EXPECT_EQ(parse_since("2023-12-15")->ms, 1'702'598'400'000u);
  EXPECT_FALSE(parse_since("yesterday").has_value());
}

Json event(const char* ev, const Client::Channel& c) {
  Json json;
  put_channel(json.set("ev", ev), c);
  return json;
}
Json post_event(const char* id, Client::State state) {
  Client::Post p;
  p.channel = "ops";
  p.id = id;
  p.state = state;
  Json json;
  put_post(json.set("ev", "post"), p);
  return json;
}
constexpr std::uint64_t kNow = 1'702'608'117'544;

TEST(ReplicaLog, TellsElectionsAndLeadersAtOnceAndCountsCommits) {
  ReplicaLog log(false, false);
  Client::Channel c = ops();
  EXPECT_THAT(log.hear(event("channel", c), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  healthy, 3 of 5 online; @bob leads"));
  EXPECT_THAT(log.hear(event("channel", c), kNow), IsEmpty());
  EXPECT_THAT(log.hear(post_event("A", Client::State::pending), kNow), IsEmpty());
  EXPECT_TRUE(log.has_sums());
  EXPECT_THAT(log.sums(kNow), IsEmpty());
  EXPECT_FALSE(log.has_sums());
  EXPECT_EQ(log.status_line(), "#ops  healthy, 3 of 5 online; @bob leads; 0 committed, 1 pending");
  log.hear(post_event("A", Client::State::committed), kNow);
  log.hear(post_event("B", Client::State::committed), kNow);
  EXPECT_THAT(log.hear(event("election", c).set("user", "cyd"), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  2 committed, 2 since the start",
                          "2023-12-15T02:41:57.544Z  #ops  election 1048577: @cyd asks for votes"));
  c.leading = true;
  c.leader = "ada";
  EXPECT_THAT(log.hear(event("leader", c), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  this device leads, election 1048577"));
  EXPECT_EQ(log.status_line(), "#ops  healthy, 3 of 5 online; this device leads; 2 committed");
  c.status = "few";
  c.online_n = 2;
  c.leading = false;
  c.leader.clear();
  EXPECT_THAT(log.hear(event("channel", c), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  few, 2 of 5 online. #ops needs 3 people "
                          "online and has 2: 1 person is missing."));
}

TEST(ReplicaLog, ALeaderWhoGoesTakesNothingFromWhatIsToldOfTheChannel) {
  ReplicaLog log(false, false);
  Client::Channel c = ops();
  log.hear(event("channel", c), kNow);
  c.status = "few";
  c.online_n = 2;
  c.leader.clear();
  EXPECT_THAT(log.hear(event("leader", c), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  nobody leads, election 1048577"));
  EXPECT_THAT(log.hear(event("channel", c), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  few, 2 of 5 online. #ops needs 3 people "
                          "online and has 2: 1 person is missing."));
  c.status = "electing";
  c.online_n = 3;
  EXPECT_THAT(log.hear(event("election", c).set("user", "ada"), kNow), testing::SizeIs(1));
  EXPECT_THAT(log.hear(event("channel", c), kNow),
              ElementsAre("2023-12-15T02:41:57.544Z  #ops  electing, 3 of 5 online; nobody leads"));
  // What the line about the leader says is not said again.
  c.leader = "bob";
  EXPECT_THAT(log.hear(event("leader", c), kNow), testing::SizeIs(1));
  EXPECT_THAT(log.hear(event("channel", c), kNow), IsEmpty());
}

TEST(ReplicaLog, ProgramsGetOneObjectForEach) {
  ReplicaLog log(true, false);
  const Json sync = Json()
                        .set("ev", "sync")
                        .set("channel", "ops")
                        .set("records", std::uint64_t{5})
                        .set("differences", std::uint64_t{10});
  EXPECT_THAT(log.hear(sync, kNow), IsEmpty());
  EXPECT_THAT(log.sums(kNow),
              ElementsAre("{\"at\":\"2023-12-15T02:41:57.544Z\",\"channel\":\"ops\",\"what\":"
                          "\"sync\",\"records\":5,\"differences\":10}"));
  EXPECT_THAT(log.hear(Json().set("ev", "synced").set("channel", "ops"), kNow),
              ElementsAre("{\"at\":\"2023-12-15T02:41:57.544Z\",\"channel\":\"ops\",\"what\":"
                          "\"synced\",\"records\":5}"));
  EXPECT_THAT(log.hear(event("leader", ops()), kNow),
              ElementsAre("{\"at\":\"2023-12-15T02:41:57.544Z\",\"channel\":\"ops\",\"what\":"
                          "\"leader\",\"leader\":\"bob\",\"election\":1048577,\"self\":false}"));
  log.hear(post_event("A", Client::State::committed), kNow);
  EXPECT_THAT(log.sums(kNow),
              ElementsAre("{\"at\":\"2023-12-15T02:41:57.544Z\",\"channel\":\"ops\",\"what\":"
                          "\"commits\",\"n\":1,\"since_start\":1,\"pending\":0}"));
  EXPECT_THAT(log.hear(Json().set("ev", "disconnected").set("text", "gone"), kNow),
              ElementsAre("{\"at\":\"2023-12-15T02:41:57.544Z\",\"what\":\"disconnected\",\"text\":"
                          "\"gone\"}"));
}

}  // namespace
}  // namespace moot::app
