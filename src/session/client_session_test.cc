#include "session/client_session.h"

#include <gtest/gtest.h>

namespace moot::session {
namespace {

constexpr std::uint64_t kN = 41;
using Kind = ClientSession::Delivered::Kind;

class ClientSessionTest : public testing::Test {
 protected:
  ClientSessionTest() {
    identity_ = {*UserId::parse("ada"), Kid{}, "moot.example"};
    info_.srv = "moot.example";
    info_.server_name = "moot";
    info_.timeout_s = 180;
    info_.max_frame = 262144;
    info_.max_msg = 16384;
    info_.features = features_;
    info_.chal.octets.fill(9);
    info_.now = 1'005'000;
  }
  Kind feed(ClientSession& s, std::uint64_t nonce, const s::Any& cmd, bool zeros,
            bool mac_ok = true, Dir dir = Dir::server) {
    wire_.clear();
    Buffer fields;
    const auto pairs = wire::encode_fields(fields, cmd);
    const auto slot =
        wire::put_frame(wire_, dir, nonce, 1000, {wire::name_of(cmd), pairs, fields.bytes()});
    std::memset(wire_.data() + slot.sig, zeros ? '0' : 'a', 128);
    wire::FrameReader reader;
    EXPECT_EQ(reader.next(wire_.bytes(), limits::kFrameBytesMax), wire::FrameReader::Status::frame);
    return s.accept(reader.frame(), mac_ok, now_, arena_).kind;
  }
  ClientSession open() {
    ClientSession s(identity_, kN, true);
    EXPECT_EQ(feed(s, 0, info_, true), Kind::answer_greeting);
    Buffer out;
    std::vector<Unsigned> to_sign;
    s.put_cnn(out, now_, std::nullopt, to_sign);
    EXPECT_EQ(feed(s, ~kN, info_, false), Kind::opened);
    return s;
  }

  ClientIdentity identity_;
  std::string_view features_[2] = {"offline", "batch"};
  s::Sinfo info_;
  Now now_{{0}, {1'000'000}};
  Arena arena_;
  Buffer wire_;
};

TEST_F(ClientSessionTest, OpensWhenTheSignedSinfoRepeatsTheGreeting) {
  ClientSession s = open();
  EXPECT_EQ(s.phase(), ClientSession::Phase::open);
  EXPECT_TRUE(s.outgoing().batch());
  EXPECT_EQ(s.clock_offset_ms(), 5000);
  EXPECT_EQ(s.outgoing().next_nonce(), kN + 1);
  EXPECT_EQ(s.seen(), ~kN);
}

TEST_F(ClientSessionTest, AServerClockHalfTheRangeAwayIsTakenAsTold) {
  info_.now = 1ull << 63;
  const ClientSession s = open();
  EXPECT_EQ(s.server_now(now_).ms, info_.now);
}

TEST_F(ClientSessionTest, AU_12_ClosesWhenTheGreetingWasAltered) {
  for (int field = 0; field < 5; ++field) {
    ClientSession s(identity_, kN, true);
    s::Sinfo greeting = info_;
    if (field == 0) greeting.max_frame = 1 << 20;
    if (field == 1) greeting.chal.octets[0] ^= 1;
    if (field == 2) greeting.features = std::span(features_).first(1);
    if (field == 3) greeting.timeout_s = 1;
    if (field == 4) greeting.version = "0.0";
    EXPECT_EQ(feed(s, 0, greeting, true), Kind::answer_greeting);
    EXPECT_EQ(feed(s, ~kN, info_, false), Kind::close) << field;
  }
}

TEST_F(ClientSessionTest, TakesNoGreetingOfAnotherServerAndNoSignedOne) {
  ClientSession other(identity_, kN, true);
  s::Sinfo greeting = info_;
  greeting.srv = "else.example";
  EXPECT_EQ(feed(other, 0, greeting, true), Kind::close);
  ClientSession is_signed(identity_, kN, true);
  EXPECT_EQ(feed(is_signed, 0, info_, false), Kind::close);
  ClientSession numbered(identity_, kN, true);
  EXPECT_EQ(feed(numbered, 1, info_, true), Kind::close);
}

TEST_F(ClientSessionTest, AU_03_TakesNoFrameOfAClient) {
  ClientSession s = open();
  EXPECT_EQ(feed(s, ~kN + 1, s::UsrRmd{.id = *UserId::parse("a")}, false, true, Dir::client),
            Kind::close);
}

TEST_F(ClientSessionTest, TakesOnlyTheNextNonceSignedWithItsKey) {
  ClientSession repeat = open();
  EXPECT_EQ(feed(repeat, ~kN, s::UsrRmd{}, false), Kind::close);
  ClientSession forged = open();
  EXPECT_EQ(feed(forged, ~kN + 1, s::UsrRmd{.id = *UserId::parse("a")}, false, false), Kind::close);
  ClientSession zeros = open();
  EXPECT_EQ(feed(zeros, ~kN + 1, s::UsrRmd{.id = *UserId::parse("a")}, true), Kind::close);
  ClientSession good = open();
  EXPECT_EQ(feed(good, ~kN + 1, s::UsrRmd{.id = *UserId::parse("a")}, false), Kind::deliver);
  EXPECT_EQ(good.seen(), ~kN + 1);
}

TEST_F(ClientSessionTest, ADcnnInsteadOfSinfoEndsIt) {
  ClientSession s(identity_, kN, true);
  EXPECT_EQ(feed(s, 0, info_, true), Kind::answer_greeting);
  EXPECT_EQ(feed(s, ~kN, s::Dcnn{.code = "clock", .message = "x"}, false), Kind::deliver);
  EXPECT_EQ(s.phase(), ClientSession::Phase::ended);
}

// security.md 3.1: who was not told that there is a wall takes no unsigned frame, and who was told
// takes no other.
TEST_F(ClientSessionTest, AU_11_ZerosAreTakenOnlyByWhoWasToldOfAWall) {
  ClientSession key = open();
  EXPECT_EQ(feed(key, ~kN + 1, info_, true), Kind::close);
  identity_.wall = true;
  identity_.kid.reset();
  for (const bool zeros : {true, false}) {
    ClientSession wall(identity_, kN, true);
    EXPECT_EQ(feed(wall, 0, info_, true), Kind::answer_greeting);
    Buffer out;
    std::vector<Unsigned> to_sign;
    wall.put_cnn(out, now_, std::nullopt, to_sign);
    EXPECT_EQ(as_text(out.bytes()).find("kid"), std::string_view::npos);
    EXPECT_EQ(feed(wall, ~kN, info_, zeros), zeros ? Kind::opened : Kind::close);
  }
}

}  // namespace
}  // namespace moot::session
