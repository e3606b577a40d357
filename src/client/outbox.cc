#include "client/outbox.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "client/content.h"

namespace moot::client {
namespace {

// A window drains before the next one starts, so the server's buckets never stay empty for a
// minute on our account (protocol.md 10).
constexpr std::size_t kWindowMessages = 128;
constexpr std::size_t kWindowBytes = 512 * 1024;

constexpr Millis kResendFirst = std::chrono::minutes(10);
constexpr Millis kResendMax = std::chrono::hours(1);
constexpr Millis kHoldMax = std::chrono::minutes(10);
constexpr Millis kHoldQueueFull = std::chrono::seconds(15);
constexpr Millis kHoldNotConnected = std::chrono::seconds(30);
constexpr Millis kHoldBusy = std::chrono::seconds(2);
constexpr unsigned kRenumberMax = 3;

}  // namespace

void Outbox::load(std::vector<PrivateMessage> stored) {
  for (PrivateMessage& m : stored) {
    note_id(m.peer, m.msg_id);
    const std::uint64_t order = next_order_++;
    by_id_.emplace(m.msg_id, order);
    Entry e;
    e.m = std::move(m);
    if (e.m.state == MessageState::sent) {
      e.at = At::safe;
    } else {
      e.at = At::waiting;
      waiting_.insert(order);
    }
    entries_.emplace(order, std::move(e));
  }
}

MsgId Outbox::new_id(const UserId& peer, std::span<const std::uint8_t, 10> random) {
  // protocol.md 4: never below the newest id of the conversation.
  MsgId id = MsgId::make(cx_->server_now(), random);
  const auto newest = newest_.find(peer);
  if (newest != newest_.end() && id <= newest->second) id = newest->second.next();
  newest_[peer] = id;
  return id;
}

void Outbox::note_id(const UserId& peer, const MsgId& id) {
  MsgId& newest = newest_[peer];
  newest = std::max(newest, id);
}

Result<MsgId> Outbox::add(New message) {
  if (entries_.size() >= limits::kOutboxMessages) {
    return moot::fail("Already " + std::to_string(entries_.size()) +
                      " messages of yours are not confirmed by those they are for; send more when "
                      "they are.");
  }
  auto msg = write_text(message.text, message.re);
  if (!msg) return std::unexpected(msg.error());
  if (msg->size() > cx_->max_msg) {
    return moot::fail("The message has " + std::to_string(msg->size()) +
                      " octets and the server takes " + std::to_string(cx_->max_msg) +
                      "; send it in parts.");
  }
  const std::uint64_t order = next_order_++;
  Entry e;
  e.m.peer = message.to;
  e.m.author = cx_->self;
  e.m.msg_id = new_id(message.to, message.random);
  e.m.msg = std::move(*msg);
  e.m.folded = cx_->fold(message.text);
  e.m.text = std::move(message.text);
  e.m.at = e.m.msg_id.time();
  e.m.read = true;
  e.request = message.request;
  cx_->put(cop::PutMessage{e.m});
  e.ticket = cx_->step_ticket();
  const MsgId id = e.m.msg_id;
  by_id_.emplace(id, order);
  storing_.push_back(order);
  entries_.emplace(order, std::move(e));
  return id;
}

void Outbox::adopt(const PrivateMessage& message) {
  if (entries_.size() >= limits::kOutboxMessages) return;  // the device that wrote it resends it
  const std::uint64_t order = next_order_++;
  if (!by_id_.emplace(message.msg_id, order).second) return;
  Entry e;
  e.m = message;
  e.at = At::safe;
  entries_.emplace(order, std::move(e));
}

Outbox::Entry* Outbox::find(const MsgId& id) {
  const auto order = by_id_.find(id);
  return order == by_id_.end() ? nullptr : &entries_.at(order->second);
}

void Outbox::opened() {
  caught_up_ = false;
  resend_step_ = kResendFirst;
  resend_at_.reset();
  holds_.clear();
}

void Outbox::lost() {
  wire_.clear();
  in_flight_ = since_drain_ = bytes_since_drain_ = 0;
  resend_at_.reset();
  for (auto& [order, e] : entries_) {
    if (e.at == At::safe || e.at == At::storing) continue;
    waiting_.erase(order);
    if (e.m.state == MessageState::sent) {
      e.at = At::safe;  // goes again once the kept MSG_ACKs are in
    } else {
      e.at = At::waiting;
      waiting_.insert(order);
    }
  }
}

void Outbox::caught_up() {
  if (caught_up_) return;
  caught_up_ = true;
  cx_->fx->event(ev::CaughtUp{});
  for (auto& [order, e] : entries_) {
    if (e.at == At::safe) wait(order, e);
  }
  resend_at_ = cx_->now.tick + resend_step_;
}

void Outbox::tick() {
  if (!resend_at_ || cx_->now.tick < *resend_at_) return;
  resend_step_ = std::min(resend_step_ * 2, kResendMax);
  resend_at_ = cx_->now.tick + resend_step_;
  for (auto& [order, e] : entries_) {
    if (e.at == At::safe) wait(order, e);
  }
}

Tick Outbox::next_tick() const {
  Tick next{std::numeric_limits<std::int64_t>::max()};
  if (!cx_->open) return next;
  if (resend_at_ && !entries_.empty()) next = *resend_at_;
  for (const auto& [peer, hold] : holds_) {
    if (hold.until > cx_->now.tick) next = std::min(next, hold.until);
  }
  return next;
}

void Outbox::stored() {
  while (!storing_.empty()) {
    const std::uint64_t order = storing_.front();
    Entry& e = entries_.at(order);
    if (e.ticket > cx_->on_disk()) break;
    storing_.pop_front();
    // `queued` is a promise: nobody is told of a message that a power cut could take back.
    if (!std::exchange(e.told, true)) cx_->fx->event(ev::Message{e.m, e.request});
    wait(order, e);
  }
}

void Outbox::wait(std::uint64_t order, Entry& e) {
  e.at = At::waiting;
  waiting_.insert(order);
}

void Outbox::pump() {
  if (!cx_->open) return;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (since_drain_ >= kWindowMessages || bytes_since_drain_ >= kWindowBytes) return;
    const std::uint64_t order = *it;
    Entry& e = entries_.at(order);
    const auto held = holds_.find(e.m.peer);
    if (held != holds_.end() && held->second.until > cx_->now.tick) {
      ++it;
      continue;
    }
    it = waiting_.erase(it);
    put_on_wire(order, e);
  }
}

void Outbox::put_on_wire(std::uint64_t order, Entry& e) {
  e.at = At::wire;
  e.sent_as = cx_->send(c::PvMsg{.to = e.m.peer, .msg_id = e.m.msg_id, .msg = e.m.msg});
  wire_.emplace_back(e.sent_as, order);
  ++in_flight_;
  ++since_drain_;
  bytes_since_drain_ += e.m.msg.size();
}

void Outbox::leave_wire(Entry& e) {
  if (e.at != At::wire) return;
  if (--in_flight_ == 0) {
    since_drain_ = bytes_since_drain_ = 0;
    wire_.clear();
  }
}

void Outbox::tell(const Entry& e, std::string_view why) {
  cx_->fx->event(ev::State{e.m.author, e.m.peer, e.m.msg_id, e.m.state, why});
}

void Outbox::erase(std::uint64_t order) {
  const auto it = entries_.find(order);
  leave_wire(it->second);
  waiting_.erase(order);
  by_id_.erase(it->second.m.msg_id);
  entries_.erase(it);
}

void Outbox::acked(const s::MsgAck& ack) {
  const auto at = by_id_.find(ack.msg_id);
  if (at == by_id_.end()) return;  // confirmed before
  Entry& e = entries_.at(at->second);
  // protocol.md 6.2: the author's client checks who confirmed.
  if (e.m.peer != ack.from || e.at == At::storing) return;
  e.m.state = MessageState::acked;
  cx_->put(cop::SetState{e.m.author, e.m.msg_id, MessageState::acked, {}});
  holds_.erase(e.m.peer);
  tell(e);
  erase(at->second);
}

void Outbox::safe_upto(SentId barrier) {
  while (!wire_.empty() && wire_.front().first < barrier) {
    const auto [sent_as, order] = wire_.front();
    wire_.pop_front();
    const auto it = entries_.find(order);
    if (it == entries_.end()) continue;
    Entry& e = it->second;
    if (e.at != At::wire || e.sent_as != sent_as) continue;
    leave_wire(e);
    e.at = At::safe;
    holds_.erase(e.m.peer);
    if (e.m.state != MessageState::queued) continue;
    e.m.state = MessageState::sent;
    cx_->put(cop::SetState{e.m.author, e.m.msg_id, MessageState::sent, {}});
    tell(e);
  }
}

void Outbox::fail(std::uint64_t order, std::string_view why) {
  Entry& e = entries_.at(order);
  e.m.state = MessageState::failed;
  e.m.error = why;
  cx_->put(cop::SetState{e.m.author, e.m.msg_id, MessageState::failed, e.m.error});
  tell(e, why);
  erase(order);
}

// The server cannot take messages for this peer now: they wait together, so that they keep their
// order.
void Outbox::hold(std::uint64_t order, Millis first, std::string_view why) {
  Entry& e = entries_.at(order);
  const UserId peer = e.m.peer;
  Hold& h = holds_[peer];
  if (h.until <= cx_->now.tick) {
    h.step = h.step == Millis{0} ? first : std::min(h.step * 2, kHoldMax);
    h.until = cx_->now.tick + h.step;
  }
  leave_wire(e);
  wait(order, e);
  tell(e, why);
}

void Outbox::peer_came(const UserId& peer) { holds_.erase(peer); }

void Outbox::renumber(std::uint64_t order, UnixMs server_now) {
  Entry& e = entries_.at(order);
  if (++e.renumbered > kRenumberMax || e.m.state != MessageState::queued) {
    fail(order, "The server takes no id for this message; send it again.");
    return;
  }
  const MsgId from = e.m.msg_id;
  // A wrong clock has spoilt the newest id too; the random part is kept.
  newest_.erase(e.m.peer);
  std::array<std::uint8_t, 10> random;
  std::copy_n(from.octets.begin() + 6, random.size(), random.begin());
  const std::int64_t offset = cx_->clock_offset_ms;
  // Modulo 2^64: what a server tells is any number.
  cx_->clock_offset_ms = static_cast<std::int64_t>(server_now.ms - cx_->now.wall.ms);
  const MsgId to = new_id(e.m.peer, random);
  if (offset != cx_->clock_offset_ms) {
    cx_->put(cop::PutMeta{{"clock_offset_ms", std::to_string(cx_->clock_offset_ms)}});
  }
  leave_wire(e);
  waiting_.erase(order);
  by_id_.erase(from);
  by_id_.emplace(to, order);
  e.m.msg_id = to;
  e.m.at = to.time();
  cx_->put(cop::Renumber{e.m.author, from, to});
  e.ticket = cx_->step_ticket();
  e.at = At::storing;
  storing_.push_back(order);
  cx_->fx->event(ev::Renumbered{e.m.peer, from, to});
}

bool Outbox::refused(const s::Err& err, const std::optional<SentRange>& ref) {
  if (err.ref_cmd != c::PvMsg::kTable.name && !(err.code == text(Errc::expired) && err.id))
    return false;
  std::optional<std::uint64_t> order;
  if (err.id && err.id->msg) {
    const auto at = by_id_.find(*err.id->msg);
    if (at != by_id_.end()) order = at->second;
  } else if (ref && ref->first == ref->last) {
    for (const auto& [sent_as, o] : wire_) {
      if (sent_as == ref->first) order = o;
    }
  }
  if (!order || !entries_.contains(*order)) return err.ref_cmd == c::PvMsg::kTable.name;
  if (entries_.at(*order).at == At::storing) return true;  // has not even left
  const auto code = parse_enum<Errc>(err.code);
  const std::string why(err.message);
  switch (code.value_or(Errc::unsupported)) {
    case Errc::queue_full:
      hold(*order, kHoldQueueFull, why);
      break;
    case Errc::not_connected:
      hold(*order, kHoldNotConnected, why);
      break;
    case Errc::rate:
    case Errc::busy:
      hold(*order,
           err.retry_ms
               ? Millis{static_cast<std::int64_t>(std::min<std::uint64_t>(*err.retry_ms, 600'000))}
               : kHoldBusy,
           why);
      break;
    case Errc::bad_time:
      renumber(*order, err.now ? UnixMs{*err.now} : cx_->server_now());
      break;
    case Errc::conflict:
      // Another copy of this store used the id; the message itself was never taken.
      renumber(*order, cx_->server_now());
      break;
    default:  // unknown_user, too_large, expired, not_allowed, ...: no later try will help
      fail(*order, why);
      break;
  }
  return true;
}

void Outbox::check_invariants() const {
  std::size_t wire = 0;
  for (const auto& [order, e] : entries_) {
    MOOT_CHECK(waiting_.contains(order) == (e.at == At::waiting));
    MOOT_CHECK(by_id_.at(e.m.msg_id) == order);
    wire += e.at == At::wire ? 1 : 0;
  }
  MOOT_CHECK(wire == in_flight_ && by_id_.size() == entries_.size());
}

}  // namespace moot::client
