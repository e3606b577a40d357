#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/moot/channel_commands_test.h"
#include "apps/moot/scripted_owner_test.h"
#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"
#include "model/ids.h"

// `moot send` against an owner that says what a test wants.
namespace moot::app {
namespace {

using testing::HasSubstr;
using testing::Not;

class SendCommand : public CommandTest {};

TEST_F(SendCommand, APostIsFollowedByItsDraftThenByItsId) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") return {line(ops())};
    if (ask.str("do") != "post") return {};
    Client::Post p = post(1, ask.str("text"));
    p.from = "ada";
    p.own = true;
    Client::Post queued = p;
    queued.id.clear();
    queued.draft = 4;
    queued.state = Client::State::queued;
    Client::Post pending = p;
    pending.draft = 4;
    pending.state = Client::State::pending;
    pending.need = 1;
    Client::Post other = post(2);
    other.draft = 5;
    return {Json().set("draft_only", std::uint64_t{4}), event(queued), event(other), event(pending),
            event(p)};
  });
  const Ran ran = moot({"send", "ops", "hello", "--json"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out, "{\"channel\":\"ops\",\"id\":\"" + post(1).id +
                         "\",\"from\":\"ada\",\"at\":\"2023-12-15T02:41:57.001Z\",\"text\":"
                         "\"hello\",\"state\":\"committed\",\"acks\":[\"ada\",\"bob\"]}\n");
}

TEST_F(SendCommand, WhatAnOwnerSentWhileItEndedIsNotSaidTwice) {
  Client::Post p = post(1);
  p.from = "ada";
  p.own = true;
  p.id = moot::text(MsgId::make(UnixMs{4'000'000'000'000}, std::array<std::uint8_t, 10>{}));
  p.at_ms = 4'000'000'000'000;
  Client::Post pending = p;
  pending.state = Client::State::pending;
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") return {line(ops())};
    // Taken and on its way; the owner ends before it tells the id.
    if (ask.str("do") == "post")
      return {Json().set("draft_only", std::uint64_t{4}), Json().set("ends", true)};
    if (ask.str("do") == "pending") return {line(pending), event(p)};
    return {};
  });
  const Ran ran = moot({"send", "ops", "hello", "--json", "--timeout", "5s"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(p.id));
  const auto asked = owner.asked();
  EXPECT_EQ(
      std::ranges::count_if(asked, [](const auto& a) { return a.contains("\"do\":\"post\""); }), 1);
}

TEST_F(SendCommand, ANewDeviceWaitsUntilItIsToldOfItsChannels) {
  std::atomic<int> attached = 0;
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    const std::string& what = ask.str("do");
    if (what == "channels_here")
      return attached > 1 ? std::vector<Json>{line(ops())} : std::vector<Json>{};
    if (what == "attach" && ++attached <= 2) {
      const Json refused = Json().set("error", "You are in no channel #ops.");
      if (attached == 1) return {refused};
      Json told = Json().set("ev", "channel");
      put_channel(told, ops());
      return {refused, told};
    }
    if (what != "post") return {};
    Client::Post p = post(1, ask.str("text"));
    p.draft = 4;
    return {Json().set("draft_only", std::uint64_t{4}), event(p)};
  });
  const Ran ran = moot({"send", "#ops", "hello"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(attached, 3);
}

TEST_F(SendCommand, WhatCannotBeSentStaysAndSaysWhoIsMissing) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    Client::Channel c = ops();
    c.status = "few";
    c.leader.clear();
    c.online_n = 1;
    if (ask.str("do") == "channels_here") return {line(c)};
    if (ask.str("do") != "post") return {};
    Client::Post p = post(1, ask.str("text"));
    p.id.clear();
    p.draft = 4;
    p.state = Client::State::queued;
    p.acks.clear();
    p.acks_n = 0;
    return {Json().set("draft_only", std::uint64_t{4}), event(p)};
  });
  const Ran ran = moot({"send", "#ops", "hello", "--json", "--timeout", "50ms"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.out, HasSubstr("\"id\":\"\""));
  EXPECT_THAT(ran.out, HasSubstr("\"state\":\"queued\",\"acks\":[],\"error\":\"#ops needs 3 people "
                                 "online and has 1: 2 people are missing.\"}"));
  EXPECT_THAT(ran.err, HasSubstr("in the outbox"));
  EXPECT_THAT(ran.err, HasSubstr("has 1: 2 people are missing."));
  EXPECT_EQ(moot({"send", "#ops", "hello", "--wait", "queued"}).code, kDone);
}

TEST_F(SendCommand, WhoIsRefusedByTheServerHearsFirstWhatIsOnDisk) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") return {line(ops())};
    if (ask.str("do") != "post") return {};
    Client::Post p = post(1, ask.str("text"));
    p.id.clear();
    p.draft = 4;
    p.state = Client::State::queued;
    const Json refused =
        Json().set("ev", "disconnected").set("text", "Set your clock.").set("refused", true);
    return {Json().set("draft_only", std::uint64_t{4}), refused, event(p)};
  });
  const Ran ran = moot({"send", "#ops", "hello", "--json"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.out, HasSubstr("\"at\":\"2023-12-15T02:41:57.001Z\",\"text\":\"hello\""));
  EXPECT_THAT(ran.err, HasSubstr("Set your clock."));
}

// The owner took it and told nothing more in time.
TEST_F(SendCommand, WhatIsGivenUpBeforeAnythingWasToldOfItIsShownWhole) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") return {line(ops())};
    if (ask.str("do") == "post") return {Json().set("draft_only", std::uint64_t{4})};
    if (ask.str("do") == "send") return {Json().set("id", post(1).id)};
    return {};
  });
  for (const auto& [to, named] :
       {std::pair{"#ops", "\"channel\":\"ops\""}, {"@bob", "\"to\":\"bob\""}}) {
    const Ran ran = moot({"send", to, "hello", "--json", "--timeout", "50ms"});
    EXPECT_EQ(ran.code, kFailed);
    EXPECT_THAT(ran.out, HasSubstr(named));
    EXPECT_THAT(ran.out, HasSubstr("\"from\":\"ada\""));
    EXPECT_THAT(ran.out, HasSubstr("\"text\":\"hello\",\"state\":\"queued\""));
    EXPECT_THAT(ran.out, Not(HasSubstr("1970")));
  }
}

}  // namespace
}  // namespace moot::app
