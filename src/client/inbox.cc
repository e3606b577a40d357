#include "client/inbox.h"

#include "client/content.h"

namespace moot::client {

std::optional<PrivateMessage> Inbox::receive(const s::Msg& msg) {
  Pending pending{cx_->all(), msg.from, msg.msg_id, true, std::nullopt};
  std::optional<PrivateMessage> fresh;
  if (seen_.insert({msg.from, msg.msg_id}).second) {
    PrivateMessage m;
    const bool ours = msg.from == cx_->self;
    m.peer = ours ? msg.to.value_or(cx_->self) : msg.from;
    m.author = msg.from;
    m.msg_id = msg.msg_id;
    m.msg.assign(msg.msg.begin(), msg.msg.end());
    const Content content = read_content(msg.msg);
    m.text = shown(content);
    if (content.kind == Content::Kind::text) m.folded = cx_->fold(m.text);
    m.at = msg.msg_id.time();
    m.state = ours ? MessageState::sent : MessageState::received;
    m.read = ours;
    cx_->put(cop::PutMessage{m});
    pending.ticket = cx_->step_ticket();
    pending.show = m;
    fresh = std::move(m);
  }
  pending_.push_back(std::move(pending));
  stored();  // a duplicate may have nothing to wait for
  return fresh;
}

void Inbox::stored() {
  while (!pending_.empty() && pending_.front().ticket <= cx_->on_disk()) {
    const Pending p = std::move(pending_.front());
    pending_.pop_front();
    if (p.show) cx_->fx->event(ev::Message{*p.show, {}});
    if (p.ack && cx_->open) acks_.add(cx_->now.tick, {.from = p.from, .msg_id = p.msg_id});
  }
}

void Inbox::send_acks(bool all) {
  if (!cx_->open || (!all && !acks_.due(cx_->now.tick))) return;
  for (const c::AckMsg& ack : acks_.take()) cx_->send(ack);
}

void Inbox::lost() {
  for (Pending& p : pending_) p.ack = false;
  acks_.take();
}

void Inbox::forget() {
  const Millis keep = limits::kIdAgeMax + limits::kOfflineAge;
  const UnixMs now = cx_->server_now();
  const auto age = static_cast<std::uint64_t>(keep.count());
  if (now.ms <= age) return;
  const UnixMs before{now.ms - age};
  std::erase_if(seen_, [&](const SeenId& s) { return s.msg_id.time() < before; });
  cx_->put(cop::ForgetSeen{before});
}

}  // namespace moot::client
