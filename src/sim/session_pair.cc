#include "sim/session_pair.h"

#include <array>

#include "base/check.h"
#include "wire/commands.h"
#include "wire/frame.h"

namespace moot::sim {
namespace {

std::array<std::uint8_t, 32> key_of(Rng& random) {
  std::array<std::uint8_t, 32> key;
  random.fill(key);
  return key;
}

}  // namespace

SessionPair::SessionPair(Rng random, const UserId& user, Now client, Now server)
    : mac_(key_of(random)),
      info_{.server_name = "moot", .version = "0", .srv = "moot.sim", .features = {"batch"}},
      identity_{.account = user, .kid = Kid{}, .srv = info_.srv} {
  Challenge challenge;
  random.fill(challenge.octets);
  client_.emplace(identity_, random.next(), true);
  server_.emplace(session::ListenerRules{}, info_, challenge, server, Millis{10'000});
  server_->greet(out_, server);
  arena_.reset();
  const auto greeted = client_->accept(read(), false, client, arena_);
  MOOT_CHECK(greeted.kind == session::ClientSession::Delivered::Kind::answer_greeting);

  out_.clear();
  to_sign_.clear();
  client_->put_cnn(out_, client, std::nullopt, to_sign_);
  session::sign_all(out_, to_sign_, &mac_);
  const wire::Frame cnn = read();
  const auto claim = server_->read_cnn(cnn, arena_);
  MOOT_CHECK(claim.has_value());
  const auto verdict =
      server_->judge_cnn(*claim, signed_right(cnn), {.usable = true, .chal_pinned = true}, server);
  if (verdict.kind != session::Verdict::Kind::deliver) return;  // clocks too far from each other
  write(server_->outgoing(), s::Any(server_->sinfo(server)), server);
  arena_.reset();
  const wire::Frame sinfo = read();
  client_->accept(sinfo, signed_right(sinfo), client, arena_);
}

bool SessionPair::open() const {
  return server_->open() && client_->phase() == session::ClientSession::Phase::open;
}

template <class Any>
void SessionPair::write(session::Outgoing& outgoing, const Any& cmd, Now now) {
  fields_.clear();
  out_.clear();
  to_sign_.clear();
  const std::uint32_t pairs = wire::encode_fields(fields_, cmd);
  const wire::Body body{wire::name_of(cmd), pairs, fields_.bytes(), wire::is_flat(cmd)};
  outgoing.put(out_, now.wall.seconds(), {&body, 1}, to_sign_);
  session::sign_all(out_, to_sign_, &mac_);
}

wire::Frame SessionPair::read() {
  MOOT_CHECK(reader_.next(out_.bytes(), limits::kFrameBytesMax) ==
             wire::FrameReader::Status::frame);
  MOOT_CHECK(reader_.frame().octets == out_.size());
  return reader_.frame();
}

std::optional<Kept<c::Any>> SessionPair::up(const c::Any& cmd, Now client, Now server) {
  write(client_->outgoing(), cmd, client);
  const wire::Frame frame = read();
  const auto got = server_->accept(frame, signed_right(frame), server);
  if (got.verdict.kind != session::Verdict::Kind::deliver) return std::nullopt;
  arena_.reset();
  const auto decoded = wire::decode_client(frame.cmd, frame.payload, arena_);
  MOOT_CHECK(decoded.has_value());
  return Kept<c::Any>(*decoded);
}

std::optional<Kept<s::Any>> SessionPair::down(const s::Any& cmd, Now server, Now client) {
  write(server_->outgoing(), cmd, server);
  const wire::Frame frame = read();
  arena_.reset();
  const auto got = client_->accept(frame, signed_right(frame), client, arena_);
  if (got.kind != session::ClientSession::Delivered::Kind::deliver) return std::nullopt;
  return Kept<s::Any>(got.command);
}

}  // namespace moot::sim
