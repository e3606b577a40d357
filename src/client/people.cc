#include "client/people.h"

#include <algorithm>
#include <limits>

namespace moot::client {
namespace {

constexpr Millis kGreetingTimeout = std::chrono::seconds(5);
// All devices of a user get a greeting, each may answer, and so may ours: one answer to one user
// in this time ends the echo.
constexpr Millis kAnswerAgain = std::chrono::seconds(5);

}  // namespace

void People::load(std::vector<Contact> contacts) {
  for (Contact& c : contacts) {
    c.status = UserStatus::offline;  // until the server says otherwise
    const UserId id = c.id;
    contacts_.emplace(id, std::move(c));
  }
}

void People::tell(const Contact& contact, ev::Presence::Change change) {
  cx_->fx->event(ev::Presence{contact, change});
}

Contact& People::update(const UserId& id, std::string_view name, UserStatus status,
                        const std::optional<Bytes>& keys) {
  Contact& c = contacts_[id];
  const bool stored = !c.id.empty();
  const bool same = stored && c.name == name && (!keys || equal(c.keys, *keys));
  c.id = id;
  c.name = name;
  c.status = status;
  if (keys) c.keys.assign(keys->begin(), keys->end());
  // Who is connected changes all day and is worth no write.
  if (!same) cx_->put(cop::PutContact{c});
  return c;
}

void People::list(RequestId request) {
  if (!cx_->takes_question(lists_.size(), request)) return;
  lists_.push_back(request);
  ask_page();
}

void People::ask_page() {
  if (page_asked_ || !cx_->open || lists_.empty()) return;
  cx_->send(c::LstUsr{.after = after_});
  page_asked_ = true;
}

void People::on(const s::UsrLst& page) {
  std::vector<Contact> entries;
  entries.reserve(page.users.size());
  for (const UserEntry& u : page.users)
    entries.push_back(update(u.id, u.name.text, u.status, u.keys));
  if (!page_asked_) return;
  page_asked_ = false;
  // A page that says `more` without moving on would be asked for ever.
  const bool more = page.more && !page.users.empty() && (!after_ || *after_ < page.users.back().id);
  cx_->fx->event(ev::Users{lists_.front(), entries, !more});
  if (more) {
    after_ = page.users.back().id;
  } else {
    after_.reset();
    lists_.pop_front();
  }
  ask_page();
}

void People::on(const s::UsrAdd& u) {
  tell(update(u.id, u.name.text, u.status, std::nullopt), ev::Presence::Change::changed);
}
void People::on(const s::Ucnn& u) {
  tell(update(u.id, u.name.text, UserStatus::online, std::nullopt), ev::Presence::Change::came);
}
void People::on(const s::Udcnn& u) {
  tell(update(u.id, u.name.text, UserStatus::offline, std::nullopt), ev::Presence::Change::went);
}
void People::on(const s::UsrRmd& u) {
  const auto it = contacts_.find(u.id);
  if (it == contacts_.end()) return;
  const Contact gone = std::move(it->second);
  contacts_.erase(it);
  cx_->put(cop::DropContact{u.id});
  tell(gone, ev::Presence::Change::removed);
}

void People::greet(const UserId& peer) {
  if (greetings_.size() >= limits::kGreetingsMax && !greetings_.contains(peer)) {
    cx_->fx->event(ev::Notice{"Too many people were greeted and have not answered; greet " +
                              ("@" + std::string(peer.str())) + " later."});
    return;
  }
  Greeting& g = greetings_[peer];
  if (cx_->open) send_greeting(peer, g);
}

void People::send_greeting(const UserId& peer, Greeting& g) {
  g.sent_as = cx_->send(c::CnnUsr{.to = peer});
  g.until = cx_->now.tick + kGreetingTimeout;
}

void People::on(const s::UsrHsk& hsk) {
  using Kind = ev::Handshake::Kind;
  if (greetings_.erase(hsk.id) > 0) {
    // Ours is on its way to them and answers theirs as well, should they have crossed.
    note_answered(hsk.id);
    cx_->fx->event(ev::Handshake{hsk.id, hsk.name.text, Kind::ready});
    return;
  }
  const auto before = answered_.find(hsk.id);
  if (before != answered_.end() && cx_->now.tick - before->second < kAnswerAgain) return;
  if (!answers_ || hsk.id == cx_->self) return;
  if (!note_answered(hsk.id)) return;
  cx_->send(c::CnnUsr{.to = hsk.id});
  cx_->fx->event(ev::Handshake{hsk.id, hsk.name.text, Kind::asked});
}

bool People::note_answered(const UserId& peer) {
  if (answered_.size() >= limits::kAnsweredGreetings) {
    std::erase_if(answered_,
                  [this](const auto& a) { return cx_->now.tick - a.second >= kAnswerAgain; });
    if (answered_.size() >= limits::kAnsweredGreetings) return false;
  }
  answered_[peer] = cx_->now.tick;
  return true;
}

bool People::refused(const s::Err& err, const std::optional<SentRange>& ref) {
  if (err.ref_cmd == c::LstUsr::kTable.name) {
    if (lists_.empty()) return true;
    page_asked_ = false;
    after_.reset();
    cx_->fx->event(ev::Done{lists_.front(), err.message});
    lists_.pop_front();
    ask_page();
    return true;
  }
  if (err.ref_cmd != c::CnnUsr::kTable.name) return false;
  for (auto it = greetings_.begin(); it != greetings_.end(); ++it) {
    const bool by_ref = ref && it->second.sent_as == ref->first && ref->first == ref->last;
    const bool by_id = err.id && !err.id->msg && err.id->user == it->first;
    if (!by_ref && !by_id) continue;
    const UserId peer = it->first;
    greetings_.erase(it);
    if (err.code == text(Errc::not_connected)) {
      const auto known = contacts_.find(peer);
      const std::string name = known == contacts_.end() ? std::string() : known->second.name;
      cx_->fx->event(ev::Handshake{peer, name, ev::Handshake::Kind::away});
    } else {
      cx_->fx->event(ev::Notice{err.message});
    }
    break;
  }
  return true;  // the answer to somebody who has left again is nobody's business
}

void People::opened() {
  answered_.clear();
  for (auto& [peer, g] : greetings_) send_greeting(peer, g);
  ask_page();
}

void People::lost() {
  page_asked_ = false;
  after_.reset();
  for (auto& [peer, g] : greetings_) g.sent_as.reset();
  for (auto& [id, c] : contacts_) c.status = UserStatus::offline;
}

void People::tick() {
  for (auto it = greetings_.begin(); it != greetings_.end();) {
    if (!it->second.sent_as || cx_->now.tick < it->second.until) {
      ++it;
      continue;
    }
    cx_->fx->event(ev::Handshake{it->first, {}, ev::Handshake::Kind::silent});
    it = greetings_.erase(it);
  }
}

Tick People::next_tick() const {
  Tick next{std::numeric_limits<std::int64_t>::max()};
  for (const auto& [peer, g] : greetings_) {
    if (g.sent_as) next = std::min(next, g.until);
  }
  return next;
}

}  // namespace moot::client
