#include "bench/still_server.h"

#include <array>

#include "base/check.h"

namespace moot::bench {
namespace {

constexpr Now kNoon{{1'000'000}, {1'700'000'000'000}};
constexpr std::uint64_t kFirstNonce = 1'000;

bool is_nfc(std::string_view) { return true; }
std::string fold(std::string_view text) { return std::string(text); }
constexpr TextRules kText{&is_nfc, &fold};

Kid kid_of(std::size_t n) {
  Kid kid;
  put_be64(kid.octets.data(), 0x9e3779b97f4a7c15 * (n + 1));
  return kid;
}

template <class T>
constexpr bool kOfChannels = std::same_as<T, op::PutChannel> || std::same_as<T, op::PutMember> ||
                             std::same_as<T, op::PutRecord> || std::same_as<T, op::PutStampKey> ||
                             std::same_as<T, op::PutClockMark>;

}  // namespace

extern "C" [[gnu::noinline]] void moot_counted(void (*work)(void*), void* of) { work(of); }

ServerSnapshot StillServer::accounts(std::size_t n) {
  ServerSnapshot stored;
  for (std::size_t i = 0; i < n; ++i) {
    stored.accounts.push_back(
        {.id = user(i), .name = std::string(user(i).str()), .created = kNoon.wall});
    Credential c{.kid = kid_of(i), .account = user(i), .sealed = {1}, .created = kNoon.wall};
    c.chal_pinned = true;
    c.last_used_day = static_cast<std::uint32_t>(kNoon.wall.ms / 86'400'000);
    put_be64(c.dup.octets.data(), i);
    stored.credentials.push_back(c);
  }
  return stored;
}

// The shipped defaults, but for rates nobody here reaches.
server::Config StillServer::config() {
  server::Config c;
  c.presence = server::PresenceMode::off;
  c.channels.lobby = false;
  c.rates.commands_per_s = c.rates.commands_burst = 1'000'000'000;
  c.rates.bytes_per_s = c.rates.bytes_burst = 1'000'000'000'000;
  return c;
}

StillServer::StillServer(std::size_t n) : disk_(accounts(n)), clients_(n) {
  info_.srv = "moot.local";
  info_.server_name = "moot.local";
  core_ = std::make_unique<server::Core>(config(), kText, disk_, records_, now_);
  core_->start(now_, fx_);
  sync();
}

UserId StillServer::user(std::size_t n) { return *UserId::parse("u" + std::to_string(n)); }

MsgId StillServer::fresh_id() {
  std::array<std::uint8_t, 10> random{};
  put_be32(random.data() + 6, ++ids_);
  return MsgId::make(now_.wall, random);
}

void StillServer::prepare(std::size_t n) {
  Client& c = clients_[n];
  c = Client();
  c.conn = {std::uint64_t{++generation_} << 32 | n << 8};
  c.out.start(kFirstNonce * generation_);
  Challenge chal;
  chal.octets.fill(7);
  const c::Cnn cnn{.id = user(n), .kid = kid_of(n), .srv = info_.srv, .chal = chal, .batch = true};
  say(n, cnn);
  said_.pop_back();
}

void StillServer::admit(std::size_t n) {
  Client& c = clients_[n];
  Challenge chal;
  chal.octets.fill(7);
  c.session.emplace(session::ListenerRules{}, info_, chal, now_, limits::kCnnTimeout);
  c.session->greet(tx_, now_);
  MOOT_CHECK(c.reader.next(c.in.bytes(), c.session->payload_max()) ==
             wire::FrameReader::Status::frame);
  const auto claim = c.session->read_cnn(c.reader.frame(), arena_);
  MOOT_CHECK(claim.has_value());
  const Credential* credential = core_->find(claim->cnn.id, *claim->cnn.kid);
  MOOT_CHECK(credential != nullptr);
  const auto verdict =
      c.session->judge_cnn(*claim, true, core_->facts(*credential, *claim, now_), now_);
  MOOT_CHECK(verdict.kind == session::Verdict::Kind::deliver);
  core_->admit(now_,
               {.conn = c.conn,
                .kid = credential->kid,
                .nonce = claim->nonce,
                .timestamp = claim->timestamp,
                .batch = true},
               fx_);
  arena_.reset();
  c.in.clear();
  deliver();
}

void StillServer::connect(std::size_t n) {
  prepare(n);
  admit(n);
  clients_[n].out.set_batch(true, info_.max_frame);
}

void StillServer::gone(std::size_t n) {
  core_->gone(now_, clients_[n].conn, fx_);
  deliver();
}

void StillServer::say(std::size_t n, std::span<const c::Any> cmds) {
  Client& c = clients_[n];
  Buffer fields;
  std::vector<std::pair<std::size_t, std::uint32_t>> parts;
  for (const c::Any& cmd : cmds) {
    const std::size_t at = fields.size();
    const std::uint32_t pairs = wire::encode_fields(fields, cmd);
    parts.emplace_back(at, pairs);
  }
  std::vector<wire::Body> bodies;
  for (std::size_t i = 0; i < cmds.size(); ++i) {
    const std::size_t end = i + 1 < cmds.size() ? parts[i + 1].first : fields.size();
    bodies.push_back({wire::name_of(cmds[i]), parts[i].second,
                      fields.bytes().subspan(parts[i].first, end - parts[i].first),
                      wire::is_flat(cmds[i])});
  }
  std::vector<session::Unsigned> made;
  c.out.put(c.in, now_.wall.seconds(), bodies, made);
  Mac mac;
  mac.fill(0x5a);
  for (const session::Unsigned& u : made) wire::put_signature(c.in, u.slot, mac);
  if (std::ranges::find(said_, n) == said_.end()) said_.push_back(n);
}

void StillServer::turn() {
  now_.tick = now_.tick + Millis{1};
  now_.wall.ms += 1;
  fx_.begin_turn();
  if (core_->next_deadline() <= now_.tick) core_->tick(now_, fx_);
  for (const std::size_t n : said_) read(clients_[n]);
  said_.clear();
  deliver();
}

void StillServer::read(Client& c) {
  std::size_t used = 0;
  while (used < c.in.size()) {
    const Bytes rest = c.in.bytes().subspan(used);
    MOOT_CHECK(c.reader.next(rest, c.session->payload_max()) == wire::FrameReader::Status::frame);
    const wire::Frame& frame = c.reader.frame();
    const auto got = c.session->accept(frame, true, now_);
    MOOT_CHECK(got.verdict.kind == session::Verdict::Kind::deliver);
    fx_.asking(c.conn);
    core_->frame(now_, {c.conn, got.nonce, frame.cmd, frame.payload, frame.octets}, fx_);
    fx_.asking({});
    used += frame.octets;
  }
  c.session->on_octets(now_, false, 0);
  c.in.clear();
}

void StillServer::deliver() {
  const std::unique_ptr<net::Outbox> box = fx_.take(0);
  if (!box) return;
  net::Outbox own;
  for (const net::Out& out : box->outs) {
    const std::size_t n = out.conn.n >> 8 & 0xffffff;
    Client& c = clients_[n];
    MOOT_CHECK(out.kind != net::Out::Kind::close);
    if (out.conn != c.conn) continue;
    if (out.kind == net::Out::Kind::sinfo) own.add(c.session->sinfo(now_));
    if (out.kind != net::Out::Kind::send) continue;
    if (c.bodies.empty()) touched_.push_back(n);
    c.bodies.push_back(box->body(out.piece));
  }
  for (const std::size_t n : touched_) build(clients_[n]);
  touched_.clear();
  frames_out_ += unsigned_.size();
  unsigned_.clear();
  tx_.clear();
}

void StillServer::build(Client& c) {
  c.session->outgoing().put(tx_, now_.wall.seconds(), c.bodies, unsigned_);
  commands_out_ += c.bodies.size();
  c.bodies.clear();
}

void StillServer::sync() {
  for (const op::Any& o : fx_.ops) {
    std::visit(
        [&]<class T>(const T&) {
          if constexpr (kOfChannels<T>) apply_to(disk_, records_, o);
        },
        o);
  }
  fx_.ops.clear();
  fx_.release(fx_.newest());
  core_->committed(now_, fx_.newest(), fx_);
  deliver();
}

}  // namespace moot::bench
