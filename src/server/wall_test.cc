#include <gtest/gtest.h>

#include "server/core_harness.h"
#include "server/wall_subject.h"

// Identities that a wall vouches for: what they may be, and that they end like keys.
namespace moot::server {
namespace {

const WallIdentity kUid{CredentialKind::unix_uid, "1000"};

Kid kid_of(unsigned n) { return Harness::made(n).kid; }

std::string refusal(const Result<Core::Done>& done) {
  return done ? std::string("done") : done.error().message;
}

struct Wall : testing::Test {
  std::string add(std::string_view account, const WallIdentity& identity, const Kid& kid) {
    return refusal(h.core().key_add_wall(h.now(), "test", account, "", identity, kid, h));
  }
  // A connection whose CNN a wall, or a key behind a wall, answered for.
  ConnId admit(const Kid& kid, std::optional<Kid> wall = std::nullopt) {
    const ConnId conn{++next};
    h.core().admit(h.now(), {.conn = conn, .kid = kid, .nonce = next, .wall = wall}, h);
    return conn;
  }
  Harness h{{"ada", "bob"}};
  std::uint64_t next = 500;
};

TEST_F(Wall, AnIdentityIsFoundUntilItIsRevoked) {
  EXPECT_EQ(h.core().find_wall(kUid), nullptr);
  EXPECT_EQ(add("ada", kUid, kid_of(7)), "done");
  const Credential* c = h.core().find_wall(kUid);
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->account.str(), "ada");
  EXPECT_TRUE(c->sealed.empty());
  EXPECT_EQ(h.core().find_wall({CredentialKind::proxy_cn, "1000"}), nullptr);
  h.sync();
  h.restart();
  ASSERT_NE(h.core().find_wall(kUid), nullptr);
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", kid_of(7), h));
  EXPECT_EQ(h.core().find_wall(kUid), nullptr);
  EXPECT_TRUE(h.core().revoked_wall(kUid));
  h.sync();
  h.restart();
  EXPECT_TRUE(h.core().revoked_wall(kUid));
  EXPECT_EQ(add("bob", kUid, kid_of(8)), "done");  // free again
  EXPECT_FALSE(h.core().revoked_wall(kUid));
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().find_wall(kUid)->account.str(), "bob");
}

TEST_F(Wall, AnIdentityBelongsToOneAccount) {
  EXPECT_EQ(add("ada", kUid, kid_of(7)), "done");
  EXPECT_TRUE(has(add("bob", kUid, kid_of(8)), "That identity belongs to @ada"));
  EXPECT_TRUE(has(add("zoe", kUid, kid_of(8)), "There is no user @zoe"));
}

TEST_F(Wall, ANewAccountMayHaveAWallInPlaceOfItsFirstKey) {
  EXPECT_EQ(refusal(h.core().user_add_wall(h.now(), "test", "cyd", "", "desk", kUid, kid_of(7), h)),
            "done");
  EXPECT_EQ(h.core().credentials("cyd").size(), 1u);
  EXPECT_EQ(h.core().find_wall(kUid)->label, "desk");
  const WallIdentity bad{CredentialKind::unix_uid, "65534"};
  EXPECT_NE(refusal(h.core().user_add_wall(h.now(), "test", "dan", "", "", bad, kid_of(8), h)),
            "done");
  EXPECT_TRUE(h.core().credentials("dan").empty());
}

TEST_F(Wall, RevokingTheRecordEndsItsConnections) {
  add("ada", kUid, kid_of(7));
  const ConnId conn = admit(kid_of(7));
  h.sync();
  h.log();
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", kid_of(7), h));
  h.sync();
  EXPECT_TRUE(has(h.heard(conn), "DCNN revoked"));
}

TEST_F(Wall, RevokingTheSecondFactorEndsTheConnectionsOfTheKey) {
  h.add_device("ada", 1);
  h.restart();
  add("ada", kUid, kid_of(7));
  const ConnId both = admit(Harness::kid("ada"), kid_of(7));
  const ConnId key_alone = h.connect("ada", 1);
  h.sync();
  h.log();
  ASSERT_TRUE(h.core().key_revoke(h.now(), "test", kid_of(7), h));
  h.sync();
  const std::string told = h.log();
  EXPECT_TRUE(has(told, "DCNN revoked")) << told;
  h.say(key_alone, c::Info{});
  h.sync();
  EXPECT_FALSE(has(h.heard(key_alone), "DCNN"));
  h.gone(both);
}

TEST_F(Wall, NothingIsKeptForARecordThatOnlyEverStandsBesideAKey) {
  add("ada", kUid, kid_of(7));
  h.gone(admit(Harness::kid("ada"), kid_of(7)));
  h.sync();
  const ConnId bob = h.connect("bob");
  h.say(bob, c::PvMsg{.to = Harness::user("ada"), .msg_id = Harness::id(1), .msg = as_bytes("x")});
  h.sync();
  std::size_t kept = 0;
  for (const op::Any& o : h.ops()) {
    const auto* put = std::get_if<op::PutOffline>(&o);
    if (put == nullptr || put->copy.own) continue;
    EXPECT_EQ(put->copy.kid, Harness::kid("ada"));
    ++kept;
  }
  EXPECT_EQ(kept, 1u);
}

TEST(WallSubject, OfEachKindIsTakenInOneForm) {
  const UserId ada = Harness::user("ada");
  const std::string pin(64, 'a');
  struct Case {
    CredentialKind kind;
    std::string given;
    bool taken;
  };
  const std::string_view nul("ada\0.evil", 9);
  for (const Case& c :
       std::initializer_list<Case>{{CredentialKind::x509_spki, pin, true},
                                   {CredentialKind::x509_spki, std::string(64, 'A'), false},
                                   {CredentialKind::x509_spki, pin.substr(1), false},
                                   {CredentialKind::x509_spki, "pin:" + pin, false},
                                   {CredentialKind::x509_uri, "moot:account/ada", true},
                                   {CredentialKind::x509_uri, "moot:account/bob", false},
                                   {CredentialKind::x509_uri, "moot:account/", false},
                                   {CredentialKind::x509_uri, "ada", false},
                                   {CredentialKind::proxy_cn, "ada-laptop", true},
                                   {CredentialKind::proxy_cn, "Ada", false},
                                   {CredentialKind::proxy_cn, std::string(nul), false},
                                   {CredentialKind::proxy_cn, "invite", false},
                                   {CredentialKind::proxy_cn, "", false},
                                   {CredentialKind::proxy_cn, std::string(33, 'a'), false},
                                   {CredentialKind::unix_uid, "0", true},
                                   {CredentialKind::unix_uid, "1000", true},
                                   {CredentialKind::unix_uid, "4294967294", true},
                                   {CredentialKind::unix_uid, "4294967295", false},
                                   {CredentialKind::unix_uid, "65534", false},
                                   {CredentialKind::unix_uid, "01000", false},
                                   {CredentialKind::unix_uid, "-1", false},
                                   {CredentialKind::unix_uid, "ada", false},
                                   {CredentialKind::hmac, "x", false},
                                   {CredentialKind::invite, "x", false}}) {
    const auto got = wall_subject(c.kind, c.given, ada);
    EXPECT_EQ(got.has_value(), c.taken) << c.given;
    EXPECT_EQ(got.value_or(c.given), c.given);
  }
}

}  // namespace
}  // namespace moot::server
