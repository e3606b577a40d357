#include "base/check.h"
#include "fuzz/session_frame.h"
#include "session/client_session.h"

// The client's session core against a model of the rules (security.md 1.6), with the MAC stubbed
// both ways: what it answers, opens and delivers is exactly what the rules allow.
namespace moot::fuzz {
namespace {

using session::ClientSession;
using Kind = ClientSession::Delivered::Kind;

class Connection {
 public:
  explicit Connection(Input& in) : in_(in) {
    const std::uint8_t bits = in.byte();
    identity_.account = UserId::parse("ada").value();
    identity_.srv = "moot.example";
    identity_.wall = (bits & 3) == 3;
    if (!identity_.wall) identity_.kid.emplace();
    first_nonce_ = in.number(8);
    expected_ = ~first_nonce_;
    session_.emplace(identity_, first_nonce_, (bits & 4) != 0);
  }

  void run() {
    for (unsigned steps = 0; steps < 64 && !in_.done(); ++steps) {
      now_.wall.ms += in_.byte();
      step();
    }
  }

 private:
  void step() {
    const std::uint8_t what = in_.byte();
    const Choices choices{in_.byte()};
    const bool greeting = session_->phase() == ClientSession::Phase::greeting;
    const std::uint64_t right = greeting ? 0 : expected_;
    const std::uint64_t nonce = choices.bits >= 0xc0 ? in_.number(8) : right;
    switch (what % 4) {
      case 0:
      case 1: {
        Buffer fields;
        const s::Sinfo info = sinfo();
        const std::uint32_t pairs = wire::encode_fields(fields, info);
        return take(stubbed(Dir::server, nonce, in_.number(5),
                            {.cmd = "SINFO", .pairs = pairs, .fields = fields.bytes()}, choices));
      }
      case 2: {
        constexpr std::string_view kNames[] = {"DCNN", "UCNN", "USR_RMD", "SINFO", "NOPE"};
        const std::string_view cmd = kNames[in_.byte() % std::size(kNames)];
        const wire::Body body{.cmd = cmd, .pairs = in_.byte() % 4u, .fields = in_.take(in_.byte())};
        return take(stubbed(Dir::server, nonce, in_.number(5), body, choices));
      }
      default:
        return take(stubbed("UCNN", in_.take(in_.number(2) % 512), choices));
    }
  }

  // Mostly the same server; each set bit of the input says one thing otherwise.
  s::Sinfo sinfo() {
    const std::uint64_t bits = in_.number(2);
    const auto otherwise = [&](unsigned bit) { return (bits >> bit & 1) != 0; };
    static constexpr std::string_view kFeatures[] = {"offline", "batch", "tls"};
    s::Sinfo info{.server_name = otherwise(0) ? "other" : "moot",
                  .version = otherwise(1) ? "9" : "0.1.0",
                  .timeout_s = otherwise(2) ? in_.number(8) : 180,
                  .srv = otherwise(3) ? "other.example" : "moot.example",
                  .max_frame = otherwise(4) ? in_.number(8) : limits::kFrameBytesMax,
                  .max_msg = otherwise(5) ? in_.number(8) : limits::kMsgBytesMax,
                  .features = Words(kFeatures).first(otherwise(6) ? 3 : 2)};
    info.chal.octets.fill(otherwise(7) ? 0x41 : 0x40);
    info.now = otherwise(8) ? in_.number(8) : now_.wall.ms;
    if (otherwise(9)) info.protocol_version = in_.byte();
    if (otherwise(10)) info.ref = in_.number(8);
    return info;
  }

  void take(const StubbedFrame& f) {
    using Phase = ClientSession::Phase;
    const Phase before = session_->phase();
    const auto envelope = sound_envelope(f.frame, Dir::server);
    const auto got = session_->accept(f.frame, f.mac_ok, now_, arena_);
    if (before == Phase::ended || got.kind == Kind::close) {
      MOOT_CHECK(got.kind == Kind::close && session_->phase() == Phase::ended);
      MOOT_CHECK(!got.message.empty());
      MOOT_CHECK(before == Phase::ended || must_close(before, f, envelope));
      return;
    }
    MOOT_CHECK(!must_close(before, f, envelope));
    if (before == Phase::greeting) return answer_greeting(f, got);

    MOOT_CHECK(got.nonce == expected_ && session_->seen() == expected_);
    ++expected_;
    MOOT_CHECK((got.kind == Kind::opened) ==
               (before == Phase::waiting && std::holds_alternative<s::Sinfo>(got.command)));
    if (got.kind == Kind::opened) MOOT_CHECK(session_->phase() == Phase::open);
    if (got.kind != Kind::ignore && std::holds_alternative<s::Dcnn>(got.command)) {
      MOOT_CHECK(session_->phase() == Phase::ended);
    }
    MOOT_CHECK(session_->max_frame() <= limits::kFrameBytesCeiling);
    if (got.kind == Kind::opened) {
      const std::uint64_t told = std::get<s::Sinfo>(got.command).now;
      MOOT_CHECK(session_->server_now(now_).ms == told);
    }
  }

  bool must_close(ClientSession::Phase phase, const StubbedFrame& f,
                  const std::optional<wire::Envelope>& envelope) {
    using Phase = ClientSession::Phase;
    const bool zeros = wire::is_zero_signature(f.frame.sig);
    if (!envelope) return true;
    Arena arena;
    const auto command = wire::decode_server(f.frame.cmd, f.frame.payload, arena);
    const auto* info = command ? std::get_if<s::Sinfo>(&*command) : nullptr;
    if (phase == Phase::greeting) {
      return !zeros || info == nullptr || envelope->nonce != 0 || info->srv != identity_.srv;
    }
    if (zeros != identity_.wall || !f.mac_ok || envelope->nonce != expected_) return true;
    if (phase == Phase::waiting) {
      const bool refused = command && std::holds_alternative<s::Dcnn>(*command);
      return !refused && (info == nullptr || !same_as_greeting(*info));
    }
    return info != nullptr && (info->srv != identity_.srv || info->chal != greeting_.chal);
  }

  // R4: every field but `now`, and `ref`, which a greeting has no use for. Limits beyond the
  // grammar's are no server's (protocol.md 1).
  bool same_as_greeting(s::Sinfo info) const {
    if (info.max_frame > limits::kFrameBytesCeiling || info.max_msg > limits::kFrameBytesCeiling) {
      return false;
    }
    info.now = greeting_.now;
    info.ref = greeting_.ref;
    return info == greeting_;
  }

  void answer_greeting(const StubbedFrame& f, const ClientSession::Delivered& got) {
    MOOT_CHECK(got.kind == Kind::answer_greeting);
    greeting_octets_.put(f.frame.payload);
    const auto greeting = wire::decode_server("SINFO", greeting_octets_.bytes(), greeting_arena_);
    greeting_ = std::get<s::Sinfo>(*greeting);

    Buffer out;
    std::vector<session::Unsigned> to_sign;
    session_->put_cnn(out, now_, std::nullopt, to_sign);
    session::sign_all(out, to_sign, nullptr);
    wire::FrameReader reader;
    MOOT_CHECK(to_sign.size() == 1 && reader.next(out.bytes(), limits::kFrameBytesBeforeCnn) ==
                                          wire::FrameReader::Status::frame);
    const auto envelope = sound_envelope(reader.frame(), Dir::client);
    MOOT_CHECK(envelope && envelope->nonce == first_nonce_ && envelope->cmd == "CNN");
    Arena arena;
    const auto command = wire::decode_client("CNN", reader.frame().payload, arena);
    MOOT_CHECK(command.has_value());
    const auto& cnn = std::get<c::Cnn>(*command);
    MOOT_CHECK(cnn.id == identity_.account && cnn.kid == identity_.kid &&
               cnn.srv == identity_.srv && cnn.chal == greeting_.chal);
  }

  Input& in_;
  session::ClientIdentity identity_;
  Now now_{.tick = {1'000}, .wall = {1'702'622'553'000}};
  std::uint64_t first_nonce_ = 0;
  std::uint64_t expected_ = 0;
  std::optional<ClientSession> session_;
  Arena arena_;
  Buffer greeting_octets_;
  Arena greeting_arena_;
  s::Sinfo greeting_;
};

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::Input in(data, size);
  moot::fuzz::Connection(in).run();
  return 0;
}
