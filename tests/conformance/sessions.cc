#include "base/hex.h"
#include "session/client_session.h"
#include "tests/conformance/group.h"
#include "tests/conformance/server_replay.h"

namespace moot::vectors {
namespace {

// A step of a session: a whole frame and what is in it. Not copied: `frame` points into `octets`.
struct Step {
  explicit Step(const Json& v)
      : from_client(text_of(at(v, "from")) == "client"),
        verdict(text_of(at(v, "verdict"))),
        octets(octets_of(at(v, "frame"))) {
    wire::FrameReader reader;
    MOOT_CHECK(reader.next(octets, limits::kFrameBytesMax) == wire::FrameReader::Status::frame);
    frame = reader.frame();
    envelope = wire::open(frame.payload).value().envelope;
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  Now clock() const { return {.wall = {envelope.timestamp * 1000}}; }

  bool from_client;
  std::string verdict;
  ByteBuf octets;
  wire::Frame frame;
  wire::Envelope envelope;
};

// Writes the command of a step again, as the next frame of `outgoing`.
template <class Decoded>
std::string rewritten(const Step& step, const Decoded& command, session::Outgoing& outgoing,
                      const MacKey& key) {
  Buffer fields;
  wire::Body body{.cmd = step.frame.cmd};
  if (command) body.pairs = wire::encode_fields(fields, *command);
  body.fields = fields.bytes();
  Buffer out;
  std::vector<session::Unsigned> to_sign;
  outgoing.put(out, step.envelope.timestamp, {&body, 1}, to_sign);
  session::sign_all(out, to_sign, &key);
  return hex(out.bytes());
}

// One connection, both of our session cores in it, each taking the frames of the vector and
// writing its own side anew.
class Replay {
 public:
  Replay(Group& group, const Json& v) : group_(group), key_(id_of<KeyBytes>(at(v, "key")).octets) {
    for (const Json& step : at(v, "steps")) steps_.push_back(std::make_unique<Step>(step));
    // Somebody altered this greeting on its way: the server said what it signs later.
    altered_ = text_of(at(v, "name")) == "altered greeting";
  }

  void run() {
    const Step& greeting = *steps_.front();
    Arena arena;
    const Step& told = *steps_[altered_ ? 2 : 0];
    const auto sinfo = wire::decode_server("SINFO", told.frame.payload, arena);
    group_.expect(sinfo && std::holds_alternative<s::Sinfo>(*sinfo), "the greeting is no SINFO");
    if (!sinfo) return;
    server_.emplace(std::get<s::Sinfo>(*sinfo), greeting.envelope.timestamp, key_);
    check_greeting(std::get<s::Sinfo>(*sinfo), greeting);

    const Step& cnn = *steps_[1];
    identity_ = {.account = UserId::parse("alice").value(),
                 .kid = parse_kid("8081828384858687").value(),
                 .srv = "moot.example"};
    client_.emplace(identity_, cnn.envelope.nonce, false);
    for (const auto& step : steps_) step->from_client ? from_client(*step) : from_server(*step);
  }

 private:
  // The vectors' greeting carries a `now` of its own; everything else is the server's doing.
  void check_greeting(s::Sinfo want, const Step& greeting) {
    if (altered_) return;
    Buffer out;
    server_->session().greet(out, greeting.clock());
    wire::FrameReader reader;
    MOOT_CHECK(reader.next(out.bytes(), limits::kFrameBytesBeforeCnn) ==
               wire::FrameReader::Status::frame);
    Arena arena;
    const auto made = wire::decode_server("SINFO", reader.frame().payload, arena);
    want.now = greeting.clock().wall.ms;
    group_.expect(made && std::get<s::Sinfo>(*made) == want, "our greeting tells something else");
    group_.expect(wire::is_zero_signature(reader.frame().sig), "our greeting is signed");
    const auto opened = wire::open(reader.frame().payload);
    group_.expect(opened && opened->envelope.nonce == 0, "our greeting has a nonce");
  }

  void from_client(const Step& step) {
    // What the vector's receiver refuses no client of ours would send.
    if (step.verdict == "accept") {
      group_.expect_same(written_by_client(step), hex(step.octets), "client writes " + cmd(step));
    }
    const std::string verdict = server_->take(step.octets);
    const bool refused_but_alive = verdict.starts_with("ERR ");
    group_.expect_same(refused_but_alive ? "accept" : verdict, step.verdict,
                       "server takes " + cmd(step));
  }

  std::string written_by_client(const Step& step) {
    Arena arena;
    if (step.frame.cmd != "CNN") {
      return rewritten(step, wire::decode_client(step.frame.cmd, step.frame.payload, arena),
                       client_->outgoing(), key_);
    }
    Buffer out;
    std::vector<session::Unsigned> to_sign;
    client_->put_cnn(out, step.clock(), std::nullopt, to_sign);
    session::sign_all(out, to_sign, &key_);
    return hex(out.bytes());
  }

  void from_server(const Step& step) {
    Arena arena;
    if (&step != steps_.front().get()) {
      const auto command = wire::decode_server(step.frame.cmd, step.frame.payload, arena);
      group_.expect_same(rewritten(step, command, server_->session().outgoing(), key_),
                         hex(step.octets), "server writes " + cmd(step));
    }
    const bool mac_ok = session::signature_is(step.frame.sig, key_.sign(step.frame.payload));
    const auto got = client_->accept(step.frame, mac_ok, step.clock(), arena);
    const bool closes = got.kind == session::ClientSession::Delivered::Kind::close;
    group_.expect_same(closes ? "close" : "accept", step.verdict, "client takes " + cmd(step));
  }

  static std::string cmd(const Step& step) { return std::string(step.frame.cmd); }

  Group& group_;
  MacKey key_;
  std::vector<std::unique_ptr<Step>> steps_;
  bool altered_ = false;
  std::optional<ServerReplay> server_;
  session::ClientIdentity identity_;
  std::optional<session::ClientSession> client_;
};

}  // namespace

bool check_sessions(const std::string& dir) {
  const Json file = load(dir + "/sessions.json");
  Group group("sessions");
  for (const Json& v : at(file, "sessions")) {
    group.begin(text_of(at(v, "name")));
    Replay(group, v).run();
  }
  return group.close();
}

// Both directions number their frames as the vectors say.
bool check_nonces(const std::string& dir) {
  const Json file = load(dir + "/nonces.json");
  Group group("nonces");
  const session::ClientIdentity identity{};
  const MacKey key(KeyBytes{}.octets);
  for (const Json& v : at(file, "sequences")) {
    group.begin("N = " + text_of(at(v, "N")));
    const std::uint64_t first = uint_of(at(v, "N"));
    session::ClientSession client(identity, first, false);
    ServerReplay server({.srv = "moot.example", .max_frame = limits::kFrameBytesMax}, 0, key);
    server.connected(first);
    const auto check = [&](session::Outgoing& outgoing, const char* side) {
      for (const Json& nonce : at(v, side)) {
        group.expect(outgoing.next_nonce() == uint_of(nonce),
                     side + std::string(" numbers ") + std::to_string(outgoing.next_nonce()));
        const wire::Body body{.cmd = "INFO"};
        Buffer out;
        std::vector<session::Unsigned> to_sign;
        outgoing.put(out, 0, {&body, 1}, to_sign);
      }
    };
    check(client.outgoing(), "client");
    check(server.session().outgoing(), "server");
  }
  return group.close();
}

}  // namespace moot::vectors
