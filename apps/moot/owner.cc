#include "apps/moot/owner.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"
#include "model/limits.h"

namespace moot::app {
namespace {

constexpr std::uint64_t kHistoryRowsMax = 1'000;

// What events answer, or the thread of proofs.
constexpr std::array<std::string_view, 14> kAnsweredLater{
    "users", "nick",      "away", "channels", "members", "create", "enter",
    "leave", "ch_invite", "kick", "set",      "pull",    "check",  "verify"};
bool answered_later(std::string_view what) {
  return std::ranges::find(kAnsweredLater, what) != kAnsweredLater.end();
}

using Kind = Client::Event::Kind;

void put_user(Json& json, const Client::User& user) {
  json.set("user", user.id).set("name", user.name).set("status", user.status);
}

}  // namespace

std::expected<std::unique_ptr<Owner>, Owner::Refused> Owner::start(const Place& place, Wish wish) {
  auto client = Client::open({.key_file = place.key_file,
                              .home = place.home,
                              .connect = wish.connect,
                              .answer_handshakes = wish.answers,
                              .trace_file = place.trace});
  if (!client) {
    return std::unexpected(Refused{{client.error().sentence, kFailed}, client.error().in_use});
  }
  std::unique_ptr<Owner> owner(new Owner);
  owner->client_ = std::move(*client);
  auto listener = listen_in(place.home);
  if (!listener) return std::unexpected(Refused{{listener.error(), kFailed}, false});
  owner->listener_ = std::move(*listener);
  owner->stop_ = Fd(eventfd(0, EFD_CLOEXEC));
  owner->proofs_ = std::make_unique<Proofs>();
  owner->thread_ = std::thread([o = owner.get()] { o->run(); });
  return owner;
}

Owner::~Owner() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
  proofs_.reset();
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
    wait.push_back({proofs_->fd(), POLLIN, 0});
    for (const auto& g : guests_) {
      const short events = static_cast<short>(POLLIN | (g->out.empty() ? 0 : POLLOUT));
      wait.push_back({g->fd.get(), events, 0});
    }
    if (poll(wait.data(), wait.size(), -1) < 0) continue;
    if (wait[0].revents != 0) return;
    const std::size_t known = guests_.size();
    for (std::size_t i = 0; i < known; ++i) {
      if ((wait[4 + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read(*guests_[i]);
    }
    for (int i = 0; i < 1'000; ++i) {
      auto event = client_->next();
      if (!event) break;
      tell(*event);
    }
    if (wait[3].revents != 0) answer_proofs();
    for (const auto& g : guests_) write(*g);
    for (const auto& g : guests_) {
      if (g->gone) forget(*g);
    }
    std::erase_if(guests_, [](const auto& g) { return g->gone; });
    if (wait[1].revents != 0) accept_guests();
  }
}

void Owner::accept_guests() {
  for (;;) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    guests_.push_back(std::make_unique<Guest>(std::move(fd), next_guest_++));
    if (guests_.size() <= limits::kGuestsMax) continue;
    // As an answer to its hello.
    reply(*guests_.back(), 0,
          "Too many commands use this moot at once; end some of them and try again.");
    write(*guests_.back());
    guests_.pop_back();
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
  for (std::size_t end; (end = guest.in.find('\n', guest.looked)) != std::string::npos;) {
    const auto ask = Json::parse(std::string_view(guest.in).substr(begin, end - begin));
    if (!ask) {
      guest.gone = true;
      return;
    }
    handle(guest, *ask);
    guest.looked = begin = end + 1;
  }
  guest.in.erase(0, begin);
  guest.looked = guest.in.size();
  if (guest.in.size() > kLineBytesMax) guest.gone = true;
}

void Owner::write(Guest& guest) {
  std::size_t done = 0;
  while (done < guest.out.size() && !guest.gone) {
    const ssize_t n = ::send(guest.fd.get(), guest.out.data() + done, guest.out.size() - done,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) guest.gone = true;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  guest.out.erase(0, done);
  if (guest.out.size() > limits::kGuestBytes) guest.gone = true;
}

void Owner::say(Guest& guest, const Json& json) { guest.out += json.text() + '\n'; }

void Owner::say_rows(Guest& guest, std::uint64_t n, std::size_t rows, Cut cut, bool more,
                     const std::function<void(Json&, std::size_t)>& put) {
  std::vector<std::string> lines;
  std::size_t octets = 0;
  while (lines.size() < rows && octets < limits::kGuestPageBytes) {
    Json json = Json().set("re", n);
    put(json, cut == Cut::front ? rows - 1 - lines.size() : lines.size());
    lines.push_back(json.text() + '\n');
    octets += lines.back().size();
  }
  if (cut == Cut::front) std::ranges::reverse(lines);
  for (const std::string& line : lines) guest.out += line;
  Json end = Json().set("re", n).set("end", true);
  if (more || lines.size() < rows) end.set("more", true);
  say(guest, end);
}

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
  } else if (asked_.size() >= limits::kGuestAsks && answered_later(what)) {
    reply(guest, n, "Too much was asked of the server and is not answered yet; try again later.");
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
    prove(guest, n, [this](const Proofs::Tell& tell) {
      const auto checked = client_->check_store(progress_to(tell));
      return checked ? std::string() : checked.error();
    });
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
  const bool more = ask.u64("count") > rows->size() && rows->size() == kHistoryRowsMax;
  say_rows(guest, n, rows->size(), ask.flag("first") ? Cut::back : Cut::front, more,
           [&](Json& json, std::size_t i) { put_message(json, (*rows)[i]); });
}

// ---- what takes long ----------------------------------------------------------------------------

void Owner::prove(Guest& guest, std::uint64_t n, Proofs::Work work) {
  const std::uint64_t request = remember(guest, n);
  if (proofs_->add(request, std::move(work))) return;
  asked_.pop_back();
  reply(guest, n, "Other proofs of this store are waiting already; try again when they are done.");
}

void Owner::answer_proofs() {
  for (const Proofs::Said& said : proofs_->take()) {
    const auto asked = std::ranges::find(asked_, said.request, &Asked::request);
    if (asked == asked_.end()) continue;
    Guest* guest = guest_of(*asked);
    if (guest != nullptr && said.last) reply(*guest, asked->n, said.error);
    if (guest != nullptr && !said.last) {
      Json line = said.line;
      say(*guest, line.set("re", asked->n));
    }
    if (said.last) asked_.erase(asked);
  }
}

void Owner::forget(const Guest& guest) {
  std::erase_if(asked_, [&](const Asked& asked) {
    if (asked.guest != guest.id) return false;
    proofs_->drop(asked.request);
    return true;
  });
}

Owner::Guest* Owner::guest_of(const Asked& asked) {
  const auto guest = std::ranges::find_if(
      guests_, [&](const auto& g) { return g->id == asked.guest && !g->gone; });
  return guest == guests_.end() ? nullptr : guest->get();
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
    if (Guest* guest = guest_of(asked)) reply(*guest, asked.n, broken_);
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
  Guest* guest = guest_of(*asked);
  const bool last = event.kind == Kind::done || event.last;
  if (guest != nullptr) {
    for (const Client::User& user : event.users) {
      Json json;
      put_user(json.set("re", asked->n), user);
      say(*guest, json);
    }
    for (const Client::Channel& channel : event.channels) {
      Json json;
      put_channel(json.set("re", asked->n), channel);
      say(*guest, json);
    }
    for (const Client::Member& member : event.members)
      say(*guest, Json().set("re", asked->n).set("user", member.user).set("online", member.online));
    if (last) reply(*guest, asked->n, event.text);
  }
  if (last) asked_.erase(asked);
}

}  // namespace moot::app
