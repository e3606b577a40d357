#include "net/fan_out.h"

#include <algorithm>

#include "net/worker.h"

namespace moot::net {
namespace {

constexpr std::uint32_t kNone = ~0u;
constexpr std::uint64_t kRetrySpread = 6;  // seconds

// The core says when the first may come back; they are spread, so that a server that restarts does
// not get all of them in one instant.
std::uint64_t spread(std::uint64_t retry_s, ConnId conn) {
  std::uint64_t x = conn.n + 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return retry_s + (x ^ x >> 31) % (kRetrySpread + 1);
}

}  // namespace

FanOut::FanOut(unsigned threads) : threads_(threads), boxes_(threads) {}

Outbox& FanOut::box(unsigned thread) {
  auto& b = boxes_[thread];
  if (!b) b = std::make_unique<Outbox>();
  return *b;
}

std::unique_ptr<Outbox> FanOut::take(unsigned thread) { return std::move(boxes_[thread]); }

bool FanOut::untaken() const {
  return !ops.empty() || !fetches.empty() || !key_wishes.empty() ||
         std::ranges::any_of(boxes_, [](const auto& b) { return b != nullptr; });
}

void FanOut::emit(const Out& out) {
  const unsigned thread = Worker::thread_of(out.conn);
  if (thread < threads_) box(thread).outs.push_back(out);
}

void FanOut::count(Conns to, const Piece& piece) {
  if (std::ranges::find(to, asking_) != to.end()) answered_[asking_] += piece.size;
}

Ticket FanOut::not_before(ConnId conn, Ticket after) const {
  const auto at = let_in_at_.find(conn);
  return at == let_in_at_.end() ? after : std::max(after, at->second);
}

void FanOut::send(Conns to, const s::Any& cmd, Ticket after) {
  if (const auto* err = std::get_if<s::Err>(&cmd)) {
    if (const auto code = parse_enum<Errc>(err->code)) {
      tallies.err[static_cast<std::size_t>(*code)].add();
    }
  }
  if (let_in_at_.empty()) return put(to, cmd, after);
  std::vector<ConnId> others;
  for (const ConnId conn : to) {
    if (const Ticket at = not_before(conn, after); at != after) {
      put({&conn, 1}, cmd, at);
    } else {
      others.push_back(conn);
    }
  }
  put(others, cmd, after);
}

void FanOut::put(Conns to, const s::Any& cmd, Ticket after) {
  if (to.empty() || threads_ == 0) return;
  if (!now(after)) {
    Outbox& h = held(after).box;
    const std::uint32_t piece = h.add(cmd);
    count(to, h.pieces[piece]);
    for (const ConnId conn : to) {
      h.outs.push_back({.kind = Out::Kind::send, .piece = piece, .conn = conn});
    }
    return;
  }
  Outbox* source = nullptr;  // where it was encoded
  std::uint32_t source_piece = kNone;
  struct Place {
    Outbox* box;
    std::uint32_t piece;
  };
  Place of[256];  // of the threads; only the first `threads_` of them are set
  std::fill_n(of, threads_, Place{});
  for (const ConnId conn : to) {
    const unsigned t = Worker::thread_of(conn);
    if (t >= threads_) continue;
    Place& place = of[t];
    if (place.box == nullptr) {
      place.box = &box(t);
      place.piece =
          source == nullptr ? place.box->add(cmd) : place.box->copy(*source, source_piece);
      if (source == nullptr) {
        source = place.box;
        source_piece = place.piece;
      }
    }
    place.box->outs.push_back({.kind = Out::Kind::send, .piece = place.piece, .conn = conn});
  }
  if (source != nullptr) count(to, source->pieces[source_piece]);
}

void FanOut::sinfo(ConnId to, std::optional<std::uint64_t> ref, Ticket after) {
  const Out out{
      .kind = Out::Kind::sinfo, .has_ref = ref.has_value(), .conn = to, .value = ref.value_or(0)};
  if (!now(after) && !ref) let_in_at_[to] = after;
  now(after) ? emit(out) : held(after).box.outs.push_back(out);
}

void FanOut::close(ConnId conn, DcnnCode code, std::string_view sentence,
                   std::optional<std::uint64_t> retry_s, Ticket after) {
  const unsigned t = Worker::thread_of(conn);
  if (t >= threads_) return;
  tallies.dcnn[static_cast<std::size_t>(code)].add();
  if (code == DcnnCode::shutdown && retry_s) retry_s = spread(*retry_s, conn);
  Outbox& b = now(after) ? box(t) : held(after).box;
  const std::uint32_t piece =
      b.add(s::Dcnn{.code = text(code), .message = sentence, .retry_s = retry_s});
  b.outs.push_back({.kind = Out::Kind::close, .piece = piece, .conn = conn});
}

void FanOut::finish(ConnId conn) { emit({.kind = Out::Kind::finish, .conn = conn}); }

Ticket FanOut::persist(op::Any op) {
  ops.push_back(std::move(op));
  return Ticket{++ticket_.n};
}

void FanOut::fetch_offline(ConnId conn, const Kid& kid, std::uint64_t after_seq) {
  fetches.push_back({conn, kid, after_seq});
}
void FanOut::need_key(ConnId conn, const UserId& account, const std::optional<Kid>& existing) {
  key_wishes.push_back({conn, account, existing});
}

void FanOut::mark(ConnId conn, std::uint64_t token) {
  const Out out{.kind = Out::Kind::mark, .conn = conn, .value = token};
  const Ticket after = not_before(conn, {});
  now(after) ? emit(out) : held(after).box.outs.push_back(out);
}
void FanOut::seen(ConnId conn, std::uint64_t nonce) {
  emit({.kind = Out::Kind::seen, .conn = conn, .value = nonce});
}
void FanOut::when_drained(ConnId conn, Ticket after) {
  const Out out{.kind = Out::Kind::drained, .conn = conn};
  after = not_before(conn, after);
  now(after) ? emit(out) : held(after).box.outs.push_back(out);
}
void FanOut::pause(ConnId conn, Tick until) {
  emit({.kind = Out::Kind::pause, .conn = conn, .value = static_cast<std::uint64_t>(until.ms)});
}
void FanOut::queue_max(ConnId conn, std::size_t octets) {
  emit({.kind = Out::Kind::queue_max, .conn = conn, .value = octets});
}

void FanOut::keys(ConnId conn, KeyAnswer answer) {
  const unsigned t = Worker::thread_of(conn);
  if (t >= threads_) return;
  Outbox& b = box(t);
  b.outs.push_back({.kind = Out::Kind::keys, .conn = conn, .value = b.answers.size()});
  b.answers.push_back(std::move(answer));
}

void FanOut::wall(ConnId conn, const WallAnswer& answer) {
  const unsigned t = Worker::thread_of(conn);
  if (t >= threads_) return;
  Outbox& b = box(t);
  b.outs.push_back({.kind = Out::Kind::wall, .conn = conn, .value = b.walls.size()});
  b.walls.push_back(answer);
}

void FanOut::release(Ticket upto) {
  committed_ = std::max(committed_, upto);
  std::erase_if(let_in_at_, [&](const auto& each) { return now(each.second); });
  while (!held_.empty() && held_.begin()->first <= committed_.n) {
    const Held h = std::move(held_.begin()->second);
    held_.erase(held_.begin());
    std::vector<std::uint32_t> piece_of(h.box.pieces.size() * threads_, kNone);
    for (Out out : h.box.outs) {
      const unsigned t = Worker::thread_of(out.conn);
      if (t >= threads_) continue;
      if (out.kind == Out::Kind::send || out.kind == Out::Kind::close) {
        std::uint32_t& there = piece_of[out.piece * threads_ + t];
        if (there == kNone) there = box(t).copy(h.box, out.piece);
        out.piece = there;
      }
      emit(out);
    }
  }
}

}  // namespace moot::net
