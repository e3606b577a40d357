#include "tests/conformance/server_replay.h"

#include "wire/frame.h"

namespace moot::vectors {
namespace {

session::ServerInfo info_of(const s::Sinfo& sinfo) {
  return {.server_name = std::string(sinfo.server_name),
          .version = std::string(sinfo.version),
          .srv = std::string(sinfo.srv),
          .timeout_s = sinfo.timeout_s,
          .max_frame = static_cast<std::uint32_t>(sinfo.max_frame),
          .max_msg = static_cast<std::uint32_t>(sinfo.max_msg),
          .features = {sinfo.features.begin(), sinfo.features.end()},
          .batch = false};
}

// Whether a DCNN `proto` goes before the end is free after CNN (tests/vectors/README.md).
std::string words(const session::Verdict& verdict) {
  using Kind = session::Verdict::Kind;
  if (verdict.kind == Kind::deliver) return "accept";
  if (verdict.kind != Kind::dcnn || verdict.code == DcnnCode::proto) return "close";
  return "DCNN " + std::string(text(verdict.code));
}

}  // namespace

ServerReplay::ServerReplay(const s::Sinfo& sinfo, std::uint64_t unix_s, const MacKey& key)
    : now_{.wall = {unix_s * 1000}}, key_(&key), info_(info_of(sinfo)) {
  session_.emplace(session::ListenerRules{}, info_, sinfo.chal, now_, limits::kCnnTimeout);
}

void ServerReplay::connected(std::uint64_t nonce) {
  const session::Claim claim{.cnn = {.srv = info_.srv, .chal = session_->challenge()},
                             .nonce = nonce,
                             .timestamp = now_.wall.seconds()};
  const auto verdict = session_->judge_cnn(claim, true, {.usable = true}, now_);
  MOOT_CHECK(verdict.kind == session::Verdict::Kind::deliver);
}

std::string ServerReplay::take_cnn(const wire::Frame& frame) {
  const auto claim = session_->read_cnn(frame, arena_);
  if (!claim) return "close";
  const bool mac_ok = session::signature_is(frame.sig, key_->sign(frame.payload));
  return words(session_->judge_cnn(*claim, mac_ok, {.usable = true}, now_));
}

std::string ServerReplay::take(std::string_view cmd, std::string_view sig, Bytes payload) {
  const wire::Frame frame{.cmd = cmd, .sig = sig, .payload = payload};
  arena_.reset();
  if (!session_->open()) return take_cnn(frame);
  const bool mac_ok = session::signature_is(sig, key_->sign(payload));
  const auto delivered = session_->accept(frame, mac_ok, now_);
  if (delivered.verdict.kind != session::Verdict::Kind::deliver) return words(delivered.verdict);
  const auto command = wire::decode_client(cmd, payload, arena_);
  if (!command) return "ERR " + std::string(text(command.error().code));
  command_ = *command;
  return "accept";
}

std::string ServerReplay::take(Bytes frame) {
  wire::FrameReader reader;
  if (reader.next(frame, session_->payload_max()) != wire::FrameReader::Status::frame) {
    return "close";
  }
  const wire::Frame& f = reader.frame();
  return take(f.cmd, f.sig, f.payload);
}

}  // namespace moot::vectors
