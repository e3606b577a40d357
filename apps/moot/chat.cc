#include "apps/moot/chat.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "apps/moot/commands.h"
#include "apps/moot/post_pages.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"
#include "base/counted.h"

namespace moot::app {
namespace {

constexpr std::uint64_t kHistoryShown = 10;
constexpr auto kDrain = std::chrono::seconds(30);
constexpr auto kOwnerPatience = std::chrono::seconds(10);
constexpr std::string_view kHelp =
    "  @NAME TEXT     say TEXT to NAME        /to @NAME   talk to NAME from now on\n"
    "  #NAME TEXT     say TEXT in a channel   /to #NAME   talk there from now on\n"
    "  /users         who there is            /nick NAME  change your nickname\n"
    "  /away  /back   tell the others         /quit       leave (also Ctrl-D)";

}  // namespace

Chat::Chat(Seat seat, std::string target, Fd ended_by)
    : seat_(std::move(seat)),
      ended_by_(std::move(ended_by)),
      target_(std::move(target)),
      raw_(isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1),
      colour_(colour_wanted(STDOUT_FILENO)),
      editor_([this](std::string_view word, bool first) { return candidates(word, first); }) {
  if (raw_) terminal_ = std::make_unique<RawTerminal>();
}

int Chat::run() {
  if (!begin()) return give_up({"The moot that has the store ended; run the command again."});
  list_users();
  if (!target_.empty()) {
    open_target(target_);
  } else if (raw_) {
    note("Talk to somebody with /to @NAME or /to #NAME; /help says more.");
  }
  draw();
  while (!quit_ && input_open_) {
    const auto heard = seat_.hear(hearing());
    if (heard == Seat::Heard::ended && !again())
      return give_up({"The moot that has the store ended."});
    if (news_) {
      // Whoever went meanwhile is noticed by what is heard next.
      print_arrivals();
      continue;
    }
    pollfd p[3] = {
        {seat_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {ended_by_.get(), POLLIN, 0}};
    // A person may want to read on; nobody else has anything to wait for.
    if (failed_ && !raw_) break;
    if (poll(p, 3, heard == Seat::Heard::more ? 0 : -1) < 0 && errno != EINTR) break;
    if (p[2].revents != 0) break;
    if (p[1].revents != 0 && !read_input()) break;
  }
  if (raw_) std::fputs("\r\x1b[K", stdout);
  return drain() ? kDone : kFailed;
}

// From here on whatever arrives in our channels is told, and printed.
bool Chat::begin() {
  if (!seat_.send(Json().set("do", "watch"))) return false;
  seat_.send(Json().set("do", "attach").set("n", next_n_++).set("channel", ""));
  ++unanswered_;
  const auto each = [this](const Json& line) {
    const Client::Channel c = get_channel(line);
    if (c.member) channels_.insert(c.name);
  };
  const auto listed = seat_.ask(Json().set("do", "channels_here"), each, kOwnerPatience, hearing());
  if (!listed && seat_.lost()) return false;
  if (last_post_ == 0) {
    const auto last = last_arrival(seat_, hearing());
    if (!last && seat_.lost()) return false;
    last_post_ = last.value_or(0);
  }
  news_ = true;
  return true;
}

// The process that had the store ended: this one goes on in its place.
bool Chat::again() {
  unanswered_ = 0;
  return seat_.again().has_value() && begin();
}

// What came into the channels since the last that was printed.
bool Chat::print_arrivals() {
  news_ = false;
  const auto each = [this](const Client::Post& p) { print(post_line(p, self_, colour_)); };
  return each_arrival(seat_, {}, last_post_, each, hearing()).has_value();
}

// What was typed is on disk; it gets a moment to reach the server before the connection goes.
bool Chat::drain() {
  const auto until = std::chrono::steady_clock::now() + (raw_ ? std::chrono::seconds(3) : kDrain);
  while (waiting() > 0 || unanswered_ > 0) {
    if (failed_) return false;  // said already
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      fmt::print(stderr, "moot: {} not {} yet; in the outbox, going with the next connection.\n",
                 counted(waiting(), "message is", "messages are"),
                 drafts_.empty() ? "sent" : "committed");
      return raw_;
    }
    const auto got = seat_.receive(left);
    if (got.ended) return raw_;
    if (got.line) hear(*got.line);
  }
  if (failed_) return false;
  if (news_) print_arrivals();
  return true;
}

// ---- what the owner tells ---------------------------------------------------------------------

void Chat::hear(const Json& line) {
  if (line.has("re")) {
    if (line.u64("re") == users_n_ && line.has("user")) {
      names_[line.str("user")] = line.str("name");
      return;
    }
    if (!line.flag("end") || line.u64("re") == users_n_) return;
    if (unanswered_ > 0) --unanswered_;
    if (!line.str("error").empty()) note(safe(line.str("error")));
    if (line.has("draft")) drafts_.insert(line.u64("draft"));
    return;
  }
  const std::string& ev = line.str("ev");
  if (ev == "connecting" || ev == "connected" || ev == "caught_up" || ev == "disconnected" ||
      ev == "stopped") {
    on_connection(line);
  } else if (ev == "message") {
    on_message(line);
  } else if (ev == "state") {
    on_state(line);
  } else if (ev == "renumbered") {
    if (waiting_.erase(line.str("id")) > 0) waiting_.insert(line.str("why"));
  } else if (ev == "ready" || ev == "asked" || ev == "away" || ev == "silent") {
    on_handshake(line);
  } else if (ev == "presence" || ev == "removed") {
    on_presence(line);
  } else if (ev == "post") {
    on_post(line);
  } else if (ev == "sync" || ev == "synced") {
    news_ = true;
  } else if (ev == "channel") {
    if (line.flag("member")) channels_.insert(line.str("channel"));
  } else if (ev == "left") {
    channels_.erase(line.str("channel"));
    note("You are not in #" + safe(line.str("channel")) + " any more.");
  } else if (ev == "notice" || ev == "store_failed") {
    failed_ = failed_ || ev == "store_failed";
    note(safe(line.str("why")));
  }
}

void Chat::on_connection(const Json& line) {
  self_ = line.str("self");
  const std::string& ev = line.str("ev");
  connection_ = ev == "caught_up" ? "connected" : ev;
  const std::string& why = line.str("text");
  if ((ev == "disconnected" || ev == "stopped") && why != said_) {
    said_ = why;
    note(safe(why.empty() ? "The connection ended." : why));
  } else if (ev == "connected" && !said_.empty()) {
    said_.clear();
    note("Connected again.");
  }
  draw();
}

void Chat::on_message(const Json& line) {
  Client::Message m = get_message(line);
  if (m.from == self_ && m.state == Client::State::queued) {
    waiting_.insert(m.id);
    // On its way within the second; the prompt counts those that are not.
    if (connection_ == "connected") m.state = Client::State::sent;
  }
  print(message_line(m, self_, colour_));
  if (m.from != self_ && raw_ && '@' + m.from == target_) std::fputs("\a", stdout);
}

void Chat::on_state(const Json& line) {
  const Client::Message m = get_message(line);
  if (m.state != Client::State::queued) waiting_.erase(m.id);
  if (m.state == Client::State::failed) {
    note("Not delivered to @" + safe(m.to) + ": " + safe(line.str("why")));
  } else if (m.state == Client::State::queued && !line.str("why").empty()) {
    note("Waiting for @" + safe(m.to) + ": " + safe(line.str("why")));
  } else {
    draw();
  }
}

// Committed ones are printed as the store has them; of ours until then only the number is shown.
void Chat::on_post(const Json& line) {
  const Client::Post p = get_post(line);
  if (p.state == Client::State::committed) news_ = true;
  const bool ended = p.state == Client::State::committed || p.state == Client::State::failed;
  if (!ended || drafts_.erase(p.draft) == 0) return;
  if (p.state == Client::State::failed)
    note("Not taken by #" + safe(p.channel) + ": " + safe(p.error));
  draw();
}

void Chat::on_handshake(const Json& line) {
  const std::string& user = line.str("user");
  if (!line.str("name").empty()) names_[user] = line.str("name");
  const std::string who = shown_name(user);
  const std::string& ev = line.str("ev");
  if (ev == "ready") note(who + " is ready.");
  if (ev == "asked") {
    note('@' + user == target_ ? who + " is ready."
                               : who + " wants to talk to you: /to @" + safe(user));
  }
  if (ev == "away") note(who + " is away, will be delivered.");
  if (ev == "silent") note(who + " is connected but does not answer, will be delivered.");
}

void Chat::on_presence(const Json& line) {
  const std::string& user = line.str("user");
  if (line.str("ev") == "removed") {
    names_.erase(user);
    note("@" + safe(user) + " has left the server for good.");
    return;
  }
  const bool known = names_.contains(user);
  names_[user] = line.str("name");
  if (user == self_) return;
  const std::string& why = line.str("why");
  if (why == "came") note(shown_name(user) + " came.");
  if (why == "went") note(shown_name(user) + " went.");
  if (why.empty() && !known) note(shown_name(user) + " is new here.");
}

// ---- what the person types ----------------------------------------------------------------------

bool Chat::read_input() {
  char piece[4096];
  const ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
  if (n <= 0) {
    if (n < 0 && errno == EINTR) return true;
    if (!piped_.empty()) take(piped_);
    input_open_ = false;
    return false;
  }
  if (!raw_) {
    piped_.append(piece, static_cast<std::size_t>(n));
    for (std::size_t end; (end = piped_.find('\n')) != std::string::npos;) {
      take(piped_.substr(0, end));
      piped_.erase(0, end + 1);
    }
    return true;
  }
  for (ssize_t i = 0; i < n && !quit_; ++i) {
    switch (editor_.feed(piece[i])) {
      case LineEditor::Outcome::line:
        std::fputs("\r\x1b[K", stdout);
        take(editor_.take_line());
        break;
      case LineEditor::Outcome::interrupt:
        if (editor_.text().empty()) quit_ = true;
        editor_.set_text({});
        break;
      case LineEditor::Outcome::end:
        quit_ = true;
        break;
      case LineEditor::Outcome::redraw:
      case LineEditor::Outcome::nothing:
        break;
    }
  }
  draw();
  return true;
}

void Chat::take(const std::string& line) {
  if (line.find_first_not_of(" \t\r") == std::string::npos) return;
  if (line[0] == '/' && !line.starts_with("//")) return command(line);
  const std::size_t space = line.find(' ');
  if (const std::string target = target_in(line.substr(0, space)); !target.empty()) {
    // Tab leaves a blank behind a name.
    if (line.find_first_not_of(' ', space) == std::string::npos) return open_target(target);
    return send(target, line.substr(space + 1));
  }
  if (target_.empty())
    return note("Say to whom: /to @NAME or /to #NAME, or @NAME TEXT or #NAME TEXT.");
  send(target_, line.starts_with("//") ? line.substr(1) : line);
}

// "@ada", or "#ops" where that is a channel of ours and not a word with a mark: as a target.
std::string Chat::target_in(std::string_view text) const {
  if (text.starts_with('@')) {
    const std::string user = user_of(std::string(text));
    return user.empty() ? user : '@' + user;
  }
  if (!text.starts_with('#')) return {};
  const Known known{.channels = {channels_.begin(), channels_.end()}, .peers = {}};
  const Meaning m = meaning_of(std::string(text), known);
  return channels_.contains(m.channel) ? '#' + m.channel : std::string();
}

// As the command line takes it, which may ask the server about a name without a sign.
void Chat::go(const std::string& rest) {
  const auto targets = targets_of(seat_, {rest}, Aim::say, hearing());
  if (!targets) return note(safe(targets.error().sentence));
  const Target& t = targets->front();
  if (!t.channel) return open_target('@' + t.name);
  const std::string target = target_in('#' + t.name);
  if (target.empty())
    return note("You are not in #" + safe(t.name) + "; `moot enter` enters a channel.");
  open_target(target);
}

void Chat::send(const std::string& target, const std::string& text) {
  const bool channel = target.starts_with('#');
  ++unanswered_;
  seat_.send(Json()
                 .set("do", channel ? "post" : "send")
                 .set("n", next_n_++)
                 .set(channel ? "channel" : "to", target.substr(1))
                 .set("text", text));
}

void Chat::command(const std::string& line) {
  const std::size_t space = line.find(' ');
  const std::string name = line.substr(1, space == std::string::npos ? space : space - 1);
  std::string rest = space == std::string::npos ? std::string() : line.substr(space + 1);
  rest.erase(rest.find_last_not_of(' ') + 1);
  if (name == "quit" || name == "q") {
    quit_ = true;
  } else if (name == "help" || name == "?") {
    print(std::string(kHelp));
  } else if (name == "to" && !rest.empty()) {
    go(rest);
  } else if (name == "users") {
    const auto each = [this](const Json& u) {
      names_[u.str("user")] = u.str("name");
      print(fmt::format("  {:8} @{:16} {}", safe(u.str("status")), safe(u.str("user")),
                        safe(u.str("name"))));
    };
    const auto done =
        seat_.ask(Json().set("do", "users"), each, std::chrono::seconds(5), hearing());
    if (!done) note(safe(done.error().sentence));
  } else if (name == "nick" && !rest.empty()) {
    ++unanswered_;
    seat_.send(Json().set("do", "nick").set("n", next_n_++).set("name", rest));
  } else if (name == "away" || name == "back") {
    ++unanswered_;
    seat_.send(Json().set("do", "away").set("n", next_n_++).set("on", name == "away"));
  } else {
    note("There is no such command; /help lists them.");
  }
}

void Chat::list_users() {
  users_n_ = next_n_++;
  seat_.send(Json().set("do", "users").set("n", users_n_));
}

void Chat::open_target(const std::string& target) {
  target_ = target;
  if (target.starts_with('#')) return open_channel(target.substr(1));
  open_conversation(target.substr(1));
}

void Chat::open_channel(const std::string& name) {
  std::uint64_t last = 0;
  const auto each = [&](const Client::Post& p) {
    last = std::max(last, p.seq);
    if (p.seq <= last_post_) print(post_line(p, self_, colour_));
  };
  const auto done = each_post(seat_, {name, {}, kHistoryShown}, each, hearing());
  if (!done) note(safe(done.error().sentence));
  if (last == 0) return;
  ++unanswered_;
  seat_.send(Json()
                 .set("do", "read_channel")
                 .set("n", std::uint64_t{0})
                 .set("channel", name)
                 .set("seq", last));
}

void Chat::open_conversation(const std::string& user) {
  std::uint64_t last = 0;
  const auto each = [&](const Json& line) {
    const Client::Message m = get_message(line);
    last = m.seq;
    print(message_line(m, self_, colour_));
  };
  const auto done =
      seat_.ask(Json().set("do", "history").set("peer", user).set("count", kHistoryShown), each,
                std::chrono::seconds(10), hearing());
  if (!done) note(safe(done.error().sentence));
  if (last > 0)
    seat_.send(
        Json().set("do", "read").set("n", std::uint64_t{0}).set("user", user).set("seq", last));
  seat_.send(Json().set("do", "greet").set("n", std::uint64_t{0}).set("to", user));
  unanswered_ += last > 0 ? 2 : 1;
}

// ---- the screen
// -----------------------------------------------------------------------------------

// Above the line being typed, which is drawn again below.
void Chat::print(const std::string& line) {
  if (raw_) std::fputs("\r\x1b[K", stdout);
  fmt::print("{}\n", line);
  draw();
  std::fflush(stdout);
}

void Chat::note(const std::string& line) {
  print(colour_ ? "\x1b[2m* " + line + "\x1b[0m" : "* " + line);
}

void Chat::draw() {
  if (!raw_) return;
  std::fputs(editor_.draw(prompt(), RawTerminal::width()).c_str(), stdout);
  std::fflush(stdout);
}

std::string Chat::prompt() const {
  std::string out = target_.empty() ? "moot" : safe(target_);
  if (connection_ != "connected") out += " (" + connection_ + ')';
  if (waiting() > 0) out += fmt::format(" ({} waiting)", waiting());
  return out + "> ";
}

std::string Chat::shown_name(const std::string& user) const {
  const auto known = names_.find(user);
  if (known == names_.end() || known->second.empty() || known->second == user)
    return "@" + safe(user);
  return safe(known->second) + " (@" + safe(user) + ')';
}

std::vector<std::string> Chat::candidates(std::string_view word, bool first) const {
  std::vector<std::string> out;
  if (first && word.starts_with('/')) {
    out = {"/to", "/users", "/nick", "/away", "/back", "/help", "/quit"};
  } else {
    for (const auto& [user, name] : names_) {
      if (user != self_) out.push_back('@' + user);
    }
    for (const std::string& channel : channels_) out.push_back('#' + channel);
  }
  return out;
}

}  // namespace moot::app
