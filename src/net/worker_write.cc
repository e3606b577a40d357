#include <algorithm>
#include <utility>

#include "net/log.h"
#include "net/worker.h"

// From the hub's boxes to signed frames on their way.
namespace moot::net {
namespace {

using Phase = Connection::Phase;
using Fault = SourceLimits::Fault;
using Io = Transport::Io;

// Frames of one turn are built and signed in portions of this size.
constexpr std::size_t kPortion = 4 * 1024 * 1024;
constexpr std::size_t kMarksMax = limits::kKeptAcksPerAuthor;

}  // namespace

void Worker::deliver_waiting() {
  if (boxes_.take(waiting_)) on_room();
  for (auto& box : waiting_) deliver(std::move(box));
  waiting_.clear();
}

void Worker::deliver(std::unique_ptr<Outbox> box) {
  for (const Out& out : box->outs) apply(*box, out);
  taken_.push_back(std::move(box));
  run_checks();
}

void Worker::apply(Outbox& box, const Out& out) {
  Connection* c = find(out.conn);
  if (out.kind == Out::Kind::wall) {
    const WallAnswer& answer = box.walls[out.value];
    if (c != nullptr) {
      on_wall(*c, answer);
    } else if (answer.counted) {
      hub_.settled(*answer.counted, Fault::none);  // it went before it was counted
    }
    return;
  }
  if (c == nullptr) return;
  if (out.kind == Out::Kind::keys) {
    checks_.push_back({c->id, std::move(box.answers[out.value])});
    return;
  }
  if (c->phase != Phase::open) return;
  switch (out.kind) {
    case Out::Kind::send:
      put(*c, box, out.piece);
      break;
    case Out::Kind::sinfo: {
      const auto ref = out.has_ref ? std::optional(out.value) : std::nullopt;
      put(*c, local_, local_.add(c->session->sinfo(now_, ref)));
      break;
    }
    case Out::Kind::close:
      end_with(*c, box, out.piece);
      break;
    case Out::Kind::finish:
      begin_closing(*c);
      break;
    case Out::Kind::mark:
      if (!c->marks) c->marks = std::make_unique<Connection::Marks>();
      c->marks->fresh.push_back(out.value);
      touch(*c);
      break;
    case Out::Kind::seen:
      on_seen(*c, out.value);
      break;
    case Out::Kind::pause:
      c->paused_until = {static_cast<std::int64_t>(out.value)};
      log::debug("conn.paused", {{"conn", c->id.n}});
      arm(*c);
      break;
    case Out::Kind::queue_max:
      c->queue_max = static_cast<std::uint32_t>(out.value);
      break;
    case Out::Kind::drained:
      c->drain_asked = true;
      touch(*c);
      break;
    case Out::Kind::keys:
    case Out::Kind::wall:
      break;
  }
}

void Worker::on_seen(Connection& c, std::uint64_t nonce) {
  const auto index = c.session->sent_index(nonce);
  if (!index) {
    log::debug("conn.seen_unsent", {{"conn", c.id.n}});
    return;
  }
  if (!c.marks) return;
  auto& placed = c.marks->placed;
  while (!placed.empty() && placed.front().first <= *index) {
    hub_.reached(c.id, placed.front().second);
    placed.pop_front();
  }
  if (placed.empty() && c.marks->fresh.empty()) c.marks.reset();
}

void Worker::touch(Connection& c) {
  if (c.touched) return;
  c.touched = true;
  touched_.push_back(c.id);
}

void Worker::put(Connection& c, const Outbox& box, std::uint32_t piece) {
  const auto n = static_cast<std::uint32_t>(refs_.size());
  refs_.push_back({&box, piece, Connection::kNone});
  if (c.last == Connection::kNone) {
    c.first = n;
  } else {
    refs_[c.last].next = n;
  }
  c.last = n;
  touch(c);
}

void Worker::flush() {
  run_checks();
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    Connection* c = find(touched_[i]);
    if (c == nullptr) continue;
    build(*c);
    if (tx_.size() >= kPortion) sign_and_send();
  }
  sign_and_send();
  note_use(rx_used_ + std::exchange(signed_, 0) + refs_.size() * sizeof(Ref));
  rx_used_ = 0;
  touched_.clear();
  refs_.clear();
  taken_.clear();
  local_.clear();
  if (tx_.capacity() > 2 * kPortion) tx_.release();
  keys_.trim();
  if (budget_.over()) end_longest_queues();
}

void Worker::build(Connection& c) {
  c.touched = false;
  bodies_.clear();
  std::size_t octets = c.out.size();
  for (std::uint32_t n = c.first; n != Connection::kNone; n = refs_[n].next) {
    const Outbox& from = *refs_[n].box;
    bodies_.push_back(from.body(refs_[n].piece));
    tallies_.commands_out[from.pieces[refs_[n].piece].kind].add();
    octets += bodies_.back().fields.size() + limits::kHeaderBytesMax;
  }
  c.first = c.last = Connection::kNone;
  Outbox last_word;
  const std::size_t frames = c.queued ? c.queued->frames : 0;
  if (!c.out.empty() && c.phase == Phase::open &&
      (octets > c.queue_max || frames > limits::kSendQueueReplicaFrames)) {
    // protocol.md 10: what is queued stays queued, nothing is added but the reason.
    log::info("conn.sendq", {{"conn", c.id.n}, {"octets", octets}, {"frames", frames}});
    tallies_.dcnn[static_cast<std::size_t>(DcnnCode::sendq)].add();
    const std::uint32_t piece = last_word.add(
        s::Dcnn{.code = text(DcnnCode::sendq),
                .message = "This connection reads too slowly; connect again and catch up."});
    bodies_.assign(1, last_word.body(piece));
    c.touched = true;  // it is being built: no second time
    begin_closing(c);
    c.touched = false;
  }
  const std::size_t begin = tx_.size();
  const std::uint64_t frames_before = c.session->outgoing().frames();
  if (!bodies_.empty()) c.session->outgoing().put(tx_, now_.wall.seconds(), bodies_, unsigned_);
  unsigned_slot_.resize(unsigned_.size(), c.slot);
  if (c.marks && !c.marks->fresh.empty()) {
    // The turn's last frame: whoever saw it saw what was marked.
    for (const std::uint64_t token : c.marks->fresh) {
      c.marks->placed.emplace_back(c.session->outgoing().frames() - 1, token);
      if (c.marks->placed.size() > kMarksMax) c.marks->placed.pop_front();
    }
    c.marks->fresh.clear();
    c.marks->fresh.shrink_to_fit();
  }
  const auto added = static_cast<std::size_t>(c.session->outgoing().frames() - frames_before);
  built_.push_back({c.id, begin, tx_.size(), added});
}

void Worker::sign_and_send() {
  signed_ += tx_.size();
  macs_.resize(unsigned_.size());
  jobs_.clear();
  for (std::size_t i = 0; i < unsigned_.size(); ++i) {
    const wire::FrameSlot& slot = unsigned_[i].slot;
    if (slots_[unsigned_slot_[i]]->session->unsigned_frames()) continue;
    jobs_.push_back({&keys_.mac(slots_[unsigned_slot_[i]]->key),
                     tx_.bytes().subspan(slot.payload, slot.payload_len),
                     {},
                     &macs_[i]});
  }
  sign_many(jobs_);
  for (std::size_t i = 0; i < unsigned_.size(); ++i) {
    if (slots_[unsigned_slot_[i]]->session->unsigned_frames()) {
      wire::put_zero_signature(tx_, unsigned_[i].slot);
    } else {
      wire::put_signature(tx_, unsigned_[i].slot, macs_[i]);
    }
  }
  for (const Built& b : built_) {
    if (Connection* c = find(b.conn))
      send(*c, tx_.bytes().subspan(b.begin, b.end - b.begin), b.frames);
  }
  built_.clear();
  unsigned_.clear();
  unsigned_slot_.clear();
  tx_.clear();
}

void Worker::send(Connection& c, Bytes octets, std::size_t frames) {
  std::size_t sent = 0;
  if (c.out.empty() && !octets.empty()) {
    if (c.transport.write(octets, sent) == Io::closed) {
      drop(c, Fault::no_cnn);
      return;
    }
  }
  tallies_.frames_out.add(frames);
  tallies_.octets_out.add(sent);
  queued(octets.size() - sent);
  c.out.put(octets.subspan(sent));
  if (sent < octets.size()) {
    if (!c.queued) {
      c.queued = std::make_unique<Connection::Queued>();
      c.queued->stalled_since = now_.tick;
    }
    c.queued->turns.push_back({octets.size() - sent, frames});
    c.queued->frames += frames;
  }
  watch_queue(c);
  if (c.out.empty()) {
    if (c.phase == Phase::closing) sent_all(c);
    return;
  }
  ask(c, c.readable, true);
  arm(c);
}

void Worker::send_backlog(Connection& c) {
  std::size_t sent = 0;
  const Io io = c.transport.write(c.out.bytes(), sent);
  if (io == Io::closed) {
    drop(c, Fault::no_cnn);
    return;
  }
  if (sent > 0) c.queued->stalled_since = now_.tick;
  tallies_.octets_out.add(sent);
  unqueued(sent);
  c.out.drop_front(sent);
  for (auto& turns = c.queued->turns; sent > 0;) {
    const std::size_t n = std::min(sent, turns.front().octets);
    turns.front().octets -= n;
    sent -= n;
    if (turns.front().octets > 0) continue;
    c.queued->frames -= turns.front().frames;
    turns.pop_front();
  }
  watch_queue(c);
  if (!c.out.empty()) return;
  c.out.release();
  c.queued.reset();
  ask(c, c.readable, false);
  if (c.phase == Phase::closing) sent_all(c);
}

void Worker::queued(std::size_t octets) {
  if (octets == 0) return;
  tallies_.queued.add(octets);
  budget_.add(octets);
}

void Worker::unqueued(std::size_t octets) {
  if (octets == 0) return;
  tallies_.queued.take(octets);
  budget_.take(octets);
}

// At once and without a word: the word would wait behind all that stands there.
void Worker::end_longest_queues() {
  std::vector<std::pair<std::size_t, ConnId>> by_length;
  for_each([&](const Connection& c) {
    if (!c.out.empty()) by_length.emplace_back(c.out.size(), c.id);
  });
  std::ranges::sort(by_length, [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [octets, id] : by_length) {
    if (!budget_.over()) return;
    log::warn("conn.queues_full", {{"conn", id.n}, {"octets", octets}});
    count_silent(Silent::queues_full);
    drop(*find(id), Fault::none, true);
  }
}

// The hub is told in the next turn: steps of the core belong to its beginning.
void Worker::watch_queue(Connection& c) {
  const bool above = c.out.size() > limits::kSendQueueSoftBytes;
  if (above != c.behind || (!above && c.drain_asked)) queues_.push_back(c.id);
}

void Worker::tell_queues() {
  for (const ConnId id : queues_) {
    Connection* c = find(id);
    if (c == nullptr || c->phase != Phase::open) continue;
    const bool above = c->out.size() > limits::kSendQueueSoftBytes;
    if (above && !std::exchange(c->behind, true)) hub_.behind(id);
    if (above) continue;
    c->behind = false;
    if (std::exchange(c->drain_asked, false)) hub_.drained(id);
  }
  queues_.clear();
}

}  // namespace moot::net
