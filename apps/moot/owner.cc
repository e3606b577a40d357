#include "apps/moot/owner.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"

namespace moot::app {
namespace {

constexpr std::size_t kGuestsMax = 64;
// Somebody who does not read what was asked for is let go.
constexpr std::size_t kGuestBytesMax = 16 * 1024 * 1024;
constexpr std::uint64_t kHistoryRowsMax = 1'000;

using Kind = Client::Event::Kind;

void put_user(Json& json, const Client::User& user) {
  json.set("user", user.id).set("name", user.name).set("status", user.status);
}

}  // namespace

std::expected<std::unique_ptr<Owner>, Owner::Refused> Owner::start(const Place& place, Wish wish) {
  auto client = Client::open({.key_file = place.key_file,
                              .home = place.home,
                              .connect = wish.connect,
                              .answer_handshakes = wish.answers});
  if (!client) {
    return std::unexpected(Refused{{client.error().sentence, kFailed}, client.error().in_use});
  }
  std::unique_ptr<Owner> owner(new Owner);
  owner->client_ = std::move(*client);
  auto listener = listen_in(place.home);
  if (!listener) return std::unexpected(Refused{{listener.error(), kFailed}, false});
  owner->listener_ = std::move(*listener);
  owner->stop_ = Fd(eventfd(0, EFD_CLOEXEC));
  owner->thread_ = std::thread([o = owner.get()] { o->run(); });
  return owner;
}

Owner::~Owner() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
  // Guests see the end only now that everything they were told is true on disk.
  client_.reset();
  guests_.clear();
}

void Owner::run() {
  std::vector<pollfd> wait;
  for (;;) {
    wait.clear();
    wait.push_back({stop_.get(), POLLIN, 0});
    wait.push_back({listener_.get(), POLLIN, 0});
    wait.push_back({client_->event_fd(), POLLIN, 0});
    for (const auto& g : guests_) {
      const short events = static_cast<short>(POLLIN | (g->out.empty() ? 0 : POLLOUT));
      wait.push_back({g->fd.get(), events, 0});
    }
    if (poll(wait.data(), wait.size(), -1) < 0) continue;
    if (wait[0].revents != 0) return;
    const std::size_t known = guests_.size();
    for (std::size_t i = 0; i < known; ++i) {
      if ((wait[3 + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read(*guests_[i]);
    }
    for (int i = 0; i < 1'000; ++i) {
      auto event = client_->next();
      if (!event) break;
      tell(*event);
    }
    for (const auto& g : guests_) write(*g);
    std::erase_if(guests_, [](const auto& g) { return g->gone; });
    if (wait[1].revents != 0) accept_guests();
  }
}

void Owner::accept_guests() {
  for (;;) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    if (guests_.size() < kGuestsMax)
      guests_.push_back(std::make_unique<Guest>(std::move(fd), next_guest_++));
  }
}

void Owner::read(Guest& guest) {
  char piece[64 * 1024];
  const ssize_t n = recv(guest.fd.get(), piece, sizeof piece, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    guest.gone = true;
    return;
  }
  guest.in.append(piece, static_cast<std::size_t>(n));
  std::size_t begin = 0;
  for (std::size_t end; (end = guest.in.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const auto ask = Json::parse(std::string_view(guest.in).substr(begin, end - begin));
    if (!ask) {
      guest.gone = true;
      return;
    }
    handle(guest, *ask);
  }
  guest.in.erase(0, begin);
  if (guest.in.size() > kLineBytesMax) guest.gone = true;
}

void Owner::write(Guest& guest) {
  while (!guest.out.empty() && !guest.gone) {
    const ssize_t n =
        ::send(guest.fd.get(), guest.out.data(), guest.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) guest.gone = true;
    if (n > 0) guest.out.erase(0, static_cast<std::size_t>(n));
  }
  if (guest.out.size() > kGuestBytesMax) guest.gone = true;
}

void Owner::say(Guest& guest, const Json& json) { guest.out += json.text() + '\n'; }

void Owner::reply(Guest& guest, std::uint64_t n, std::string_view error) {
  Json json;
  json.set("re", n).set("end", true);
  if (!error.empty()) json.set("error", error);
  say(guest, json);
}

std::uint64_t Owner::remember(const Guest& guest, std::uint64_t n, std::string pull) {
  asked_.push_back({next_request_, guest.id, n, std::move(pull)});
  return next_request_++;
}

void Owner::handle(Guest& guest, const Json& ask) {
  const std::string& what = ask.str("do");
  const std::uint64_t n = ask.u64("n");
  if (what == "hello") {
    reply(guest, n, {});
  } else if (what == "watch") {
    guest.watching = true;
    say(guest, connection());
    if (!broken_.empty()) say(guest, Json().set("ev", "store_failed").set("why", broken_));
  } else if (!broken_.empty() && what != "status" && what != "check") {
    reply(guest, n, broken_);
  } else if (what == "send") {
    const auto id = client_->send(ask.str("to"), ask.str("text"));
    if (id) {
      say(guest, Json().set("re", n).set("id", *id).set("end", true));
    } else {
      reply(guest, n, id.error());
    }
  } else if (what == "users") {
    client_->list_users(remember(guest, n));
  } else if (what == "nick") {
    client_->set_name(remember(guest, n), ask.str("name"));
  } else if (what == "away") {
    client_->set_away(remember(guest, n), ask.flag("on"));
  } else if (what == "greet") {
    client_->greet(ask.str("to"));
    reply(guest, n, {});
  } else if (what == "read") {
    client_->mark_read(ask.str("user"), ask.u64("seq"));
    reply(guest, n, {});
  } else if (what == "history") {
    history(guest, ask);
  } else if (what == "message") {
    const auto found = client_->message(ask.str("from"), ask.str("id"));
    if (found && *found) {
      Json json;
      put_message(json.set("re", n), **found);
      say(guest, json);
    }
    reply(guest, n, found ? std::string_view() : std::string_view(found.error()));
  } else if (what == "status") {
    status(guest, n);
  } else if (what == "check") {
    const auto checked = client_->check_store();
    reply(guest, n, checked ? std::string_view() : std::string_view(checked.error()));
  } else if (!handle_channels(guest, ask)) {
    reply(guest, n, "This moot does not know the request; end the older one that has the store.");
  }
}

void Owner::history(Guest& guest, const Json& ask) {
  const std::uint64_t n = ask.u64("n");
  const auto rows = client_->history({.peer = ask.str("peer"),
                                      .after_seq = ask.u64("after"),
                                      .before_seq = ask.u64("before"),
                                      .since_ms = ask.u64("since"),
                                      .containing = ask.str("containing"),
                                      .count = std::min(ask.u64("count"), kHistoryRowsMax),
                                      .first = ask.flag("first")});
  if (!rows) return reply(guest, n, rows.error());
  for (const Client::Message& m : *rows) {
    Json json;
    put_message(json.set("re", n), m);
    say(guest, json);
  }
  reply(guest, n, {});
}

void Owner::status(Guest& guest, std::uint64_t n) {
  const Client::Status s = client_->status();
  Json json;
  json.set("re", n)
      .set("account", s.account)
      .set("label", s.label)
      .set("server", s.server)
      .set("address", s.address)
      .set("connected", s.connected)
      .set("sentence", s.sentence)
      .set("unconfirmed", static_cast<std::uint64_t>(s.unconfirmed))
      .set("offset_ms", std::to_string(s.clock_offset_ms));
  say(guest, json);
  const auto talks = client_->conversations();
  if (!talks) return reply(guest, n, talks.error());
  for (const Client::Conversation& c : *talks) {
    say(guest, Json()
                   .set("re", n)
                   .set("peer", c.peer)
                   .set("unread", c.unread)
                   .set("last_at", c.last_at_ms));
  }
  reply(guest, n, {});
}

Json Owner::connection() const {
  Json json;
  json.set("ev", event_word(connection_.kind))
      .set("text", connection_.text)
      .set("refused", connection_.refused)
      .set("retry_ms", static_cast<std::uint64_t>(connection_.retry_in.count()))
      .set("self", client_->status().account);
  return json;
}

// Answers go to who asked, the rest to who watches.
void Owner::tell(const Client::Event& event) {
  switch (event.kind) {
    case Kind::users:
    case Kind::channels:
    case Kind::members:
    case Kind::done:
      return answer(event);
    case Kind::store_failed:
      store_failed(event.text);
      break;
    default:
      break;
  }
  if (tell_channels(event)) return;
  Json json;
  switch (event.kind) {
    case Kind::connecting:
    case Kind::connected:
    case Kind::caught_up:
    case Kind::disconnected:
    case Kind::stopped:
      connection_ = event;
      json = connection();
      break;
    case Kind::message:
    case Kind::state:
    case Kind::renumbered:
      put_message(json.set("ev", event_word(event.kind)), event.message);
      json.set("why", event.text);
      break;
    default:
      json.set("ev", event_word(event.kind)).set("why", event.text);
      put_user(json, event.user);
      break;
  }
  tell_watchers(json);
}

// Whatever was asked is not going to be answered, and nothing else is taken.
void Owner::store_failed(const std::string& why) {
  if (broken_.empty()) broken_ = why;
  for (const Asked& asked : std::exchange(asked_, {})) {
    const auto guest = std::ranges::find(guests_, asked.guest, [](const auto& g) { return g->id; });
    if (guest != guests_.end()) reply(**guest, asked.n, broken_);
  }
}

void Owner::tell_watchers(const Json& json) {
  for (const auto& g : guests_) {
    if (g->watching) say(*g, json);
  }
}

void Owner::answer(const Client::Event& event) {
  const auto asked = std::ranges::find(asked_, event.request, &Asked::request);
  if (asked == asked_.end()) return;
  const auto guest = std::ranges::find_if(
      guests_, [&](const auto& g) { return g->id == asked->guest && !g->gone; });
  const bool last = event.kind == Kind::done || event.last;
  if (guest != guests_.end()) {
    for (const Client::User& user : event.users) {
      Json json;
      put_user(json.set("re", asked->n), user);
      say(**guest, json);
    }
    for (const Client::Channel& channel : event.channels) {
      Json json;
      put_channel(json.set("re", asked->n), channel);
      say(**guest, json);
    }
    for (const Client::Member& member : event.members)
      say(**guest,
          Json().set("re", asked->n).set("user", member.user).set("online", member.online));
    if (last) reply(**guest, asked->n, event.text);
  }
  if (last) asked_.erase(asked);
}

}  // namespace moot::app
