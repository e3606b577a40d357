#include "net/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include <malloc.h>
#include <sys/socket.h>

#include "net/log.h"

namespace moot::net {
namespace {

using Phase = Connection::Phase;
using Fault = SourceLimits::Fault;
constexpr Seconds kLinger{1};
// What a turn needed beyond this is given back when no turn needed as much for a while.
constexpr std::size_t kTurnBytesKept = 256 * 1024;
constexpr std::size_t kQuietBytesKept = 1024 * 1024;
constexpr Seconds kTurnBytesRest{1};

ConnId make_id(unsigned thread, std::uint32_t slot, std::uint32_t generation) {
  return {std::uint64_t{generation} << 32 | std::uint64_t{slot} << 8 | thread};
}
std::uint32_t slot_of(std::uint64_t id) { return static_cast<std::uint32_t>(id >> 8 & 0xffffff); }

}  // namespace

Worker::Worker(unsigned index, const session::ServerInfo& info, Millis cnn_timeout,
               const seal::Vault& vault, QueueBudget& queues, HubPort& hub)
    : index_(index),
      info_(info),
      cnn_timeout_(cnn_timeout),
      vault_(vault),
      budget_(queues),
      hub_(hub),
      now_(read_clocks()),
      wheel_(now_.tick) {}
Worker::~Worker() = default;

// ---- from any thread ----------------------------------------------------------------------

void Worker::wake() {
  boost::asio::post(ctx_, [] {});
}
void Worker::accept(Accepted a) {
  load_.fetch_add(1, std::memory_order_relaxed);
  if (newcomers_.put(std::move(a))) wake();
}
void Worker::deliver_later(std::unique_ptr<Outbox> box) {
  const std::size_t memory = box->memory();
  if (boxes_.put(std::move(box), memory)) wake();
}
void Worker::order(Order o) {
  if (orders_.put(std::move(o))) wake();
}

// ---- a turn -------------------------------------------------------------------------------

Tick Worker::next_timer() const { return std::min({wheel_.next(), large_over_at_, quiet_at_}); }

void Worker::wait(Tick until) {
  poller_.arm();
  if (!held_ && (poller_.pending() || !resumed_.empty() || !queues_.empty())) {
    ctx_.poll();
  } else {
    const Millis most{60'000};
    const Millis time = std::clamp(until - clocks().tick, Millis{0}, most);
    ctx_.run_one_for(time);
    ctx_.poll();
  }
  now_ = clocks();
}

void Worker::receive() {
  // Before anything of this turn stands in what is given back.
  if (now_.tick >= std::min(large_over_at_, quiet_at_)) give_back();
  take_orders();
  take_newcomers();
  run_timers();
  if (held_) return;
  ready();
  process();
  tell_queues();
}

void Worker::take_orders() {
  orders_.take(ordered_);
  for (const Order& o : ordered_) {
    switch (o.kind) {
      case Order::Kind::none:
        break;
      case Order::Kind::configure:
        configure(o);
        break;
      case Order::Kind::drain:
        draining_ = true;
        for_each([&](Connection& c) {
          if (c.phase < Phase::open) drop(c, Fault::none);
        });
        break;
      case Order::Kind::stop:
        stopped_ = true;
        for_each([&](Connection& c) { drop(c, Fault::none, true); });
        break;
    }
  }
}

void Worker::configure(const Order& o) {
  info_ = *o.info;
  cnn_timeout_ = o.cnn_timeout;
  for_each([&](Connection& c) {
    if (c.phase < Phase::open) {
      // It was greeted with other values than the signed SINFO would tell (protocol.md 5.4).
      drop(c, Fault::none);
    } else if (c.phase == Phase::open) {
      c.session->reconfigured();
      put(c, local_, local_.add(c.session->sinfo(now_)));
      arm(c);
    }
  });
}

// ---- connections --------------------------------------------------------------------------

Connection* Worker::find(ConnId id) {
  const std::uint32_t slot = slot_of(id.n);
  if (thread_of(id) != index_ || slot >= slots_.size() || !slots_[slot]) return nullptr;
  return slots_[slot]->id == id ? &*slots_[slot] : nullptr;
}

void Worker::take_newcomers() {
  newcomers_.take(accepted_);
  for (Accepted& a : accepted_) add(std::move(a));
  accepted_.clear();
}

void Worker::add(Accepted a) {
  if (draining_) {
    if (a.counted) hub_.settled(a.peer, Fault::none);
    load_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.grow();
    generations_.push_back(0);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Connection& c = slots_[slot].emplace();
  c.slot = slot;
  c.id = make_id(index_, slot, ++generations_[slot]);
  c.transport = std::move(a.transport);
  c.peer = a.peer;
  c.counted = a.counted;
  Challenge chal;
  seal::random_bytes(chal.octets);
  c.session.emplace(a.rules, info_, chal, now_, cnn_timeout_);
  tallies_.connections.add();
  if (!poller_.add(c.transport.fd(), c.id.n, true, false)) {
    drop(c, Fault::none);
    return;
  }
  log::debug("conn.open", {{"conn", c.id.n}, {"tls", c.transport.tls()}});
  arm(c);
  if (c.transport.tls()) {
    on_handshake(c);
  } else if (a.front) {
    c.front = a.front;
    c.phase = Phase::fronted;
    c.close_by = now_.tick + limits::kProxyHeaderDeadline;
    arm(c);
    read_front(c);
  } else {
    identified(c, std::move(a.identities));
  }
}

// All is known of the other end that will be known before CNN.
void Worker::identified(Connection& c, std::vector<WallIdentity> identities,
                        const std::optional<Address>& source) {
  if (c.session->auth() == session::Auth::key) {
    greet(c);
    return;
  }
  c.phase = Phase::walled;
  hub_.look_up_wall({c.id, std::move(identities), source});
}

// It is one more connection of its source no longer.
void Worker::settle(Connection& c, Fault fault) {
  if (std::exchange(c.counted, false)) hub_.settled(c.peer, fault);
}

void Worker::greet(Connection& c) {
  c.phase = Phase::greeted;
  tx_.clear();
  c.session->greet(tx_, now_);
  send(c, tx_.bytes(), 1);
  tx_.clear();
}

void Worker::ask(Connection& c, bool read, bool write) {
  if (c.readable == read && c.writable == write) return;
  c.readable = read;
  c.writable = write;
  poller_.change(c.transport.fd(), c.id.n, read, write);
}

// ---- ends ---------------------------------------------------------------------------------

// The core's part in the connection is over.
void Worker::leave_open(Connection& c) {
  if (c.phase == Phase::open) hub_.gone(c.id);
}

void Worker::goodbye(Connection& c, DcnnCode code, std::string_view sentence) {
  log::info("conn.dcnn", {{"conn", c.id.n}, {"code", text(code)}});
  tallies_.dcnn[static_cast<std::size_t>(code)].add();
  end_with(c, local_, local_.add(s::Dcnn{.code = text(code), .message = sentence}));
}

void Worker::end_with(Connection& c, const Outbox& box, std::uint32_t piece) {
  if (c.phase >= Phase::closing) return;
  put(c, box, piece);
  begin_closing(c);
}

void Worker::begin_closing(Connection& c) {
  if (c.phase >= Phase::closing) return;
  settle(c, Fault::none);
  leave_open(c);
  c.phase = Phase::closing;
  c.close_by = now_.tick + kLinger;
  c.in.clear();
  touch(c);
  arm(c);
}

void Worker::sent_all(Connection& c) {
  c.transport.finish();
  c.phase = Phase::lingering;
  c.close_by = now_.tick + kLinger;
  ask(c, true, false);
  arm(c);
}

void Worker::count_silent(Silent why) { tallies_.silent[static_cast<std::size_t>(why)].add(); }

void Worker::drop(Connection& c, Fault fault, bool reset) {
  settle(c, fault);
  if (c.phase < Phase::open) {
    switch (fault) {
      case Fault::none:
        break;
      case Fault::no_cnn:
        count_silent(Silent::no_cnn);
        break;
      case Fault::auth_failure:
        count_silent(Silent::auth_failure);
        break;
      case Fault::protocol_error:
        count_silent(Silent::protocol_error);
        break;
    }
  }
  leave_open(c);
  log::debug("conn.closed", {{"conn", c.id.n}});
  unqueued(c.out.size());
  keys_.drop(c.key);
  if (c.transport.open()) {
    poller_.remove(c.transport.fd());
    if (reset) {
      const linger now{1, 0};
      setsockopt(c.transport.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
  }
  const std::uint32_t slot = c.slot;
  slots_[slot].reset();
  free_.push_back(slot);
  load_.fetch_sub(1, std::memory_order_relaxed);
}

// ---- time ---------------------------------------------------------------------------------

Tick Worker::deadline(const Connection& c) const {
  if (c.phase >= Phase::closing) return c.close_by;
  // He has said who he is: what takes time now is ours.
  if (c.phase == Phase::checking) return Connection::kFar;
  if (c.phase == Phase::fronted) return std::min(c.close_by, c.session->deadline());
  Tick at = c.session->deadline();
  // What we do not read cannot be late.
  if (c.paused_until > now_.tick) at = c.paused_until;
  if (c.queued) at = std::min(at, c.queued->stalled_since + limits::kWriteStall);
  return at;
}

void Worker::arm(Connection& c) {
  const Tick at = deadline(c);
  if (at >= c.armed) return;
  c.armed = at;
  wheel_.add(at, c.id.n);
}

// A turn that needed much memory leaves it to the next ones: a burst has many of them.
void Worker::note_use(std::size_t octets) {
  if (octets == 0) return;
  used_ += octets;
  if (octets > kTurnBytesKept) large_over_at_ = now_.tick + kTurnBytesRest;
  if (used_ > kQuietBytesKept) quiet_at_ = now_.tick + kTurnBytesRest;
}

void Worker::give_back() {
  MOOT_CHECK(touched_.empty() && refs_.empty() && work_.empty());
  large_over_at_ = quiet_at_ = Connection::kFar;
  used_ = 0;
  rx_.reset();
  tx_.release();
  work_ = {};
  jobs_ = {};
  macs_ = {};
  refs_ = {};
  built_ = {};
  unsigned_ = {};
  unsigned_slot_ = {};
  bodies_ = {};
  touched_ = {};
  // What the core and the hub's boxes freed lies in between what lives.
  malloc_trim(0);
}

void Worker::run_timers() {
  due_.clear();
  wheel_.advance(now_.tick, due_);
  for (const std::uint64_t id : due_) {
    Connection* c = find({id});
    // An entry that was overtaken by an earlier one is nobody's.
    if (c == nullptr || c->armed > now_.tick) continue;
    c->armed = Connection::kFar;
    on_time(*c);
    if (Connection* still = find({id})) arm(*still);
  }
}

void Worker::on_time(Connection& c) {
  if (c.phase >= Phase::closing) {
    if (now_.tick >= c.close_by) drop(c, Fault::none, true);
    return;
  }
  if (c.phase == Phase::checking) return;
  if (c.phase == Phase::fronted && now_.tick >= c.close_by) {
    log::warn("proxy.refused", {{"conn", c.id.n}, {"reason", front_text(kFrontLate)}});
    tallies_.fronts[kFrontLate].add();
    drop(c, Fault::protocol_error);
    return;
  }
  if (c.queued && now_.tick - c.queued->stalled_since >= limits::kWriteStall) {
    log::info("conn.stalled", {{"conn", c.id.n}});
    count_silent(Silent::stalled);
    drop(c, Fault::none, true);
    return;
  }
  if (c.paused_until.ms != 0) {
    if (now_.tick < c.paused_until) return;
    c.paused_until = {0};
    // The frame under way was not slow: we did not read.
    c.session->on_octets(now_, true, c.in.size());
    ask(c, true, c.writable);
    if (c.transport.tls()) resume(c);
  }
  const session::Verdict v = c.session->on_deadline(now_);
  if (v.kind == session::Verdict::Kind::close) {
    drop(c, Fault::no_cnn);
  } else if (v.kind == session::Verdict::Kind::dcnn) {
    goodbye(c, v.code, v.message);
  }
}

}  // namespace moot::net
