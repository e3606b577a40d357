#include "server/private_messages.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/sha3.h"

namespace moot::server {
namespace {

constexpr Millis kSweepEvery{60'000};

Octets<8, ContentTag> content_of(Bytes body) { return Octets<8, ContentTag>::of(sha3_256(body)); }

}  // namespace

PrivateMessages::PrivateMessages(const PrivateLimits& limits, const Accounts& accounts,
                                 ConnTable& conns, const ServerSnapshot& stored, Now now)
    : limits_(limits),
      accounts_(accounts),
      conns_(conns),
      started_(now.tick),
      notices_(stored),
      sweep_at_(now.tick) {
  for (const OfflineCopy& c : stored.offline) {
    const Key key{c.author, c.msg_id};
    Message& m = messages_[key];
    const bool before = counts(m);
    if (m.copies.empty()) {
      m.recipient = c.recipient;
      m.bytes = c.msg_bytes;
      m.content = c.content;
      m.aged = c.stored;
      by_age_.emplace(c.stored, key);
    }
    m.copies.push_back({c.kid, c.own, true});
    ++stored_for_[c.kid];
    if (c.own) own_.stored(c.kid, key, m.bytes);
    recount(key, m, before);
  }
}

std::size_t PrivateMessages::tag_of(Bytes body, const UserId& recipient) {
  const std::size_t h =
      std::hash<std::string_view>{}(as_text(body)) * 31 + std::hash<UserId>{}(recipient);
  return h == 0 ? 1 : h;
}

bool PrivateMessages::here(const Kid& kid) const {
  const Conn* conn = conns_.of_credential(kid);
  return conn != nullptr && !conn->closing;
}

bool PrivateMessages::has_copy(const Message& m, const Kid& kid) {
  return std::ranges::find(m.copies, kid, &Copy::kid) != m.copies.end();
}

// Whether the message takes room in its recipient's queue.
bool PrivateMessages::counts(const Message& m) const {
  return std::ranges::any_of(m.copies, [](const Copy& c) { return !c.own; });
}

void PrivateMessages::recount(const Key&, const Message& m, bool counted_before) {
  const bool now_counts = counts(m);
  if (now_counts == counted_before) return;
  Usage& u = usage_[m.recipient];
  if (now_counts) {
    ++u.messages;
    u.bytes += m.bytes;
  } else {
    --u.messages;
    u.bytes -= m.bytes;
    if (u.messages == 0) usage_.erase(m.recipient);
  }
}

// Everything that stands against a message nobody has seen yet. True: told.
bool PrivateMessages::refuse_new(const Step& step, const Conn& from, const Ref& ref,
                                 const c::PvMsg& cmd) {
  const auto no = [&](Errc code, std::string_view sentence, bool with_now = false) {
    ErrDetail detail{.id = cmd.msg_id};
    if (with_now) detail.now = step.now.wall.ms;
    step.err(from, ref, code, sentence, detail);
    return true;
  };
  const std::uint64_t now = step.now.wall.ms;
  const std::uint64_t at = cmd.msg_id.time().ms;
  const auto ms = [](auto d) {
    return static_cast<std::uint64_t>(std::chrono::milliseconds(d).count());
  };
  if (at > now + ms(limits::kIdAheadMax)) {
    return no(Errc::bad_time,
              "The message id is from the future; set the clock by `now` and send under a new id.",
              true);
  }
  if (at + ms(limits::kIdAgeMax) < now) {
    return no(Errc::expired, "The message id is older than 30 days; send the text under a new id.");
  }
  if (kids_.empty()) {
    return no(Errc::not_connected,
              limits_.keep
                  ? "The recipient has no key to connect with; tell the server's operator."
                  : "The recipient is not connected and this server keeps no messages; try "
                    "later.");
  }
  const auto it = usage_.find(cmd.to);
  if (it != usage_.end() && (it->second.messages >= limits_.messages ||
                             it->second.bytes + cmd.msg.size() > limits_.bytes)) {
    return no(Errc::queue_full,
              "The recipient's queue is full; the message stays with you, try again later.");
  }
  return false;
}

// What to do with an id that is known. False: it is not.
bool PrivateMessages::resent(const Step& step, Conn& from, const Ref& ref, const c::PvMsg& cmd) {
  const auto conflict = [&] {
    step.err(from, ref, Errc::conflict,
             "This message id was used for something else; send the text under a new id.",
             {.id = cmd.msg_id});
    return true;
  };
  const std::size_t tag = tag_of(cmd.msg, cmd.to);
  if (const auto it = recent_.find(from.user); it != recent_.end()) {
    if (const auto old = it->second.tags.find(cmd.msg_id); old != it->second.tags.end()) {
      if (old->second != 0 && old->second != tag) return conflict();
      confirm(step, from.user, cmd.msg_id, cmd.to, {});
      return true;
    }
  }
  const Key key{from.user, cmd.msg_id};
  const auto it = messages_.find(key);
  if (it == messages_.end()) return false;
  Message& m = it->second;
  const bool same =
      m.recipient == cmd.to && (m.tag != 0 ? m.tag == tag : m.content == content_of(cmd.msg));
  if (!same) return conflict();
  if (m.acked) {
    confirm(step, from.user, cmd.msg_id, cmd.to, m.stored);
  } else {
    relay(step, key, m, cmd.msg);
    // The barrier that stores what was relayed is that of the connection it came from first.
    if (m.origin != from.id) from.barrier = std::max(from.barrier, store_all(step, key, m));
  }
  return true;
}

void PrivateMessages::pv_msg(const Step& step, Conn& from, const Ref& ref, const c::PvMsg& cmd) {
  if (cmd.msg.size() > limits_.max_msg) {
    step.err(from, ref, Errc::too_large,
             "The message is larger than SINFO's `max_msg`; shorten or split it.",
             {.id = cmd.msg_id});
    return;
  }
  if (accounts_.present(cmd.to) == nullptr) {
    step.err(from, ref, Errc::unknown_user, "There is no such user; the list of users has the ids.",
             {.id = cmd.msg_id});
    return;
  }
  if (resent(step, from, ref, cmd)) return;
  // Where nothing is kept there is nothing for a device that is away.
  const auto delivery = [&](const UserId& to) {
    accounts_.delivery(to, step.now.wall, kids_);
    if (!limits_.keep) std::erase_if(kids_, [&](const Kid& kid) { return !here(kid); });
  };
  delivery(cmd.to);
  // A note to oneself goes to the other devices, or back to this one where it is the only one.
  const bool self = cmd.to == from.user;
  if (self && kids_.size() > 1) std::erase(kids_, from.kid);
  if (refuse_new(step, from, ref, cmd)) return;

  const Key key{from.user, cmd.msg_id};
  Message& m = messages_[key];
  m.recipient = cmd.to;
  m.bytes = static_cast<std::uint32_t>(cmd.msg.size());
  m.tag = tag_of(cmd.msg, cmd.to);
  m.origin = from.id;
  for (const Kid& kid : kids_) m.copies.push_back({kid, false, false});
  if (!self) {
    delivery(from.user);
    for (const Kid& kid : kids_) {
      if (kid != from.kid) m.copies.push_back({kid, true, false});
    }
  }
  recount(key, m, false);
  m.body.assign(cmd.msg.begin(), cmd.msg.end());
  relay(step, key, m, cmd.msg);
  if (!limits_.keep) return;
  // Devices that are away: on disk before the recipient's acknowledgement can make a MSG_ACK.
  for (Copy& copy : m.copies) {
    if (copy.stored) continue;
    const Conn* conn = conns_.of_credential(copy.kid);
    if (conn == nullptr || conn->closing || backlogs_.has(conn->id)) store(step, key, m, copy);
  }
  from.barrier = std::max(from.barrier, m.stored);
  if (std::ranges::all_of(m.copies, &Copy::stored)) {
    m.body = {};
  } else {
    unsettled_.emplace_back(step.now.tick, key);
  }
}

// To every connection whose device has not acknowledged it. A device with a backlog gets it from
// there, in order.
void PrivateMessages::relay(const Step& step, const Key& key, Message& m, Bytes body) {
  to_.clear();
  to_own_.clear();
  for (const Copy& copy : m.copies) {
    Conn* conn = conns_.of_credential(copy.kid);
    if (conn == nullptr || conn->closing || backlogs_.has(conn->id)) continue;
    conn->causes.sent_private();
    (copy.own ? to_own_ : to_).push_back(conn->id);
  }
  s::Msg msg{.from = key.author, .msg_id = key.id, .msg = body, .sent = key.id.time().ms};
  step.send(to_, msg);
  msg.to = m.recipient;
  step.send(to_own_, msg);
}

void PrivateMessages::store(const Step& step, const Key& key, Message& m, Copy& copy) {
  MOOT_CHECK(!copy.stored && !m.body.empty());
  const bool first = std::ranges::none_of(m.copies, &Copy::stored);
  m.content = content_of(m.body);
  copy.stored = true;
  m.stored = step.persist(op::PutOffline{{.kid = copy.kid,
                                          .recipient = m.recipient,
                                          .author = key.author,
                                          .msg_id = key.id,
                                          .own = copy.own,
                                          .stored = step.now.wall,
                                          .msg = m.body,
                                          .msg_bytes = m.bytes,
                                          .content = m.content}});
  ++stored_for_[copy.kid];
  if (first && m.aged == UnixMs{}) {
    m.aged = step.now.wall;
    by_age_.emplace(m.aged, key);
  }
  if (const Conn* conn = conns_.of_credential(copy.kid)) backlogs_.grew(conn->id);
  if (!copy.own) return;
  own_.stored(copy.kid, key, m.bytes);
  make_room(step, copy.kid);
}

void PrivateMessages::make_room(const Step& step, const Kid& kid) {
  while (const auto oldest = own_.over(kid, {limits_.messages, limits_.bytes})) {
    Message& m = messages_.at(*oldest);
    const auto copy = std::ranges::find(m.copies, kid, &Copy::kid);
    drop_copy(step, *oldest, m, static_cast<std::size_t>(copy - m.copies.begin()));
    finished(step, *oldest);
  }
}

Ticket PrivateMessages::store_all(const Step& step, const Key& key, Message& m) {
  if (!limits_.keep) return {};
  for (Copy& copy : m.copies) {
    if (!copy.stored) store(step, key, m, copy);
  }
  m.body = {};
  return m.stored;
}

void PrivateMessages::ack_msg(const Step& step, Conn& from, const Ref& ref, const c::AckMsg& cmd) {
  const Key key{cmd.from, cmd.msg_id};
  const auto it = messages_.find(key);
  if (it == messages_.end()) {
    const auto recent = recent_.find(cmd.from);
    if (recent != recent_.end() && recent->second.tags.contains(cmd.msg_id)) return;
    // What was relayed before a restart is not known any more (protocol.md 6.2).
    if (step.now.tick - started_ < limits::kRecentMemory &&
        accounts_.present(cmd.from) != nullptr) {
      confirm(step, cmd.from, cmd.msg_id, from.user, {});
      return;
    }
    step.err(from, ref, Errc::unknown_msg, "No such message was sent to you lately; drop it.",
             {.id = cmd.msg_id});
    return;
  }
  Message& m = it->second;
  const auto copy = std::ranges::find(m.copies, from.kid, &Copy::kid);
  if (copy == m.copies.end()) {
    if (m.recipient == from.user || cmd.from == from.user) return;  // acknowledged before
    step.err(from, ref, Errc::unknown_msg, "No such message was sent to you; drop it.",
             {.id = cmd.msg_id});
    return;
  }
  const bool own = copy->own;
  drop_copy(step, key, m, static_cast<std::size_t>(copy - m.copies.begin()));
  if (!own && !m.acked) {
    m.acked = true;
    // The author forgets the message at MSG_ACK: what other devices lack must be on disk by then.
    confirm(step, key.author, key.id, from.user,
            m.copies.empty() ? Ticket{} : store_all(step, key, m));
  }
  finished(step, key);
  backlogs_.acknowledged(step, from);
}

void PrivateMessages::drop_copy(const Step& step, const Key& key, Message& m, std::size_t at) {
  const bool before = counts(m);
  const Copy copy = m.copies[at];
  m.copies.erase(m.copies.begin() + static_cast<std::ptrdiff_t>(at));
  if (copy.stored) {
    step.persist(op::DropOffline{copy.kid, key.author, key.id});
    const auto n = stored_for_.find(copy.kid);
    if (--n->second == 0) stored_for_.erase(n);
    if (copy.own) own_.dropped(copy.kid, key, m.bytes);
  }
  recount(key, m, before);
}

// Forgets a message that nobody waits for any more; one that was confirmed is remembered a while.
void PrivateMessages::finished(const Step& step, const Key& key) {
  const auto it = messages_.find(key);
  const bool waited_for = it->second.acked ? !it->second.copies.empty() : counts(it->second);
  if (waited_for) return;
  while (!it->second.copies.empty()) drop_copy(step, key, it->second, 0);
  if (it->second.acked) remember(step, key.author, key.id, it->second.tag);
  by_age_.erase({it->second.aged, key});
  messages_.erase(it);
}

void PrivateMessages::remember(const Step& step, const UserId& author, const MsgId& id,
                               std::size_t tag) {
  Recent& r = recent_[author];
  if (!r.tags.emplace(id, tag).second) return;
  r.order.emplace_back(step.now.tick, id);
  if (r.order.size() > limits::kRecentAckedPerAuthor) {
    r.tags.erase(r.order.front().second);
    r.order.pop_front();
  }
}

void PrivateMessages::confirm(const Step& step, const UserId& author, const MsgId& id,
                              const UserId& by, Ticket after) {
  const auto& to = conns_.of(author);
  if (!to.empty()) {
    step.send(to, s::MsgAck{.msg_id = id, .from = by}, after);
    return;
  }
  notices_.put(step, {.author = author, .msg_id = id, .from = by});
}

void PrivateMessages::connected(const Step& step, Conn& conn) {
  notices_.connected(step, conn);
  if (stored_for_.contains(conn.kid)) backlogs_.begin(step, conn);
}

void PrivateMessages::page(const Step& step, Conn& conn, const OfflinePage& page) {
  backlogs_.page(step, conn, page, [&](const OfflineCopy& c) {
    const auto m = messages_.find({c.author, c.msg_id});
    return m != messages_.end() && has_copy(m->second, conn.kid);
  });
}

Ticket PrivateMessages::settle(const Step& step, const Conn& conn) {
  Ticket t;
  for (const auto& [at, key] : unsettled_) {
    const auto it = messages_.find(key);
    if (it != messages_.end() && it->second.origin == conn.id)
      t = std::max(t, store_all(step, key, it->second));
  }
  return t;
}

void PrivateMessages::settle_all(const Step& step) {
  for (const auto& [at, key] : unsettled_) {
    if (const auto it = messages_.find(key); it != messages_.end())
      store_all(step, key, it->second);
  }
  unsettled_.clear();
}

void PrivateMessages::disconnected(const Step& step, const Conn& conn) {
  backlogs_.end(conn.id);
  if (!limits_.keep) {
    // Nothing is kept: the author's client holds it and sends it again.
    drop_copies(step, conn.kid, false);
    return;
  }
  for (const auto& [at, key] : unsettled_) {
    const auto it = messages_.find(key);
    if (it == messages_.end()) continue;
    Message& m = it->second;
    if (m.origin == conn.id || has_copy(m, conn.kid)) store_all(step, key, m);
  }
}

void PrivateMessages::credential_gone(const Step& step, const Kid& kid) {
  drop_copies(step, kid, true);
}

void PrivateMessages::drop_copies(const Step& step, const Kid& kid, bool stored_too) {
  std::vector<Key> touched;
  for (auto& [key, m] : messages_) {
    const auto copy = std::ranges::find(m.copies, kid, &Copy::kid);
    if (copy != m.copies.end() && (stored_too || !copy->stored)) touched.push_back(key);
  }
  std::ranges::sort(touched, {}, [](const Key& k) { return std::pair(k.author, k.id); });
  for (const Key& key : touched) {
    Message& m = messages_.at(key);
    const auto copy = std::ranges::find(m.copies, kid, &Copy::kid);
    drop_copy(step, key, m, static_cast<std::size_t>(copy - m.copies.begin()));
    finished(step, key);
  }
}

void PrivateMessages::user_removed(const Step& step, const UserId& user) {
  std::vector<Key> touched;
  for (auto& [key, m] : messages_) {
    if (m.recipient == user || key.author == user) touched.push_back(key);
  }
  std::ranges::sort(touched, {}, [](const Key& k) { return std::pair(k.author, k.id); });
  for (const Key& key : touched) {
    Message& m = messages_.at(key);
    for (std::size_t i = m.copies.size(); i-- > 0;) {
      // What a removed author wrote still reaches its recipient; what was for him does not stay.
      if (m.recipient == user || m.copies[i].own) drop_copy(step, key, m, i);
    }
    finished(step, key);
  }
  recent_.erase(user);
  notices_.user_removed(user);
}

void PrivateMessages::expire(const Step& step) {
  const auto age = static_cast<std::uint64_t>(limits_.age.count());
  while (!by_age_.empty() && by_age_.begin()->first.ms + age <= step.now.wall.ms) {
    const Key key = by_age_.begin()->second;
    by_age_.erase(by_age_.begin());
    Message& m = messages_.at(key);
    m.aged = {};
    if (std::ranges::none_of(m.copies, &Copy::stored)) continue;
    const bool unread = !m.acked && counts(m);
    const UserId recipient = m.recipient;
    while (!m.copies.empty()) drop_copy(step, key, m, m.copies.size() - 1);
    finished(step, key);
    if (!unread) continue;
    const auto& to = conns_.of(key.author);
    if (to.empty()) {
      notices_.put(step,
                   {.author = key.author, .msg_id = key.id, .from = recipient, .expired = true});
    } else {
      step.send(to, nobody_read(key.id));
    }
  }
  for (auto it = recent_.begin(); it != recent_.end();) {
    Recent& r = it->second;
    while (!r.order.empty() && step.now.tick - r.order.front().first >= limits::kRecentMemory) {
      r.tags.erase(r.order.front().second);
      r.order.pop_front();
    }
    it = r.order.empty() ? recent_.erase(it) : std::next(it);
  }
}

std::optional<Tick> PrivateMessages::next_deadline() const {
  Tick at = sweep_at_;
  if (!unsettled_.empty()) at = std::min(at, unsettled_.front().first + limits::kUnackedStoreAfter);
  return at;
}

void PrivateMessages::tick(const Step& step) {
  while (!unsettled_.empty() &&
         step.now.tick - unsettled_.front().first >= limits::kUnackedStoreAfter) {
    const Key key = unsettled_.front().second;
    unsettled_.pop_front();
    if (const auto it = messages_.find(key); it != messages_.end())
      store_all(step, key, it->second);
  }
  if (step.now.tick >= sweep_at_) {
    sweep_at_ = step.now.tick + kSweepEvery;
    expire(step);
  }
}

void PrivateMessages::check_invariants() const {
  std::map<UserId, Usage> usage;
  std::map<Kid, std::size_t> stored;
  std::map<Kid, Usage> own;
  for (const auto& [key, m] : messages_) {
    MOOT_CHECK(!m.copies.empty());
    MOOT_CHECK(m.aged == UnixMs{} || by_age_.contains({m.aged, key}));
    if (counts(m)) {
      ++usage[m.recipient].messages;
      usage[m.recipient].bytes += m.bytes;
    }
    for (const Copy& c : m.copies) {
      if (c.stored) ++stored[c.kid];
      if (c.stored && c.own) {
        ++own[c.kid].messages;
        own[c.kid].bytes += m.bytes;
      }
      MOOT_CHECK(c.stored || !m.body.empty());
    }
  }
  MOOT_CHECK(stored == stored_for_);
  MOOT_CHECK(own == own_.usage());
  MOOT_CHECK(by_age_.size() <= messages_.size());
  MOOT_CHECK(usage.size() == usage_.size());
  for (const auto& [user, u] : usage) {
    MOOT_CHECK(usage_.at(user).messages == u.messages && usage_.at(user).bytes == u.bytes);
  }
}

}  // namespace moot::server
