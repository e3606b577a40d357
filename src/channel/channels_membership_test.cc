// Who may do what to a channel, and what each command answers (protocol.md 6.3).
#include <gtest/gtest.h>

#include <string>

#include "channel/channels_test_world.h"

namespace moot::test {
namespace {

using Lines = std::vector<std::string>;

struct Refusal {
  const char* command;
  const char* code;
};

class Membership : public testing::Test {
 protected:
  World w;
  // Members u0, u1, ... who are not connected.
  void populate(const std::string& channel, int n) {
    w.checks = false;  // they look at everything each time; once at the end will do
    for (int i = 0; i < n; ++i) {
      const std::string name = "u" + std::to_string(i);
      w.run("users " + name);
      ASSERT_TRUE(
          w.channels().add_member(w.now(), w.channel(channel), *UserId::parse(name), w.fx()));
    }
    w.checks = true;
    w.channels().check_invariants();
  }
  void expect(std::initializer_list<Refusal> refusals) {
    for (const Refusal& r : refusals) {
      EXPECT_EQ(w.refusal(r.command), r.code) << r.command;
      EXPECT_TRUE(w.fx().idle()) << r.command << " changed something";
    }
  }
};

TEST_F(Membership, EveryCommandAboutAnUnknownChannelIsNotFound) {
  w.all("users ada\nconnect ada");
  for (const char* command : {"join", "leave", "invite #no ada", "kick #no ada", "set #no topic=x",
                              "members", "attach", "msg #no m1", "ack #no m1", "commit #no m1",
                              "lead", "vote #no ada", "pull", "append", "merge"}) {
    std::string line = std::string("ada ") + command;
    if (line.find('#') == std::string::npos) line += " #no";
    EXPECT_EQ(w.refusal(line), "not_found") << line;
  }
}

TEST_F(Membership, EveryCommandOfSomebodyElseIsNotMember) {
  w.all("users ada ben\nconnect ada ben\nada create #a members");
  for (const char* command : {"leave #a", "invite #a ada", "kick #a ada", "set #a topic=x",
                              "members #a", "attach #a", "msg #a m1", "ack #a m1", "commit #a m1",
                              "lead #a", "vote #a ada", "pull #a", "append #a", "merge #a"}) {
    EXPECT_EQ(w.refusal(std::string("ben ") + command), "not_member") << command;
  }
}

TEST_F(Membership, WhatNeedsAReplicaIsNotAttachedWithoutOne) {
  w.all("users ada\nconnect ada\nada create #a members\nada create #s");
  for (const char* command : {"ack", "commit", "lead", "vote", "append", "merge"}) {
    for (const char* channel : {" #a m1", " #s m1"}) {
      std::string line = std::string("ada ") + command + channel;
      if (std::string(command) == "vote") line = line.substr(0, line.size() - 2) + "ada";
      EXPECT_EQ(w.refusal(line), "not_attached") << line;
    }
  }
}

TEST_F(Membership, CreateRefusesTakenNamesAndOtherContentUnderAKnownId) {
  w.all("users ada ben\nconnect ada ben\nada create #ops");
  expect({{"ben create #x name=OPS", "name_taken"},
          {"ben create #ops name=other", "conflict"},
          {"ada create #ops private", "conflict"},
          {"ada create #ops since_join", "conflict"},
          {"ada create #ops members", "conflict"},
          {"ada create #ops name=o\xcc\x88ps", "bad_payload"}});
}

TEST_F(Membership, CreateRepeatedByItsMakerAnswersAgainAndChangesNothing) {
  w.all("users ada\nconnect ada");
  const Lines first = w.run("ada create #ops");
  const Lines again = w.run("ada create #ops");
  EXPECT_EQ(World::count(first, "disk"), 2u);
  EXPECT_EQ(World::count(again, "disk"), 0u);
  EXPECT_EQ(World::count(again, "CH_UJOIN"), 1u);
  EXPECT_EQ(World::count(again, "CH_STATUS"), 1u);
}

TEST_F(Membership, KeepersThatTheServerDoesNotHaveAreUnsupported) {
  ChannelsConfig config = World::quiet();
  config.server_kept = false;
  World other(config);
  other.all("users ada\nconnect ada");
  EXPECT_EQ(other.refusal("ada create #a"), "unsupported");
  EXPECT_EQ(other.refusal("ada create #a members"), "");
}

TEST_F(Membership, NothingIsToldBeforeItIsOnDisk) {
  w.all("users ada ben\nconnect ada ben\ndisk slow");
  EXPECT_EQ(w.run("ada create #ops"), Lines{});
  EXPECT_EQ(w.run("ben join #ops"), Lines{});
  EXPECT_EQ(w.run("ben list"), Lines{});
  const Lines told = w.run("disk sync");
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(World::count(told, "CH_UJOIN channel=#ops user=@ben"), 1u);
  EXPECT_EQ(World::count(told, "LST_CH"), 1u);
  EXPECT_EQ(w.run("ben leave #ops"), Lines{});
  EXPECT_EQ(World::count(w.run("disk sync"), "CH_ULEAVE"), 1u);
}

TEST_F(Membership, APrivateChannelIsJoinedByInvitationAlone) {
  w.all("users ada ben cyd\nconnect ada ben\nada create #ops private");
  expect({{"ben join #ops", "not_allowed"}});
  EXPECT_EQ(World::count(w.run("ben list"), "channels=[]"), 1u);
  EXPECT_EQ(World::count(w.run("ada invite #ops ben"), "ben <- LST_CH"), 1u);
  EXPECT_EQ(World::count(w.run("ben list"), "invited=true"), 1u);
  // Told again at each connection, until he joins.
  EXPECT_EQ(World::count(w.run("connect ben.2"), "invited=true"), 1u);
  EXPECT_EQ(w.refusal("ben join #ops"), "");
  EXPECT_EQ(World::count(w.run("connect ben.3"), "invited=true"), 0u);
  // Leaving uses nothing: the invitation is gone with the joining.
  EXPECT_EQ(w.refusal("ben leave #ops"), "");
  expect({{"ben join #ops", "not_allowed"}});
}

TEST_F(Membership, AnInvitationMayBeDeclined) {
  w.all("users ada ben\nconnect ada ben\nada create #ops private\nada invite #ops ben");
  EXPECT_EQ(World::count(w.run("ben leave #ops"), "disk neither #ops @ben"), 1u);
  expect({{"ben join #ops", "not_allowed"}, {"ben leave #ops", "not_member"}});
}

TEST_F(Membership, OnlyOwnersAndAdminsInviteAndKick) {
  w.all(
      "users ada ben cyd dan\nconnect ada ben cyd\nada create #ops\nben join #ops\ncyd join #ops");
  expect({{"ben invite #ops dan", "not_allowed"},
          {"ben kick #ops cyd", "not_allowed"},
          {"ada invite #ops zoe", "unknown_user"},
          {"ada kick #ops zoe", "unknown_user"},
          {"ada kick #ops dan", "not_member"},
          {"ada kick #ops ada", "not_allowed"},
          {"ada invite #ops ben", ""}});
  w.run("ada set #ops roles=ben:admin");
  EXPECT_EQ(w.refusal("ben invite #ops dan"), "");
  EXPECT_EQ(w.refusal("ben kick #ops ada"), "not_allowed");
  EXPECT_EQ(World::count(w.run("ben kick #ops cyd"),
                         "CH_ULEAVE channel=#ops user=@cyd reason=\"kicked\""),
            1u);
}

TEST_F(Membership, WhoWasKickedStaysOutUntilInvited) {
  w.all("users ada ben\nconnect ada ben\nada create #ops\nben join #ops\nada kick #ops ben");
  expect({{"ben join #ops", "not_allowed"}});
  w.run("crash");
  w.run("connect ada ben");
  expect({{"ben join #ops", "not_allowed"}});
  w.run("ada invite #ops ben");
  EXPECT_EQ(w.refusal("ben join #ops"), "");
}

TEST_F(Membership, OnlyOwnersChangeAChannelAndItKeepsOne) {
  w.all(
      "users ada ben cyd\nconnect ada ben\nada create #ops\nada create #other\nben join #ops\n"
      "ada set #ops roles=ben:admin");
  expect({{"ben set #ops topic=x", "not_allowed"},
          {"ada set #ops name=Other", "name_taken"},
          {"ada set #ops name=o\xcc\x88ps", "bad_payload"},
          {"ada set #ops roles=cyd:owner", "not_member"},
          {"ada set #ops roles=ada:none", "not_allowed"},
          // Nothing of a command that is refused in part is done.
          {"ada set #ops topic=x name=other", "name_taken"}});
  EXPECT_EQ(w.report("#ops").state.topic, "");
  EXPECT_EQ(w.refusal("ada set #ops name=OPS topic=news roles=ada:none,ben:owner"), "");
  EXPECT_EQ(w.report("#ops").state.name, "OPS");
  EXPECT_EQ(w.refusal("ada set #ops topic=x"), "not_allowed");
}

TEST_F(Membership, AChangeIsToldToMembersWithoutAReplicaToo) {
  w.all(
      "users ada ben\nconnect ada ben\nada create #ops\nben join #ops\nada attach #ops\nwait 100");
  EXPECT_EQ(w.run("ada set #ops topic=news"), Lines{"disk channel #ops epoch=1"});
  EXPECT_EQ(World::count(w.run("wait 100"), "ada,ben <- CH_STATUS"), 1u);
}

TEST_F(Membership, TheLastOwnerStaysWhileOthersDo) {
  w.all("users ada ben\nconnect ada ben\nada create #ops\nben join #ops");
  expect({{"ada leave #ops", "not_allowed"}});
  EXPECT_EQ(w.refusal("ben leave #ops"), "");
  EXPECT_EQ(World::count(w.run("ada leave #ops"), "disk no channel #ops"), 1u);
  // The channel is gone, its name and id are free.
  EXPECT_EQ(w.refusal("ben join #ops"), "not_found");
  EXPECT_EQ(w.refusal("ben create #ops"), "");
}

TEST_F(Membership, ARemovedUserLeavesEverywhereAndAnOwnerIsLeftBehind) {
  w.all(
      "users ada ben cyd\nconnect ada ben cyd\nada create #ops\nben join #ops\ncyd join #ops\n"
      "ada set #ops roles=cyd:admin\nada create #mine");
  const Lines told = w.run("remove ada");
  EXPECT_EQ(World::count(told, "CH_ULEAVE channel=#ops user=@ada reason=\"removed\""), 1u);
  EXPECT_EQ(World::count(told, "disk member #ops @cyd owner"), 1u);
  EXPECT_EQ(World::count(told, "disk no channel #mine"), 1u);
}

TEST_F(Membership, TheLobbyHoldsEverybodyAndCannotBeLeft) {
  World lobby{ChannelsConfig{}};
  lobby.all("users ada ben\nconnect ada ben");
  EXPECT_EQ(lobby.report("#lobby").members.size(), 2u);
  EXPECT_EQ(lobby.refusal("ada leave #lobby"), "not_allowed");
  EXPECT_EQ(lobby.refusal("ada create #x name=Lobby"), "name_taken");
  EXPECT_FALSE(lobby.channels().share_channel(*UserId::parse("ada"), *UserId::parse("ben")));
  lobby.run("remove ada");
  EXPECT_EQ(lobby.report("#lobby").members.size(), 1u);
  lobby.run("crash");
  EXPECT_EQ(lobby.report("#lobby").members.size(), 1u);
}

TEST_F(Membership, ALobbyCanBeSwitchedOnAndOffWhileRunning) {
  w.all("users ada ben\nconnect ada ben");
  ChannelsConfig config = World::quiet();
  config.lobby = true;
  w.channels().configure(w.now(), config, w.fx());
  EXPECT_EQ(w.report("#lobby").members.size(), 2u);
  EXPECT_EQ(w.refusal("ada leave #lobby"), "not_allowed");
  config.lobby = false;
  w.channels().configure(w.now(), config, w.fx());
  EXPECT_EQ(w.refusal("ada leave #lobby"), "");
}

TEST_F(Membership, AUserIsInAtMost256Channels) {
  w.all("users ada ben\nconnect ada ben\nben create #one-more");
  for (int i = 0; i < 256; ++i) w.run("ada create #c" + std::to_string(i));
  expect({{"ada create #c256", "limit"}, {"ada join #one-more", "limit"}});
}

TEST_F(Membership, AMemberKeptChannelHasAtMost1000Members) {
  w.all("users ada\nconnect ada\nada create #ops members");
  populate("#ops", 999);
  w.all("users late\nconnect late");
  expect({{"late join #ops", "limit"}});
  // 1,000 are listed; the pages of CH_MEMBERS are 500 long.
  const Lines status = w.run("connect ada.2");
  EXPECT_EQ(World::count(status, "members_n"), 0u);
  EXPECT_EQ(World::count(status, "@u998"), 1u);
  const Lines page = w.run("ada members #ops");
  EXPECT_EQ(World::count(page, "more=true"), 1u);
  EXPECT_EQ(World::count(w.run("ada members #ops after=u546"), "more=true"), 1u);
  EXPECT_EQ(World::count(w.run("ada members #ops after=u547"), "more=false"), 1u);
}

TEST_F(Membership, BeyondAThousandMembersOnlyNumbersAreTold) {
  w.all("users ada\nconnect ada\nada create #big");
  populate("#big", 1000);
  const Lines status = w.run("connect ada.2");
  EXPECT_EQ(World::count(status, "members_n=1001 online_n=0"), 1u);
  EXPECT_EQ(World::count(status, "members=["), 0u);
  EXPECT_EQ(World::count(status, "acks=false"), 1u);
}

TEST_F(Membership, ListsShowPublicChannelsAndOnesOwnInPagesOf200) {
  w.all("users ada ben\nconnect ada ben\nada create #secret private");
  for (int i = 0; i < 200; ++i) w.run("ada create #p" + std::to_string(i));
  EXPECT_EQ(World::count(w.run("ada list"), "more=true"), 1u);
  EXPECT_EQ(World::count(w.run("ada list after=#secret"), "more=false"), 1u);
  const Lines ben = w.run("ben list");
  EXPECT_EQ(World::count(ben, "more=false"), 1u);
  EXPECT_EQ(World::count(ben, "secret"), 0u);
}

TEST_F(Membership, AReplicaOnASecondConnectionEndsTheFirst) {
  w.all(
      "users ada ben\nconnect ada ada.2 ben\nada create #a\nada create #b\nben join #a\n"
      "ada attach #a replica=one\nada attach #b replica=one");
  const Lines told = w.run("ada.2 attach #a replica=one");
  EXPECT_EQ(World::count(told, "ada <- DCNN replaced"), 1u);
  EXPECT_EQ(w.report("#b").online.size(), 0u);
  EXPECT_EQ(w.report("#a").online.size(), 1u);
  // Nobody ends somebody else's connection by naming his replica.
  EXPECT_EQ(w.refusal("ben attach #a replica=one"), "conflict");
  EXPECT_EQ(w.report("#a").online.size(), 1u);
}

TEST_F(Membership, AttachingAgainRepeatsTheAnswerAndChangesNothing) {
  w.all(
      "users ada ben\nconnect ada ben\nada create #a\nben join #a\nben attach #a\nada attach "
      "#a\nwait 100");
  const Lines again = w.run("ada attach #a");
  EXPECT_EQ(World::count(again, "ada <- CH_STATUS"), 1u);
  EXPECT_EQ(World::count(again, "ada <- CH_ELECTED"), 1u);
  EXPECT_EQ(w.run("wait 100"), Lines{});
}

TEST_F(Membership, StatusIsToldAtMostOnceIn100Milliseconds) {
  w.all(
      "users ada ben cyd\nconnect ada ben cyd\nada create #a\nben join #a\ncyd join #a\nada attach "
      "#a");
  w.run("wait 100");
  w.run("ben attach #a");
  w.run("cyd attach #a");
  const Lines told = w.run("wait 100");
  EXPECT_EQ(World::count(told, "CH_STATUS"), 1u);
  EXPECT_EQ(World::count(told, "online=[@ada @ben @cyd]"), 1u);
  EXPECT_EQ(w.run("wait 1000"), Lines{});
}

TEST_F(Membership, OperatorsGiveRolesAndRemoveChannels) {
  w.all("users ada ben\nconnect ada ben\nada create #ops\nben join #ops");
  Channels& c = w.channels();
  const ChannelId id = *c.find("OPS");
  EXPECT_TRUE(c.set_role(w.now(), id, *UserId::parse("ben"), Role::owner, w.fx()));
  EXPECT_FALSE(c.set_role(w.now(), id, *UserId::parse("zoe"), Role::owner, w.fx()));
  EXPECT_EQ(w.refusal("ben set #ops topic=x"), "");
  ASSERT_TRUE(c.remove(w.now(), id, w.fx()));
  EXPECT_FALSE(c.find("ops"));
  EXPECT_FALSE(c.remove(w.now(), id, w.fx()));
}

}  // namespace
}  // namespace moot::test
