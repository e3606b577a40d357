#include "session/client_session.h"

#include <algorithm>

namespace moot::session {

ClientSession::ClientSession(const ClientIdentity& identity, std::uint64_t first_nonce,
                             bool want_batch)
    : identity_(&identity), want_batch_(want_batch), expected_(~first_nonce) {
  outgoing_.start(first_nonce);
}

bool ClientSession::server_has(std::string_view feature) const {
  return std::ranges::find(features_, feature) != features_.end();
}

std::optional<std::uint64_t> ClientSession::seen() const {
  if (received_ == 0) return std::nullopt;
  return expected_ - 1;
}

bool ClientSession::same_as_greeting(const s::Sinfo& info) const {
  return info.protocol_version == protocol_version_ && info.server_name == server_name_ &&
         info.version == version_ && info.srv == srv_ && info.chal == chal_ &&
         info.timeout_s == timeout_s_ && info.max_frame == max_frame_ && info.max_msg == max_msg_ &&
         std::ranges::equal(info.features, features_);
}

void ClientSession::keep(const s::Sinfo& info, Now now) {
  protocol_version_ = info.protocol_version;
  server_name_ = info.server_name;
  version_ = info.version;
  srv_ = info.srv;
  features_.assign(info.features.begin(), info.features.end());
  timeout_s_ = info.timeout_s;
  max_frame_ = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(info.max_frame, limits::kFrameBytesCeiling));
  max_msg_ =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(info.max_msg, limits::kFrameBytesCeiling));
  // Modulo 2^64: `now` is whatever the other side says, at first unsigned.
  clock_offset_ms_ = static_cast<std::int64_t>(info.now - now.wall.ms);
}

ClientSession::Delivered ClientSession::accept(const wire::Frame& frame, bool mac_ok, Now now,
                                               Arena& arena) {
  Delivered out;
  const auto close = [&](std::string_view why) {
    phase_ = Phase::ended;
    out.kind = Delivered::Kind::close;
    out.message = why;
    return out;
  };
  const bool greeting = phase_ == Phase::greeting;
  const bool zeros = wire::is_zero_signature(frame.sig);
  if (phase_ == Phase::ended) return close("The connection has ended.");
  if (greeting ? !zeros : zeros != identity_->wall) {
    return close(greeting ? "The server's first frame is no greeting; check the address and port."
                          : "A frame of the server is not signed as agreed; check the key file and "
                            "who stands in between.");
  }
  if (!greeting && !mac_ok) {
    return close("A frame's signature is wrong; check the key file and who stands in between.");
  }
  if (wire::validate(frame.payload) != wire::ProfileError::ok)
    return close("The server sent a payload outside the profile.");
  const auto opened = wire::open(frame.payload);
  if (!opened || opened->envelope.cmd != frame.cmd || opened->envelope.dir != text(Dir::server)) {
    return close("The server sent a frame whose envelope does not fit.");
  }
  out.nonce = opened->envelope.nonce;
  auto cmd = wire::decode_server(frame.cmd, frame.payload, arena);

  if (greeting) {
    const auto* info = cmd ? std::get_if<s::Sinfo>(&*cmd) : nullptr;
    if (info == nullptr || out.nonce != 0)
      return close("The server's first frame is no greeting; check the address and port.");
    if (info->srv != identity_->srv) {
      return close(
          "This is another server than the key file is for; use the address that came with the "
          "key.");
    }
    keep(*info, now);
    chal_ = info->chal;
    phase_ = Phase::waiting;
    out.kind = Delivered::Kind::answer_greeting;
    return out;
  }

  if (out.nonce != expected_)
    return close("The server's frames are out of order; connecting again.");
  if (++received_ > limits::kFramesPerConnectionMax)
    return close("The connection has used its nonces; connecting again.");
  ++expected_;
  if (!cmd) {
    if (phase_ == Phase::waiting)
      return close("The server's answer to CNN makes no sense; check its version.");
    out.kind = Delivered::Kind::ignore;
    return out;
  }
  out.command = *cmd;
  if (phase_ == Phase::waiting) {
    if (std::holds_alternative<s::Dcnn>(out.command)) {
      phase_ = Phase::ended;
      out.kind = Delivered::Kind::deliver;
      return out;
    }
    const auto* info = std::get_if<s::Sinfo>(&out.command);
    // R4: any difference means that somebody altered the greeting.
    if (info == nullptr || !same_as_greeting(*info)) {
      return close("The signed SINFO differs from the greeting; somebody stands in between.");
    }
    keep(*info, now);
    outgoing_.set_batch(want_batch_ && server_has("batch"), max_frame_);
    phase_ = Phase::open;
    out.kind = Delivered::Kind::opened;
    return out;
  }
  if (const auto* info = std::get_if<s::Sinfo>(&out.command)) {
    if (info->chal != chal_ || info->srv != srv_)
      return close("A SINFO is not of this connection; somebody stands in between.");
    keep(*info, now);
  }
  if (std::holds_alternative<s::Dcnn>(out.command)) phase_ = Phase::ended;
  out.kind = Delivered::Kind::deliver;
  return out;
}

void ClientSession::put_cnn(Buffer& out, Now now, const std::optional<Binding>& binding,
                            std::vector<Unsigned>& to_sign) {
  MOOT_CHECK(phase_ == Phase::waiting && outgoing_.frames() == 0);
  c::Cnn cnn{.id = identity_->account,
             .kid = identity_->kid,
             .srv = identity_->srv,
             .chal = chal_,
             .cb = identity_->wall ? std::nullopt : binding};
  if (want_batch_ && server_has("batch")) cnn.batch = true;
  Buffer fields;
  const std::uint32_t pairs = wire::encode_fields(fields, cnn);
  const wire::Body body{c::Cnn::kTable.name, pairs, fields.bytes(), true};
  outgoing_.put(out, now.wall.seconds(), {&body, 1}, to_sign);
}

}  // namespace moot::session
