#include "session/server_session.h"

#include <algorithm>

namespace moot::session {
namespace {

std::int64_t distance(std::uint64_t a_s, std::uint64_t b_s) {
  // Timestamps are any uint64; what is far away is far away.
  constexpr std::uint64_t kFar = 1ull << 40;
  if (a_s > kFar || b_s > kFar) return a_s == b_s ? 0 : static_cast<std::int64_t>(kFar);
  return static_cast<std::int64_t>(a_s) - static_cast<std::int64_t>(b_s);
}
bool within(std::int64_t d, Seconds window) { return d <= window.count() && d >= -window.count(); }

}  // namespace

ServerSession::ServerSession(const ListenerRules& rules, const ServerInfo& info,
                             const Challenge& chal, Now now, Millis cnn_timeout)
    : rules_(rules),
      info_(&info),
      taken_max_(info.max_frame),
      chal_(chal),
      cnn_deadline_(now.tick + cnn_timeout),
      last_frame_(now.tick) {}

s::Sinfo ServerSession::sinfo(Now now, std::optional<std::uint64_t> ref) const {
  return {.protocol_version = 0,
          .server_name = info_->server_name,
          .version = info_->version,
          .timeout_s = info_->timeout_s,
          .srv = info_->srv,
          .chal = chal_,
          .now = now.wall.ms,
          .max_frame = info_->max_frame,
          .max_msg = info_->max_msg,
          .features = info_->features,
          .ref = ref};
}

void ServerSession::reconfigured() {
  taken_max_ = std::max(taken_max_, info_->max_frame);
  outgoing_.set_batch(outgoing_.batch(), info_->max_frame);
}

void ServerSession::greet(Buffer& out, Now now) const {
  Buffer fields;
  const std::uint32_t pairs = wire::encode_fields(fields, sinfo(now));
  const wire::FrameSlot slot =
      wire::put_frame(out, Dir::server, 0, now.wall.seconds(), {"SINFO", pairs, fields.bytes()});
  wire::put_zero_signature(out, slot);
}

std::optional<Claim> ServerSession::read_cnn(const wire::Frame& frame, Arena& arena) const {
  if (frame.cmd != c::Cnn::kTable.name) return std::nullopt;
  // Zeros are the signature of a wall and of nothing else (security.md 3.1).
  if (wire::is_zero_signature(frame.sig) != unsigned_frames()) return std::nullopt;
  if (wire::validate(frame.payload) != wire::ProfileError::ok) return std::nullopt;
  const auto opened = wire::open(frame.payload);
  if (!opened || opened->envelope.cmd != frame.cmd || opened->envelope.dir != text(Dir::client)) {
    return std::nullopt;
  }
  const auto cmd = wire::decode_client(frame.cmd, frame.payload, arena);
  if (!cmd) return std::nullopt;
  return Claim{std::get<c::Cnn>(*cmd), opened->envelope.nonce, opened->envelope.timestamp};
}

Verdict ServerSession::judge_cnn(const Claim& claim, bool mac_ok, const CredentialFacts& facts,
                                 Now now) {
  // R3: whatever is wrong up to here looks the same from outside.
  if (!mac_ok || !facts.usable) return Verdict::silent();

  // From here the peer is who he says: our frames are signed and numbered (R5).
  expected_ = claim.nonce + 1;
  outgoing_.start(~claim.nonce);

  const c::Cnn& cnn = claim.cnn;
  const bool literal = !cnn.chal.has_value();
  if (literal && (rules_.challenge_required || facts.chal_pinned)) {
    return Verdict::goodbye(
        DcnnCode::chal,
        "CNN must repeat the challenge of the greeting; connect again and answer it.");
  }
  if (!literal && *cnn.chal != chal_) {
    return Verdict::goodbye(
        DcnnCode::chal,
        "CNN answers the challenge of another connection; connect again and answer this one's.");
  }
  if ((rules_.challenge_required || cnn.srv.has_value()) && (!cnn.srv || *cnn.srv != info_->srv)) {
    return Verdict::goodbye(
        DcnnCode::srv,
        "This key file is for another server; use the one that this server's operator gave you.");
  }
  const std::int64_t off = distance(claim.timestamp, now.wall.seconds());
  if (!within(off, literal ? limits::kStrictClockWindow : limits::kClockWindow)) {
    return Verdict::goodbye(DcnnCode::clock,
                            "Your clock is too far from the server's; set it and connect again.");
  }
  if (facts.nonce_seen) {
    return Verdict::goodbye(DcnnCode::replay,
                            "This CNN was used before; connect again with a new random nonce.");
  }
  if (cnn.cb.has_value() && !rules_.fronted ? cnn.cb != facts.channel_binding : facts.cb_pinned) {
    return Verdict::goodbye(
        DcnnCode::proto,
        "CNN's channel binding is not this TLS connection's; check who stands in between.");
  }
  clock_offset_s_ = off;
  open_ = true;
  received_ = 1;
  last_frame_ = now.tick;
  frame_octets_ = 0;
  outgoing_.set_batch(info_->batch && cnn.batch.value_or(false), info_->max_frame);
  return {Verdict::Kind::deliver, {}, {}};
}

ServerSession::Delivered ServerSession::accept(const wire::Frame& frame, bool mac_ok, Now now) {
  Delivered out;
  const auto end = [&out](DcnnCode code, std::string_view message) {
    out.verdict = Verdict::goodbye(code, message);
    return out;
  };
  // R1: nothing of the payload is looked at before its signature holds.
  if (wire::is_zero_signature(frame.sig) != unsigned_frames()) return out;
  if (!mac_ok) return out;
  if (wire::validate(frame.payload) != wire::ProfileError::ok) {
    return end(DcnnCode::proto, "The payload is outside the msgpack profile; mend the client.");
  }
  const auto opened = wire::open(frame.payload);
  if (!opened || opened->envelope.cmd != frame.cmd || opened->envelope.dir != text(Dir::client)) {
    return end(DcnnCode::proto, "The envelope does not fit the frame; mend the client.");
  }
  if (opened->envelope.nonce != expected_) {
    return end(DcnnCode::proto, "The nonce is not the next one; connect again.");
  }
  if (!within(distance(opened->envelope.timestamp, now.wall.seconds()) - clock_offset_s_,
              limits::kClockDriftWindow)) {
    return end(DcnnCode::stale, "The frame is older than 300 s or a clock jumped; connect again.");
  }
  if (frame.cmd == c::Cnn::kTable.name) {
    return end(DcnnCode::proto, "CNN comes once on a connection; open another one.");
  }
  if (++received_ > info_->frames_max) {
    return end(DcnnCode::proto, "The connection has used its nonces; connect again.");
  }
  ++expected_;
  last_frame_ = now.tick;
  out.nonce = opened->envelope.nonce;

  out.verdict.kind = Verdict::Kind::deliver;
  return out;
}

std::optional<std::uint64_t> ServerSession::sent_index(std::uint64_t nonce) const {
  const std::uint64_t index = nonce - outgoing_.first_nonce();
  if (!open_ || index >= outgoing_.frames()) return std::nullopt;
  return index;
}

void ServerSession::on_octets(Now now, bool frame_ended, std::size_t frame_octets) {
  if (frame_ended || frame_octets_ == 0) frame_begun_ = now.tick;
  frame_octets_ = frame_octets;
}

Tick ServerSession::deadline() const {
  Tick at = open_ ? last_frame_ + Seconds{static_cast<std::int64_t>(info_->timeout_s)} +
                        limits::kTimeoutGrace
                  : cnn_deadline_;
  if (frame_octets_ > 0) {
    // Header within 5 s; then 1 KiB a second (security.md 5.1).
    const auto grace =
        limits::kHeaderDeadline +
        Seconds{static_cast<std::int64_t>(frame_octets_ / limits::kPayloadBytesPerSecondMin)};
    at = std::min(at, frame_begun_ + grace);
  }
  return at;
}

Verdict ServerSession::on_deadline(Now now) const {
  if (now.tick < deadline()) return {Verdict::Kind::deliver, {}, {}};
  if (!open_) return Verdict::silent();
  if (frame_octets_ > 0 &&
      now.tick - last_frame_ < Seconds{static_cast<std::int64_t>(info_->timeout_s)}) {
    return Verdict::goodbye(DcnnCode::timeout, "A frame came too slowly; connect again.");
  }
  return Verdict::goodbye(DcnnCode::timeout,
                          "Nothing came for too long; connect again and send KALIVE.");
}

}  // namespace moot::session
