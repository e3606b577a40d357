#include "session/server_session.h"

#include <gtest/gtest.h>

#include <ostream>

#include "base/hex.h"

namespace moot::session {

std::ostream& operator<<(std::ostream& os, const Verdict& v) {
  static constexpr std::string_view kKinds[] = {"deliver", "close", "dcnn "};
  os << kKinds[static_cast<int>(v.kind)];
  if (v.kind == Verdict::Kind::dcnn) os << text(v.code);
  return os;
}

namespace {

constexpr std::uint64_t kN = 15074760468938913545ull;
constexpr std::uint64_t kUnix = 1702622553;

class ServerSessionTest : public testing::Test {
 protected:
  ServerSessionTest() {
    info_.srv = "moot.example";
    info_.server_name = "moot";
    chal_.octets.fill(7);
    cnn_ = {.id = *UserId::parse("ada"),
            .kid = Kid{},
            .srv = "moot.example",
            .chal = chal_,
            .batch = true};
  }

  ServerSession make(ListenerRules rules = {}) {
    return {rules, info_, chal_, now_, limits::kCnnTimeout};
  }

  // A frame of the client in `wire_`; the signature is left to `mac_ok` except its being zeros.
  wire::Frame frame(std::uint64_t nonce, const c::Any& cmd, std::uint64_t ts = kUnix,
                    Dir dir = Dir::client) {
    wire_.clear();
    Buffer fields;
    const auto pairs = wire::encode_fields(fields, cmd);
    const auto slot =
        wire::put_frame(wire_, dir, nonce, ts, {wire::name_of(cmd), pairs, fields.bytes()});
    std::memset(wire_.data() + slot.sig, zeros_ ? '0' : 'a', 128);
    wire::FrameReader reader;
    EXPECT_EQ(reader.next(wire_.bytes(), limits::kFrameBytesMax), wire::FrameReader::Status::frame);
    return reader.frame();
  }

  Verdict connect(ServerSession& s, CredentialFacts facts = {.usable = true}, bool mac_ok = true,
                  std::uint64_t ts = kUnix) {
    const auto claim = s.read_cnn(frame(kN, cnn_, ts), arena_);
    if (!claim) return Verdict::silent();
    return s.judge_cnn(*claim, mac_ok, facts, now_);
  }
  ServerSession open() {
    ServerSession s = make();
    EXPECT_EQ(connect(s).kind, Verdict::Kind::deliver);
    return s;
  }
  static std::string told(const Verdict& v) {
    std::ostringstream os;
    os << v;
    return os.str();
  }

  ServerInfo info_;
  Challenge chal_;
  Now now_{{1000}, {kUnix * 1000}};
  c::Cnn cnn_;
  Arena arena_;
  Buffer wire_;
  bool zeros_ = false;
};

TEST_F(ServerSessionTest, OpensForAGoodCnnAndNumbersItsFramesFromNotN) {
  ServerSession s = open();
  EXPECT_TRUE(s.open());
  EXPECT_EQ(s.outgoing().next_nonce(), ~kN);
  EXPECT_TRUE(s.outgoing().batch());
}

TEST_F(ServerSessionTest, FailsSilentlyWhateverIsWrongWithWhoItIs) {
  struct Case {
    bool usable, mac_ok;
  };
  for (const Case c : {Case{false, true}, Case{true, false}, Case{false, false}}) {
    ServerSession s = make();
    EXPECT_EQ(told(connect(s, {.usable = c.usable}, c.mac_ok)), "close");
    EXPECT_FALSE(s.open());
  }
}

TEST_F(ServerSessionTest, AU_07_WantsTheChallengeOfThisConnection) {
  ServerSession a = make();
  cnn_.chal->octets[0] ^= 1;
  EXPECT_EQ(told(connect(a)), "dcnn chal");
  ServerSession b = make();
  cnn_.chal.reset();
  EXPECT_EQ(told(connect(b)), "dcnn chal");
}

TEST_F(ServerSessionTest, AU_05_WantsItsOwnName) {
  ServerSession a = make();
  cnn_.srv = "other.example";
  EXPECT_EQ(told(connect(a)), "dcnn srv");
  ServerSession b = make();
  cnn_.srv.reset();
  EXPECT_EQ(told(connect(b)), "dcnn srv");
}

TEST_F(ServerSessionTest, AU_06_TellsAClockThatIsTooFarAway) {
  for (const auto& [off, want] :
       {std::pair{900, "deliver"}, {901, "dcnn clock"}, {-900, "deliver"}, {-901, "dcnn clock"}}) {
    ServerSession s = make();
    EXPECT_EQ(told(connect(s, {.usable = true}, true, kUnix + static_cast<std::uint64_t>(off))),
              want)
        << off;
  }
  ServerSession far = make();
  EXPECT_EQ(told(connect(far, {.usable = true}, true, ~0ull)), "dcnn clock");
}

TEST_F(ServerSessionTest, TheLiteralCnnNeedsAListenerThatTakesIt) {
  cnn_ = {.id = *UserId::parse("ada")};
  ServerSession required = make();
  EXPECT_EQ(told(connect(required)), "dcnn chal");
  ServerSession optional = make({.challenge_required = false});
  EXPECT_EQ(told(connect(optional)), "deliver");
  ServerSession late = make({.challenge_required = false});
  EXPECT_EQ(told(connect(late, {.usable = true}, true, kUnix - 121)), "dcnn clock");
  ServerSession again = make({.challenge_required = false});
  EXPECT_EQ(told(connect(again, {.usable = true, .nonce_seen = true})), "dcnn replay");
}

TEST_F(ServerSessionTest, AU_08_APinnedCredentialNeverGoesBackToTheLiteralCnn) {
  cnn_ = {.id = *UserId::parse("ada")};
  ServerSession s = make({.challenge_required = false});
  EXPECT_EQ(told(connect(s, {.usable = true, .chal_pinned = true})), "dcnn chal");
}

TEST_F(ServerSessionTest, AU_13_WantsTheBindingOfThisTlsConnection) {
  Binding here;
  here.octets.fill(1);
  cnn_.cb = here;
  ServerSession good = make();
  EXPECT_EQ(told(connect(good, {.usable = true, .channel_binding = here})), "deliver");
  ServerSession other = make();
  cnn_.cb->octets[5] ^= 1;
  EXPECT_EQ(told(connect(other, {.usable = true, .channel_binding = here})), "dcnn proto");
  ServerSession pinned = make();
  cnn_.cb.reset();
  EXPECT_EQ(told(connect(pinned, {.usable = true, .cb_pinned = true, .channel_binding = here})),
            "dcnn proto");
}

TEST_F(ServerSessionTest, BehindAFrontTheChannelBindingIsNotOurs) {
  cnn_.cb.emplace();
  ServerSession fronted = make({.auth = Auth::wall_key, .fronted = true});
  EXPECT_EQ(told(connect(fronted, {.usable = true})), "deliver");
  // A key that once proved a binding is not used where none can be proved.
  ServerSession pinned = make({.auth = Auth::wall_key, .fronted = true});
  EXPECT_EQ(told(connect(pinned, {.usable = true, .cb_pinned = true})), "dcnn proto");
}

TEST_F(ServerSessionTest, AU_11_ZerosAreNoSignatureOnAKeyListenerAndTheOnlyOneBehindAWall) {
  zeros_ = true;
  ServerSession key = make();
  EXPECT_FALSE(key.read_cnn(frame(kN, cnn_), arena_));
  ServerSession wall = make({.auth = Auth::wall});
  EXPECT_TRUE(wall.read_cnn(frame(kN, cnn_), arena_));
  zeros_ = false;
  EXPECT_FALSE(wall.read_cnn(frame(kN, cnn_), arena_));
  ServerSession opened = open();
  zeros_ = true;
  EXPECT_EQ(told(opened.accept(frame(kN + 1, c::Info{}), true, now_).verdict), "close");
}

TEST_F(ServerSessionTest, TakesNothingButCnnFirst) {
  ServerSession s = make();
  EXPECT_FALSE(s.read_cnn(frame(kN, c::Kalive{}), arena_));
}

TEST_F(ServerSessionTest, AU_04_TakesTheNextNonceAndNoOther) {
  for (const std::int64_t step : {-1, 0, 2}) {
    ServerSession s = open();
    EXPECT_EQ(
        told(s.accept(frame(kN + static_cast<std::uint64_t>(step), c::Info{}), true, now_).verdict),
        "dcnn proto");
  }
  ServerSession s = open();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const auto d = s.accept(frame(kN + i, c::Info{}), true, now_);
    EXPECT_EQ(told(d.verdict), "deliver");
    EXPECT_EQ(d.nonce, kN + i);
  }
}

// R5, with as few frames as a test can make.
TEST_F(ServerSessionTest, EndsBeforeAConnectionHasUsedItsNonces) {
  EXPECT_EQ(info_.frames_max, std::uint64_t{1} << 32);
  info_.frames_max = 4;
  ServerSession s = open();  // CNN is the first
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(told(s.accept(frame(kN + i, c::Info{}), true, now_).verdict), "deliver");
  }
  EXPECT_EQ(told(s.accept(frame(kN + 4, c::Info{}), true, now_).verdict), "dcnn proto");
}

TEST_F(ServerSessionTest, AU_01_SaysNothingToAFrameWithoutItsSignature) {
  ServerSession s = open();
  EXPECT_EQ(told(s.accept(frame(kN + 1, c::Info{}), false, now_).verdict), "close");
}

TEST_F(ServerSessionTest, AU_03_RefusesItsOwnFramesReflected) {
  ServerSession s = open();
  EXPECT_EQ(
      told(s.accept(frame(kN + 1, c::ChVote{.user = *UserId::parse("bob")}, kUnix, Dir::server),
                    true, now_)
               .verdict),
      "dcnn proto");
}

TEST_F(ServerSessionTest, AU_06_EndsAConnectionWhoseFramesAreStale) {
  ServerSession s = open();
  EXPECT_EQ(told(s.accept(frame(kN + 1, c::Info{}, kUnix - 300), true, now_).verdict), "deliver");
  EXPECT_EQ(told(s.accept(frame(kN + 2, c::Info{}, kUnix - 301), true, now_).verdict),
            "dcnn stale");
}

TEST_F(ServerSessionTest, MeasuresTimestampsAgainstTheClockTheClientCameWith) {
  ServerSession s = make();
  ASSERT_EQ(connect(s, {.usable = true}, true, kUnix + 800).kind, Verdict::Kind::deliver);
  EXPECT_EQ(told(s.accept(frame(kN + 1, c::Info{}, kUnix + 1100), true, now_).verdict), "deliver");
  EXPECT_EQ(told(s.accept(frame(kN + 2, c::Info{}, kUnix + 400), true, now_).verdict),
            "dcnn stale");
}

TEST_F(ServerSessionTest, ASecondCnnEndsTheConnection) {
  ServerSession s = open();
  EXPECT_EQ(told(s.accept(frame(kN + 1, cnn_), true, now_).verdict), "dcnn proto");
}

TEST_F(ServerSessionTest, DropsWhoSendsNoCnnInTimeAndTellsWhoFallsSilent) {
  ServerSession s = make();
  EXPECT_EQ(s.deadline(), now_.tick + limits::kCnnTimeout);
  Now late = now_;
  late.tick = s.deadline();
  EXPECT_EQ(told(s.on_deadline(late)), "close");
  ServerSession o = open();
  late.tick = now_.tick + std::chrono::seconds{189};
  EXPECT_EQ(told(o.on_deadline(late)), "deliver");
  late.tick = now_.tick + std::chrono::seconds{190};
  EXPECT_EQ(told(o.on_deadline(late)), "dcnn timeout");
}

TEST_F(ServerSessionTest, FR_07_DO_01_AFrameThatTricklesInHasADeadline) {
  ServerSession o = open();
  o.on_octets(now_, false, 1);
  EXPECT_EQ(o.deadline(), now_.tick + limits::kHeaderDeadline);
  Now later = now_;
  later.tick = now_.tick + std::chrono::seconds{4};
  o.on_octets(later, false, 10 * 1024);
  EXPECT_EQ(o.deadline(), now_.tick + std::chrono::seconds{15}) << "1 KiB a second is fast enough";
  o.on_octets(later, true, 0);
  EXPECT_EQ(o.deadline(), now_.tick + std::chrono::seconds{190});
}

TEST_F(ServerSessionTest, FR_07_DO_01_AFrameBegunBehindAWholeOneHasADeadlineOfItsOwn) {
  ServerSession o = open();
  o.on_octets(now_, false, 1);
  Now later = now_;
  later.tick = now_.tick + std::chrono::seconds{4};
  // One read: the end of the first frame and an octet of the second. What is accepted is accepted
  // when all that was read has been looked at.
  o.on_octets(later, true, 1);
  EXPECT_EQ(told(o.accept(frame(kN + 1, c::Info{}), true, later).verdict), "deliver");
  EXPECT_EQ(o.deadline(), later.tick + limits::kHeaderDeadline);
  later.tick = o.deadline();
  EXPECT_EQ(told(o.on_deadline(later)), "dcnn timeout");
}

TEST_F(ServerSessionTest, SendsWithinTheFrameToldLastAndTakesTheLargestOneTold) {
  info_.max_frame = 65'536;
  ServerSession s = open();
  info_.max_frame = 8'192;
  s.reconfigured();
  EXPECT_EQ(s.sinfo(now_).max_frame, 8'192u);
  EXPECT_EQ(s.payload_max(), 65'536u) << "the client may have sent such a frame already";
  const std::vector<std::uint8_t> text(3'000, 'x');
  Buffer fields;
  const auto pairs = wire::encode_fields(fields, c::PvMsg{.msg = text});
  const wire::Body body{"PV_MSG", pairs, fields.bytes()};
  const std::vector<wire::Body> four(4, body);
  std::vector<Unsigned> to_sign;
  Buffer out;
  s.outgoing().put(out, 1, four, to_sign);
  EXPECT_EQ(to_sign.size(), 2u) << "two of them in a BATCH";
  for (const Unsigned& u : to_sign) EXPECT_LE(u.slot.payload_len, 8'192u);
  info_.max_frame = 131'072;
  s.reconfigured();
  EXPECT_EQ(s.payload_max(), 131'072u);
}

TEST_F(ServerSessionTest, KnowsWhichNoncesItSent) {
  ServerSession s = open();
  EXPECT_EQ(s.sent_index(~kN), std::nullopt);
  std::vector<Unsigned> to_sign;
  Buffer out;
  const wire::Body body{"USR_RMD", 0, {}};
  s.outgoing().put(out, 1, {&body, 1}, to_sign);
  EXPECT_EQ(s.sent_index(~kN), 0u);
  EXPECT_EQ(s.sent_index(~kN + 1), std::nullopt);
}

}  // namespace
}  // namespace moot::session
