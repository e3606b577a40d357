#include "server/private_messages.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/sha3.h"

namespace moot::server {
namespace {

constexpr Millis kSweepEvery{60'000};
// What a message leaves behind for the next one in its place: a body of usual size.
constexpr std::size_t kBodyKept = 1'024;

Octets<8, ContentTag> content_of(Bytes body) { return Octets<8, ContentTag>::of(sha3_256(body)); }

}  // namespace

void PrivateMessages::Message::recycle(bool keep_memory) {
  ByteBuf body_memory;
  std::vector<Copy> copies_memory;
  if (keep_memory && body.capacity() <= kBodyKept) {
    body_memory.swap(body);
    copies_memory.swap(copies);
  }
  *this = {};
  body_memory.clear();
  copies_memory.clear();
  body.swap(body_memory);
  copies.swap(copies_memory);
}

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
    Message& m = messages_.get(key).value;
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
    recount(m, before);
  }
}

std::size_t PrivateMessages::tag_of(Bytes body, const UserId& recipient) {
  const auto h = static_cast<std::size_t>(hash_octets(body, UserHash{}(recipient)));
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

void PrivateMessages::recount(const Message& m, bool counted_before) {
  const bool now_counts = counts(m);
  if (now_counts == counted_before) return;
  auto& queue = usage_.get(m.recipient);
  Queue& u = queue.value;
  if (now_counts) {
    ++u.messages;
    u.bytes += m.bytes;
  } else {
    --u.messages;
    u.bytes -= m.bytes;
    if (u.messages == 0) usage_.erase(queue);
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
  const auto* queue = usage_.find(cmd.to);
  if (queue != nullptr && (queue->value.messages >= limits_.messages ||
                           queue->value.bytes + cmd.msg.size() > limits_.bytes)) {
    return no(Errc::queue_full,
              "The recipient's queue is full; the message stays with you, try again later.");
  }
  return false;
}

// What to do with an id that is known. False: it is not.
bool PrivateMessages::resent(const Step& step, Conn& from, const Ref& ref, const c::PvMsg& cmd,
                             std::size_t tag) {
  const auto conflict = [&] {
    step.err(from, ref, Errc::conflict,
             "This message id was used for something else; send the text under a new id.",
             {.id = cmd.msg_id});
    return true;
  };
  if (const auto old = recent_.tag(from.user, cmd.msg_id)) {
    if (*old != 0 && *old != tag) return conflict();
    confirm(step, from.user, cmd.msg_id, cmd.to, {});
    return true;
  }
  const Key key{from.user, cmd.msg_id};
  auto* const known = messages_.find(key);
  if (known == nullptr) return false;
  Message& m = known->value;
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
    step.err(from, ref, Errc::unknown_user, "There is no such user; `moot users` lists them.",
             {.id = cmd.msg_id});
    return;
  }
  const std::size_t tag = tag_of(cmd.msg, cmd.to);
  if (resent(step, from, ref, cmd, tag)) return;
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
  Messages::Entry& entry = messages_.get(key);
  Message& m = entry.value;
  m.recipient = cmd.to;
  m.bytes = static_cast<std::uint32_t>(cmd.msg.size());
  m.tag = tag;
  m.origin = from.id;
  for (const Kid& kid : kids_) m.copies.push_back({kid, false, false});
  if (!self) {
    delivery(from.user);
    for (const Kid& kid : kids_) {
      if (kid != from.kid) m.copies.push_back({kid, true, false});
    }
  }
  recount(m, false);
  m.body.assign(cmd.msg.begin(), cmd.msg.end());
  const bool to_all = relay(step, key, m, cmd.msg);
  if (!limits_.keep) return;
  // Devices that are away: on disk before the recipient's acknowledgement can make a MSG_ACK. Then
  // those that are here as well: after a restart the one that was away makes a MSG_ACK, behind
  // which the author sends nothing again.
  if (!to_all) store_all(step, key, m);
  from.barrier = std::max(from.barrier, m.stored);
  if (std::ranges::all_of(m.copies, &Copy::stored)) {
    m.body = ByteBuf();
  } else {
    unsettled_.emplace_back(step.now.tick, entry.handle());
  }
}

// To every connection whose device has not acknowledged it. A device with a backlog gets it from
// there, in order. False: some device is away, or has a backlog.
bool PrivateMessages::relay(const Step& step, const Key& key, Message& m, Bytes body) {
  to_.clear();
  to_own_.clear();
  bool to_all = true;
  for (const Copy& copy : m.copies) {
    Conn* conn = conns_.of_credential(copy.kid);
    if (conn == nullptr || conn->closing || backlogs_.has(conn->id)) {
      to_all = false;
      continue;
    }
    conn->causes.sent_private();
    (copy.own ? to_own_ : to_).push_back(conn->id);
  }
  s::Msg msg{.from = key.author, .msg_id = key.id, .msg = body, .sent = key.id.time().ms};
  step.send(to_, msg);
  msg.to = m.recipient;
  step.send(to_own_, msg);
  return to_all;
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
    Messages::Entry& entry = *messages_.find(*oldest);
    Message& m = entry.value;
    const auto copy = std::ranges::find(m.copies, kid, &Copy::kid);
    drop_copy(step, entry.key, m, static_cast<std::size_t>(copy - m.copies.begin()));
    finished(step, entry);
  }
}

Ticket PrivateMessages::store_all(const Step& step, const Key& key, Message& m) {
  if (!limits_.keep) return {};
  for (Copy& copy : m.copies) {
    if (!copy.stored) store(step, key, m, copy);
  }
  m.body = ByteBuf();
  return m.stored;
}

void PrivateMessages::ack_msg(const Step& step, Conn& from, const Ref& ref, const c::AckMsg& cmd) {
  const Key key{cmd.from, cmd.msg_id};
  auto* const entry = messages_.find(key);
  if (entry == nullptr) {
    if (recent_.tag(cmd.from, cmd.msg_id)) return;
    // What was relayed before a restart is not known any more (protocol.md 6.2).
    if (step.now.tick - started_ < limits::kRecentMemory &&
        accounts_.present(cmd.from) != nullptr) {
      from.barrier = std::max(from.barrier, confirm(step, cmd.from, cmd.msg_id, from.user, {}));
      return;
    }
    step.err(from, ref, Errc::unknown_msg, "No such message was sent to you lately; drop it.",
             {.id = cmd.msg_id});
    return;
  }
  Message& m = entry->value;
  const auto copy = std::ranges::find(m.copies, from.kid, &Copy::kid);
  if (copy == m.copies.end()) {
    if (m.recipient == from.user || cmd.from == from.user) return;  // acknowledged before
    step.err(from, ref, Errc::unknown_msg, "No such message was sent to you; drop it.",
             {.id = cmd.msg_id});
    return;
  }
  const bool own = copy->own;
  // The barrier behind it says that the message does not come again.
  from.barrier = std::max(
      from.barrier, drop_copy(step, key, m, static_cast<std::size_t>(copy - m.copies.begin())));
  if (!own && !m.acked) {
    m.acked = true;
    // The author forgets the message at MSG_ACK: what other devices lack must be on disk by then.
    const Ticket others = m.copies.empty() ? Ticket{} : store_all(step, key, m);
    from.barrier = std::max(from.barrier, confirm(step, key.author, key.id, from.user, others));
  }
  finished(step, *entry);
  backlogs_.acknowledged(step, from);
}

Ticket PrivateMessages::drop_copy(const Step& step, const Key& key, Message& m, std::size_t at) {
  const bool before = counts(m);
  const Copy copy = m.copies[at];
  m.copies.erase(m.copies.begin() + static_cast<std::ptrdiff_t>(at));
  Ticket dropped;
  if (copy.stored) {
    dropped = step.persist(op::DropOffline{copy.kid, key.author, key.id});
    const auto n = stored_for_.find(copy.kid);
    if (--n->second == 0) stored_for_.erase(n);
    if (copy.own) own_.dropped(copy.kid, key, m.bytes);
  }
  recount(m, before);
  return dropped;
}

// Forgets a message that nobody waits for any more; one that was confirmed is remembered a while.
void PrivateMessages::finished(const Step& step, Messages::Entry& entry) {
  Message& m = entry.value;
  const bool waited_for = m.acked ? !m.copies.empty() : counts(m);
  if (waited_for) return;
  while (!m.copies.empty()) drop_copy(step, entry.key, m, 0);
  if (m.acked) recent_.put(step.now.tick, entry.key.author, entry.key.id, m.tag);
  if (m.aged != UnixMs{}) by_age_.erase({m.aged, entry.key});
  messages_.erase(entry);
}

Ticket PrivateMessages::confirm(const Step& step, const UserId& author, const MsgId& id,
                                const UserId& by, Ticket after) {
  const auto to = conns_.of(author);
  if (!to.empty()) {
    step.send(to, s::MsgAck{.msg_id = id, .from = by}, after);
    return after;
  }
  return notices_.put(step, {.author = author, .msg_id = id, .from = by});
}

void PrivateMessages::connected(const Step& step, Conn& conn) {
  notices_.connected(step, conn);
  if (stored_for_.contains(conn.kid)) backlogs_.begin(step, conn);
}

void PrivateMessages::page(const Step& step, Conn& conn, const OfflinePage& page) {
  backlogs_.page(step, conn, page, [&](const OfflineCopy& c) {
    const auto* entry = messages_.find({c.author, c.msg_id});
    return entry != nullptr && has_copy(entry->value, conn.kid);
  });
}

Ticket PrivateMessages::settle(const Step& step, const Conn& conn) {
  Ticket t;
  for (const auto& [at, handle] : unsettled_) {
    auto* const entry = messages_.at(handle);
    if (entry != nullptr && entry->value.origin == conn.id)
      t = std::max(t, store_all(step, entry->key, entry->value));
  }
  return t;
}

void PrivateMessages::settle_all(const Step& step) {
  for (const auto& [at, handle] : unsettled_) {
    if (auto* const entry = messages_.at(handle)) store_all(step, entry->key, entry->value);
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
  for (const auto& [at, handle] : unsettled_) {
    auto* const entry = messages_.at(handle);
    if (entry == nullptr) continue;
    Message& m = entry->value;
    if (m.origin == conn.id || has_copy(m, conn.kid)) store_all(step, entry->key, m);
  }
}

void PrivateMessages::credential_gone(const Step& step, const Kid& kid) {
  drop_copies(step, kid, true);
}

void PrivateMessages::drop_copies(const Step& step, const Kid& kid, bool stored_too) {
  std::vector<Key> touched;
  messages_.for_each([&](const Messages::Entry& e) {
    const auto copy = std::ranges::find(e.value.copies, kid, &Copy::kid);
    if (copy != e.value.copies.end() && (stored_too || !copy->stored)) touched.push_back(e.key);
  });
  std::ranges::sort(touched, {}, [](const Key& k) { return std::pair(k.author, k.id); });
  for (const Key& key : touched) {
    Messages::Entry& entry = *messages_.find(key);
    Message& m = entry.value;
    const auto copy = std::ranges::find(m.copies, kid, &Copy::kid);
    drop_copy(step, key, m, static_cast<std::size_t>(copy - m.copies.begin()));
    finished(step, entry);
  }
}

void PrivateMessages::user_removed(const Step& step, const UserId& user) {
  std::vector<Key> touched;
  messages_.for_each([&](const Messages::Entry& e) {
    if (e.value.recipient == user || e.key.author == user) touched.push_back(e.key);
  });
  std::ranges::sort(touched, {}, [](const Key& k) { return std::pair(k.author, k.id); });
  for (const Key& key : touched) {
    Messages::Entry& entry = *messages_.find(key);
    Message& m = entry.value;
    for (std::size_t i = m.copies.size(); i-- > 0;) {
      // What a removed author wrote still reaches its recipient; what was for him does not stay.
      if (m.recipient == user || m.copies[i].own) drop_copy(step, key, m, i);
    }
    finished(step, entry);
  }
  recent_.forget(user);
  notices_.user_removed(user);
}

void PrivateMessages::expire(const Step& step) {
  const auto age = static_cast<std::uint64_t>(limits_.age.count());
  while (!by_age_.empty() && by_age_.begin()->first.ms + age <= step.now.wall.ms) {
    const Key key = by_age_.begin()->second;
    by_age_.erase(by_age_.begin());
    Messages::Entry& entry = *messages_.find(key);
    Message& m = entry.value;
    m.aged = {};
    if (std::ranges::none_of(m.copies, &Copy::stored)) continue;
    const bool unread = !m.acked && counts(m);
    const UserId recipient = m.recipient;
    while (!m.copies.empty()) drop_copy(step, key, m, m.copies.size() - 1);
    finished(step, entry);
    if (!unread) continue;
    const auto to = conns_.of(key.author);
    if (to.empty()) {
      notices_.put(step,
                   {.author = key.author, .msg_id = key.id, .from = recipient, .expired = true});
    } else {
      step.send(to, nobody_read(key.id));
    }
  }
  recent_.expire(step.now.tick);
}

std::optional<Tick> PrivateMessages::next_deadline() const {
  Tick at = sweep_at_;
  if (!unsettled_.empty()) at = std::min(at, unsettled_.front().first + limits::kUnackedStoreAfter);
  return at;
}

void PrivateMessages::tick(const Step& step) {
  while (!unsettled_.empty() &&
         step.now.tick - unsettled_.front().first >= limits::kUnackedStoreAfter) {
    auto* const entry = messages_.at(unsettled_.front().second);
    unsettled_.pop_front();
    if (entry != nullptr) store_all(step, entry->key, entry->value);
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
  messages_.for_each([&](const Messages::Entry& e) {
    const Message& m = e.value;
    MOOT_CHECK(!m.copies.empty());
    MOOT_CHECK(m.aged == UnixMs{} || by_age_.contains({m.aged, e.key}));
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
  });
  MOOT_CHECK(stored == stored_for_);
  MOOT_CHECK(own == own_.usage());
  MOOT_CHECK(by_age_.size() <= messages_.size());
  MOOT_CHECK(usage.size() == usage_.size());
  for (const auto& [user, u] : usage) {
    const auto* queue = usage_.find(user);
    MOOT_CHECK(queue != nullptr && queue->value.messages == u.messages &&
               queue->value.bytes == u.bytes);
  }
}

}  // namespace moot::server
