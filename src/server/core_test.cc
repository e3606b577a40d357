#include "server/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/cnn_nonces.h"
#include "server/core_harness.h"

namespace moot::server {
namespace {

// ---- frames ----

TEST(Frames, TheTwentiethSenselessOneOfAMinuteEndsTheConnection) {
  Harness h({"ada"});
  const ConnId ada = h.connect("ada");
  h.log();
  for (int i = 0; i < 19; ++i) h.say(ada, c::UsrSet{.status = UserStatus::offline});
  EXPECT_FALSE(has(h.log(), "DCNN proto"));
  h.say(ada, c::UsrSet{.status = UserStatus::offline});
  EXPECT_TRUE(has(h.log(), "DCNN proto"));
}

TEST(Frames, ABatchIsHandledInOrderAndItsRefusalsNameTheirPlace) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  h.say_batch(ada, {c::Any{pv("bob", 1)}, c::Any{pv("zoe", 2)}, c::Any{pv("bob", 3)}});
  EXPECT_EQ(h.heard(bob), msg_line("ada", 1) + "\n" + msg_line("ada", 3) + "\n");
  const std::string told = h.heard(ada);
  EXPECT_TRUE(has(told, "ref=101") && has(told, "ref_index=1") && has(told, "unknown_user"))
      << told;
}

TEST(Frames, ABatchThatHoldsWhatItMayNotIsRefusedAsAWhole) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.log();
  h.say_batch(ada, {c::Any{pv("bob", 1)}, c::Any{c::Dcnn{}}});
  const std::string told = h.log();
  EXPECT_TRUE(has(told, "bad_payload") && !has(told, "MSG from") && !has(told, "finished")) << told;
}

TEST(Frames, ReadingPausesWhenTheRateIsUsedUp) {
  Config c = Harness::quiet_config();
  c.rates = {};
  Harness h({"ada", "bob"}, c);
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  for (unsigned n = 0; n < 200; ++n) h.say(ada, c::Kalive{});
  EXPECT_EQ(h.heard(ada), "");
  h.say(ada, c::Kalive{});
  EXPECT_EQ(h.heard(ada), "pause 50 ms\n");
  // What the server made a client send is not counted.
  for (unsigned n = 1; n <= 150; ++n) h.say(ada, pv("bob", n));
  h.heard(bob);
  for (unsigned n = 1; n <= 150; ++n) h.say(bob, ack("ada", n));
  for (unsigned n = 0; n < 200; ++n) h.say(bob, c::Kalive{});
  EXPECT_EQ(h.heard(bob), "");
}

TEST(Frames, AcknowledgingAgainAndAgainIsCounted) {
  Config c = Harness::quiet_config();
  c.rates = {};
  Harness h({"ada", "bob"}, c);
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.log();
  for (unsigned n = 0; n <= 100; ++n) h.say(bob, ack("ada", 1));
  EXPECT_EQ(h.heard(bob), "") << "one for the message, a hundred at double price";
  h.say(bob, ack("ada", 1));
  EXPECT_TRUE(has(h.heard(bob), "pause"));
}

// ---- credentials ----

TEST(Credentials, AU_15_TheSameKidReplacesItsOlderConnection) {
  Harness h({"ada"});
  const ConnId first = h.connect("ada");
  h.log();
  const ConnId second = h.connect("ada");
  EXPECT_EQ(h.heard(first), "DCNN replaced\n");
  EXPECT_EQ(h.heard(second), "SINFO\n");
  h.gone(first);
  EXPECT_TRUE(h.core().online(Harness::user("ada")));
}

TEST(Credentials, AU_14_RevokedRetiringAndExpiredKeys) {
  Harness h({"ada"});
  const auto usable = [&](const Kid& kid) {
    const Credential* c = h.core().find(Harness::user("ada"), kid);
    return c != nullptr && h.core().facts(*c, {}, h.now()).usable;
  };
  const Kid old = Harness::kid("ada");
  const ConnId ada = h.connect("ada");
  h.log();
  ASSERT_TRUE(
      h.core().key_rotate(h.now(), "test", old, std::chrono::hours{1}, Harness::made(5), h));
  EXPECT_TRUE(usable(old)) << "retiring";
  EXPECT_TRUE(usable(Harness::made(5).kid));
  h.pass(std::chrono::hours{1} + Seconds{2});
  EXPECT_FALSE(usable(old)) << "its overlap is over";
  h.sync();
  EXPECT_TRUE(has(h.heard(ada), "DCNN revoked"));
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", Harness::made(5).kid, h));
  EXPECT_FALSE(usable(Harness::made(5).kid));
  h.sync();
  h.restart();
  EXPECT_FALSE(usable(Harness::made(5).kid)) << "for ever";
  EXPECT_FALSE(usable(old));
}

TEST(Credentials, RevokingEndsTheConnectionsOfThatKeyOnceItIsOnDisk) {
  Harness h({"ada"});
  h.add_device("ada", 1);
  h.restart();
  const ConnId laptop = h.connect("ada");
  const ConnId phone = h.connect("ada", 1);
  h.log();
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", Harness::kid("ada"), h));
  EXPECT_EQ(h.heard(laptop), "");
  h.sync();
  EXPECT_EQ(h.heard(laptop), "DCNN revoked\n");
  EXPECT_EQ(h.heard(phone), "");
}

TEST(Credentials, EightAreTheMost) {
  Harness h({"ada"});
  for (unsigned n = 1; n <= 7; ++n)
    ASSERT_TRUE(h.core().key_add(h.now(), "test", "ada", "", Harness::made(n), h)) << n;
  const auto ninth = h.core().key_add(h.now(), "test", "ada", "", Harness::made(8), h);
  ASSERT_FALSE(ninth);
  EXPECT_TRUE(has(ninth.error().message, "8 keys"));
}

// Labels come from a command line as well, which holds any octets.
TEST(Credentials, ALabelIsTextWithoutControls) {
  Harness h({"ada"});
  const auto refusal = [&](std::string_view label) {
    const auto done = h.core().key_add(h.now(), "test", "ada", label, Harness::made(1), h);
    return done ? "" : done.error().message;
  };
  EXPECT_TRUE(has(refusal("caf\xe9"), "UTF-8"));
  EXPECT_TRUE(has(refusal("cut \xc2"), "UTF-8"));
  EXPECT_TRUE(has(refusal("\xed\xa0\x80"), "UTF-8")) << "a surrogate";
  EXPECT_TRUE(has(refusal("a\u009b"), "control characters"));
  EXPECT_TRUE(has(refusal(std::string(65, 'x')), "64 octets"));
  EXPECT_EQ(refusal("caf\u00e9"), "");
}

TEST(Credentials, AU_10_TheSameSecretIsNeverTwoKeys) {
  Harness h({"ada", "bob"});
  MadeKey key = Harness::made(1);
  ASSERT_TRUE(h.core().key_add(h.now(), "test", "ada", "", key, h));
  key.kid.octets[7] = 99;
  EXPECT_FALSE(h.core().key_add(h.now(), "test", "bob", "", key, h));
}

TEST(Accounts, ARemovedIdIsNeverUsedAgain) {
  Harness h({"ada", "bob"});
  const ConnId bob = h.connect("bob");
  h.log();
  ASSERT_TRUE(h.core().user_set_state(h.now(), "test", "bob", AccountState::removed, h));
  EXPECT_TRUE(has(h.heard(bob), "DCNN revoked"));
  const auto again = h.core().user_add(h.now(), "test", "bob", "", "", Harness::made(1), h);
  ASSERT_FALSE(again);
  EXPECT_TRUE(has(again.error().message, "never used again"));
}

// ---- invitations ----

TEST(Invitations, MakeAnAccountAndGiveTheSameAnswerUntilItsFirstCnn) {
  Harness h({"ada"});
  const MadeKey invite = Harness::made(7);
  ASSERT_TRUE(h.core().invite(h.now(), "test", 1, std::chrono::hours{24}, "", invite, h));
  h.sync();
  ConnId guest;
  h.connect_invite(guest, invite.kid);
  EXPECT_EQ(h.heard(guest), "SINFO\n");
  h.say(guest, pv("ada", 1));
  EXPECT_TRUE(has(h.heard(guest), "code=\"not_allowed\"")) << "an invitation is nobody";
  h.say(guest, c::Enrol{.id = Harness::user("ada")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"name_taken\""));
  h.say(guest, c::Enrol{.id = Harness::user("cyd"), .name = Name{"Cyd"}});
  EXPECT_EQ(h.heard(guest), "") << "no key leaves before it is on disk";
  h.sync();
  const std::string answer = h.heard(guest);
  EXPECT_TRUE(has(answer, "ENROLLED id=@cyd")) << answer;
  // The answer was lost: the same again.
  h.restart();
  h.connect_invite(guest, invite.kid);
  h.heard(guest);
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_EQ(h.heard(guest), answer);
  h.say(guest, c::Enrol{.id = Harness::user("dan")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"expired\"")) << "one use";
  // The first CNN with the new key ends that.
  const Kid made = *parse_kid(answer.substr(answer.find("kid=") + 4, 16));
  h.core().admit(h.now(), {.conn = ConnId{77}, .kid = made, .nonce = 5}, h);
  h.log();
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"name_taken\""));
}

TEST(Invitations, AKeyThatIsNoMoreIsNotGivenAgain) {
  Harness h({"ada"});
  const MadeKey invite = Harness::made(7);
  ASSERT_TRUE(h.core().invite(h.now(), "test", 2, std::chrono::hours{24}, "", invite, h));
  ConnId guest;
  h.connect_invite(guest, invite.kid);
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  h.sync();
  const std::string answer = h.heard(guest);
  const Kid made = *parse_kid(answer.substr(answer.find("kid=") + 4, 16));
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", made, h));
  h.sync();
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"expired\""));
  ASSERT_TRUE(h.core().user_set_state(h.now(), "test", "cyd", AccountState::removed, h));
  h.sync();
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"name_taken\""));
}

TEST(Invitations, WhoComesSecondForTheLastUseIsToldThatItIsUsedUp) {
  Harness h({"ada"});
  const MadeKey invite = Harness::made(7);
  ASSERT_TRUE(h.core().invite(h.now(), "test", 1, std::chrono::hours{24}, "", invite, h));
  ConnId one, two;
  h.connect_invite(one, invite.kid);
  h.connect_invite(two, invite.kid);
  h.heard(two);
  h.say_together(
      {{one, c::Enrol{.id = Harness::user("cyd")}}, {two, c::Enrol{.id = Harness::user("dan")}}});
  EXPECT_TRUE(has(h.heard(two), "code=\"expired\""));
}

TEST(Invitations, AKeyTravelsOverSecureConnectionsOnly) {
  Harness h({"ada"});
  const MadeKey invite = Harness::made(7);
  ASSERT_TRUE(h.core().invite(h.now(), "test", 1, std::chrono::hours{24}, "", invite, h));
  ConnId guest;
  h.connect_invite(guest, invite.kid, false);
  h.heard(guest);
  h.say(guest, c::Enrol{.id = Harness::user("cyd")});
  EXPECT_TRUE(has(h.heard(guest), "code=\"not_allowed\""));
}

TEST(Replay, AU_05_ALiteralCnnIsRefusedAfterARestartToo) {
  Harness h({"ada"});
  const Kid kid = Harness::kid("ada");
  h.core().admit(h.now(),
                 {.conn = ConnId{50},
                  .kid = kid,
                  .nonce = 42,
                  .timestamp = h.now().wall.seconds(),
                  .challenged = false},
                 h);
  EXPECT_EQ(h.heard(ConnId{50}), "") << "remembered on disk before anything answers";
  h.sync();
  EXPECT_EQ(h.heard(ConnId{50}), "SINFO\n");
  h.restart();
  session::Claim claim{.nonce = 42};
  EXPECT_TRUE(h.core().facts(*h.core().find(Harness::user("ada"), kid), claim, h.now()).nonce_seen);
  claim.nonce = 43;
  EXPECT_FALSE(
      h.core().facts(*h.core().find(Harness::user("ada"), kid), claim, h.now()).nonce_seen);
}

// R8: only who has the key fills it, and only for himself.
TEST(Replay, ALiteralCnnIsRefusedWhile1024AreRememberedOfItsCredential) {
  Harness h({"ada", "bob"});
  const auto refused = [&h](std::string_view user, bool challenged) {
    session::Claim claim{.nonce = 9'999};
    if (challenged) claim.cnn.chal.emplace();
    const Credential& c = *h.core().find(Harness::user(user), Harness::kid(user));
    return h.core().facts(c, claim, h.now()).nonce_seen;
  };
  const std::uint64_t begun = h.now().wall.seconds();
  for (std::uint64_t n = 0; n < limits::kReplayPerCredential; ++n) {
    EXPECT_FALSE(refused("ada", false)) << n;
    h.core().admit(h.now(),
                   {.conn = ConnId{50 + n},
                    .kid = Harness::kid("ada"),
                    .nonce = n,
                    .timestamp = begun + n / 1'000,
                    .challenged = false},
                   h);
  }
  EXPECT_TRUE(refused("ada", false));
  EXPECT_FALSE(refused("ada", true)) << "who answers a challenge is not concerned";
  EXPECT_FALSE(refused("bob", false));
  h.sync();
  h.restart();
  EXPECT_TRUE(refused("ada", false)) << "after a restart too";

  // The first thousand are over 240 s after their timestamp, and so leave the disk.
  h.pass(limits::kReplayKeep - Seconds{1});
  EXPECT_TRUE(refused("ada", false));
  h.pass(Seconds{2});
  EXPECT_FALSE(refused("ada", false));
  EXPECT_TRUE(std::ranges::any_of(
      h.ops(), [](const op::Any& o) { return std::holds_alternative<op::DropReplays>(o); }));
}

TEST(Replay, ACredentialsLast256NoncesAreRefused) {
  CnnNonces nonces({});
  const Kid kid = Harness::kid("ada");
  for (std::uint64_t n = 0; n < 300; ++n) nonces.add(kid, n);
  for (std::uint64_t n = 0; n < 300; ++n) EXPECT_EQ(nonces.seen(kid, n), n >= 44) << n;
  EXPECT_FALSE(nonces.seen(Harness::kid("bob"), 299));
  nonces.forget(kid);
  EXPECT_FALSE(nonces.seen(kid, 299));
}

TEST(Shutdown, StoresWhatIsUnderWayAndSaysGoodbye) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.connect("bob");
  h.say(ada, pv("bob", 1));
  h.log();
  h.core().shutdown(h.now(), 5, h);
  EXPECT_TRUE(has(h.log(), "DCNN shutdown"));
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 1u);
}

}  // namespace
}  // namespace moot::server
