#include "base/check.h"
#include "fuzz/session_frame.h"
#include "session/server_session.h"

// The server's session core against a model of the rules (security.md 1.6), with the MAC stubbed
// both ways: what it opens and what it delivers is exactly what the rules allow.
namespace moot::fuzz {
namespace {

using session::ServerSession;
using Kind = session::Verdict::Kind;

__extension__ using Wide = __int128;  // differences of any two timestamps

bool within(std::uint64_t a, std::uint64_t b, std::int64_t offset, Seconds window) {
  const Wide d = Wide{a} - Wide{b} - offset;
  return d <= window.count() && -d <= window.count();
}

class Connection {
 public:
  explicit Connection(Input& in) : in_(in) {
    const std::uint8_t bits = in.byte();
    constexpr session::Auth kAuth[] = {session::Auth::key, session::Auth::wall,
                                       session::Auth::wall_key, session::Auth::key};
    rules_.auth = kAuth[bits & 3];
    rules_.challenge_required = (bits & 4) == 0;
    info_.srv = "moot.example";
    info_.batch = (bits & 8) != 0;
    const std::uint8_t facts = in.byte();
    facts_.usable = (facts & 1) == 0;
    facts_.chal_pinned = (facts & 2) != 0;
    facts_.cb_pinned = (facts & 4) != 0;
    facts_.nonce_seen = (facts & 24) == 24;
    if ((facts & 32) != 0) facts_.channel_binding.emplace();
    chal_.octets.fill(0x40);
    session_.emplace(rules_, info_, chal_, now_, limits::kCnnTimeout);
  }

  void run() {
    for (unsigned steps = 0; steps < 64 && !in_.done() && alive_; ++steps) step();
  }

 private:
  void step() {
    switch (in_.byte() % 4) {
      case 0:
        return pass_time();
      case 1:
        return take(cnn_frame());
      case 2: {
        const Choices choices{in_.byte()};
        constexpr std::string_view kNames[] = {"KALIVE", "INFO", "CNN", "BATCH", "NOPE"};
        const std::string_view cmd = kNames[in_.byte() % std::size(kNames)];
        const std::uint64_t nonce = expected_ + (choices.bits >= 0xc0 ? in_.byte() : 0u);
        const wire::Body body{.cmd = cmd, .pairs = in_.byte() % 4u, .fields = in_.take(in_.byte())};
        return take(stubbed(Dir::client, nonce, timestamp(), body, choices));
      }
      default: {
        const Choices choices{in_.byte()};
        return take(stubbed("KALIVE", in_.take(in_.number(2) % 512), choices));
      }
    }
  }

  std::uint64_t timestamp() {
    const std::uint8_t how = in_.byte();
    if (how == 255) return in_.number(8);
    // Near the edges of the windows more often than not.
    constexpr std::int64_t kEdges[] = {0, 120, 121, 300, 301, 900, 901, 600};
    const std::int64_t d = kEdges[how & 7] + ((how & 8) != 0 ? in_.byte() : 0);
    const auto s = static_cast<std::int64_t>(now_.wall.seconds());
    return static_cast<std::uint64_t>((how & 16) != 0 ? s - d : s + d);
  }

  StubbedFrame cnn_frame() {
    const Choices choices{in_.byte()};
    const std::uint8_t bits = in_.byte();
    c::Cnn cnn{.id = UserId::parse("ada").value()};
    if ((bits & 1) == 0) cnn.kid.emplace();
    if ((bits & 2) == 0) cnn.srv = (bits & 4) == 0 ? "moot.example" : "other.example";
    if ((bits & 8) == 0) cnn.chal = (bits & 16) == 0 ? chal_ : Challenge{};
    if ((bits & 32) != 0) cnn.cb.emplace();
    if ((bits & 64) != 0) cnn.batch = true;
    const std::uint64_t nonce = in_.number(8);
    Buffer fields;
    const std::uint32_t pairs = wire::encode_fields(fields, cnn);
    return stubbed(Dir::client, nonce, timestamp(),
                   {.cmd = "CNN", .pairs = pairs, .fields = fields.bytes()}, choices);
  }

  void pass_time() {
    now_.tick.ms += static_cast<std::int64_t>(in_.number(3));
    now_.wall.ms += in_.number(3);
    const bool ended = (in_.byte() & 1) != 0;
    session_->on_octets(now_, ended, in_.number(2));
    const auto verdict = session_->on_deadline(now_);
    MOOT_CHECK((verdict.kind == Kind::deliver) == (now_.tick < session_->deadline()));
    alive_ = verdict.kind == Kind::deliver;
  }

  void take(const StubbedFrame& f) { session_->open() ? take_later(f) : take_cnn(f); }

  bool may_open(const session::Claim& claim, bool mac_ok) const {
    const c::Cnn& cnn = claim.cnn;
    if (!mac_ok || !facts_.usable || facts_.nonce_seen) return false;
    const bool literal = !cnn.chal.has_value();
    if (literal ? rules_.challenge_required || facts_.chal_pinned : *cnn.chal != chal_)
      return false;
    if (cnn.srv.has_value() ? *cnn.srv != info_.srv : rules_.challenge_required) return false;
    if (cnn.cb.has_value() ? cnn.cb != facts_.channel_binding : facts_.cb_pinned) return false;
    return within(claim.timestamp, now_.wall.seconds(), 0,
                  literal ? limits::kStrictClockWindow : limits::kClockWindow);
  }

  void take_cnn(const StubbedFrame& f) {
    const auto claim = session_->read_cnn(f.frame, arena_);
    const auto envelope = sound_envelope(f.frame, Dir::client);
    const bool wall = rules_.auth == session::Auth::wall;
    if (!claim) {
      // Then it was no CNN, or none that this listener takes.
      MOOT_CHECK(f.frame.cmd != "CNN" || !envelope ||
                 wire::is_zero_signature(f.frame.sig) != wall ||
                 !wire::decode_client("CNN", f.frame.payload, arena_));
      alive_ = false;
      return;
    }
    MOOT_CHECK(envelope && f.frame.cmd == "CNN" && envelope->nonce == claim->nonce &&
               wire::is_zero_signature(f.frame.sig) == wall);
    const bool may = may_open(*claim, f.mac_ok);
    const auto verdict = session_->judge_cnn(*claim, f.mac_ok, facts_, now_);
    MOOT_CHECK((verdict.kind == Kind::deliver) == may && session_->open() == may);
    // R3: nothing is told to who has not proved who he is.
    if (!f.mac_ok || !facts_.usable) MOOT_CHECK(verdict.kind == Kind::close);
    alive_ = may;
    if (!may) return;
    expected_ = claim->nonce + 1;
    first_sent_ = ~claim->nonce;
    offset_ = static_cast<std::int64_t>(claim->timestamp - now_.wall.seconds());
    MOOT_CHECK(session_->outgoing().batch() == (info_.batch && claim->cnn.batch.value_or(false)));
    answer();
  }

  void take_later(const StubbedFrame& f) {
    const bool wall = rules_.auth == session::Auth::wall;
    const bool trusted = f.mac_ok && wire::is_zero_signature(f.frame.sig) == wall;
    const auto envelope = sound_envelope(f.frame, Dir::client);
    const bool may =
        trusted && envelope && envelope->nonce == expected_ && f.frame.cmd != "CNN" &&
        within(envelope->timestamp, now_.wall.seconds(), offset_, limits::kClockDriftWindow);
    const auto delivered = session_->accept(f.frame, f.mac_ok, now_);
    MOOT_CHECK((delivered.verdict.kind == Kind::deliver) == may);
    if (!trusted) MOOT_CHECK(delivered.verdict.kind == Kind::close);
    alive_ = may;
    if (!may) return;
    MOOT_CHECK(delivered.nonce == expected_);
    ++expected_;
    answer();
  }

  // Something of ours goes out, numbered as R5 says; only what went out was ever sent.
  void answer() {
    Buffer fields;
    const std::uint32_t pairs = wire::encode_fields(fields, session_->sinfo(now_, expected_ - 1));
    const wire::Body body{.cmd = "SINFO", .pairs = pairs, .fields = fields.bytes()};
    Buffer out;
    std::vector<session::Unsigned> to_sign;
    session_->outgoing().put(out, now_.wall.seconds(), {&body, 1}, to_sign);
    session::sign_all(out, to_sign, nullptr);
    wire::FrameReader reader;
    MOOT_CHECK(reader.next(out.bytes(), info_.max_frame) == wire::FrameReader::Status::frame);
    const auto opened = wire::open(reader.frame().payload);
    MOOT_CHECK(opened && opened->envelope.nonce == first_sent_ + sent_);
    ++sent_;
    MOOT_CHECK(session_->sent_index(first_sent_ + sent_ - 1) == sent_ - 1);
    MOOT_CHECK(!session_->sent_index(first_sent_ + sent_) &&
               !session_->sent_index(first_sent_ - 1));
  }

  Input& in_;
  session::ListenerRules rules_;
  session::ServerInfo info_;
  session::CredentialFacts facts_;
  Challenge chal_;
  Now now_{.tick = {1'000}, .wall = {1'702'622'553'000}};
  std::optional<ServerSession> session_;
  Arena arena_;
  bool alive_ = true;
  std::uint64_t expected_ = 0;
  std::uint64_t first_sent_ = 0;
  std::uint64_t sent_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::Input in(data, size);
  moot::fuzz::Connection(in).run();
  return 0;
}
