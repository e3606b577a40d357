#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <deque>
#include <unordered_map>

#include "apps/moot/commands.h"
#include "apps/moot/seat.h"
#include "apps/moot/show.h"

namespace moot::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Messages of one run that may wait at once: more are read from stdin as these get through.
constexpr std::size_t kPipeline = 512;
// Which the owner has not answered yet: both sides write without waiting, neither may fill up.
constexpr std::size_t kUnanswered = 64;

struct Options {
  std::string to;
  std::string text;
  std::string wait = "sent";
  std::string timeout = "30s";
  bool json = false;
};

// Sends one text, or every line of stdin, in order, and follows each until it is where it should
// be. The timeout runs from the last thing that moved.
class Sender {
 public:
  Sender(Seat seat, const Options& o, milliseconds timeout)
      : seat_(std::move(seat)),
        o_(o),
        timeout_(timeout),
        wanted_(*state_of(o.wait)),
        stdin_open_(o.text == "-") {}

  int run() {
    if (!seat_.send(Json().set("do", "watch"))) return lost();
    if (!stdin_open_) submit(o_.text);
    while (stdin_open_ || !sent_.empty()) {
      if (!sent_.empty()) {
        if (refused_ && unanswered_ == 0) return stuck({});
        if (Clock::now() - moved_ > timeout_) return stuck(" within " + o_.timeout);
      }
      const bool room = stdin_open_ && sent_.size() < kPipeline && unanswered_ < kUnanswered;
      if (!wait_for_something(room)) return lost();
      print_ready();
    }
    return failed_ ? kFailed : kDone;
  }

 private:
  struct Sent {
    std::string text;
    Client::Message message;
    bool answered = false;
    bool known = false;  // `message` has all, not only id and state
    bool there = false;
    std::string why;
  };

  bool wait_for_something(bool read_stdin) {
    pollfd p[2] = {{seat_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (read_stdin && take_line()) return true;
    const auto got = seat_.receive(milliseconds(0));
    if (got.ended) return again();
    if (got.line) {
      hear(*got.line);
      return true;
    }
    if (poll(p, read_stdin && !eof_ ? 2 : 1, 200) < 0) return errno == EINTR;
    if (read_stdin && p[1].revents != 0) read_stdin_now();
    return true;
  }

  // One whole line of what was read from stdin, sent.
  bool take_line() {
    const std::size_t end = in_.find('\n');
    if (end == std::string::npos) {
      if (!eof_) return false;
      stdin_open_ = false;
      if (in_.empty()) return true;
    }
    std::string line = in_.substr(0, end);
    in_.erase(0, end == std::string::npos ? end : end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) submit(line);
    return true;
  }

  void read_stdin_now() {
    char piece[64 * 1024];
    const ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
    if (n <= 0) eof_ = true;
    if (n > 0) in_.append(piece, static_cast<std::size_t>(n));
  }

  void submit(const std::string& text) {
    if (sent_.empty()) moved_ = Clock::now();
    sent_.push_back({.text = text, .message = {}, .why = {}});
    ++unanswered_;
    seat_.send(Json().set("do", "send").set("n", next_n_++).set("to", o_.to).set("text", text));
  }

  void hear(const Json& line) {
    if (line.has("re")) {
      moved_ = Clock::now();
      const std::uint64_t at = line.u64("re") - first_n_;
      if (at >= sent_.size()) return;
      --unanswered_;
      Sent& s = sent_[static_cast<std::size_t>(at)];
      s.answered = true;
      s.message.id = line.str("id");
      if (!line.str("error").empty()) {
        s.message.state = Client::State::failed;
        s.why = line.str("error");
        s.there = true;
        return;
      }
      by_id_[s.message.id] = line.u64("re");
      // A state may be told before the id is known here.
      if (const auto early = early_.extract(s.message.id)) set(s, early.mapped());
      return;
    }
    if (line.has("self")) self_ = line.str("self");
    const std::string& ev = line.str("ev");
    if (ev == "message") {
      const Client::Message m = get_message(line);
      if (unanswered_ > 0 && !by_id_.contains(m.id)) early_[m.id] = m;
      with(m, [&](Sent& s) { set(s, m); });
    } else if (ev == "state") {
      const Client::Message m = get_message(line);
      with(m, [&](Sent& s) {
        if (m.state == s.message.state && !line.str("why").empty()) s.why = line.str("why");
        s.message.state = m.state;
        if (m.state == Client::State::failed) s.why = s.message.error = line.str("why");
        s.there = reached(m.state);
        moved_ = Clock::now();
      });
    } else if (ev == "renumbered") {
      renumber(line.str("id"), line.str("why"));
    } else if (ev == "disconnected" || ev == "stopped") {
      connection_ = line.str("text");
      refused_ = refused_ || line.flag("refused");
    } else if (ev == "connected") {
      connection_.clear();
      refused_ = false;
    }
  }

  template <class F>
  void with(const Client::Message& m, F f) {
    const auto known = by_id_.find(m.id);
    if (known != by_id_.end()) {
      const std::uint64_t at = known->second - first_n_;
      if (at < sent_.size()) f(sent_[static_cast<std::size_t>(at)]);
    } else if (unanswered_ > 0 && early_.contains(m.id)) {
      early_[m.id].state = m.state;
    }
  }

  // A state that was told already is the newer one.
  void set(Sent& s, Client::Message m) {
    if (s.there) {
      m.state = s.message.state;
      m.error = s.message.error;
    }
    s.message = std::move(m);
    s.known = true;
    s.there = reached(s.message.state);
  }

  void renumber(const std::string& from, const std::string& to) {
    const auto known = by_id_.find(from);
    if (known == by_id_.end()) return;
    const std::uint64_t n = known->second;
    by_id_.erase(known);
    by_id_[to] = n;
    const std::uint64_t at = n - first_n_;
    if (at < sent_.size()) sent_[static_cast<std::size_t>(at)].message.id = to;
  }

  bool reached(Client::State state) const {
    return state == Client::State::failed || state == Client::State::acked || state == wanted_;
  }

  void print_ready() {
    while (!sent_.empty() && sent_.front().there) {
      const Sent& s = sent_.front();
      if (s.message.state == Client::State::failed) {
        failed_ = true;
        fmt::print(stderr, "moot: {}\n", safe(s.why));
      }
      if (o_.json && !s.message.id.empty()) {
        fmt::print("{}\n", message_json(s.message));
        std::fflush(stdout);
      }
      by_id_.erase(s.message.id);
      sent_.pop_front();
      ++first_n_;
    }
  }

  int stuck(std::string_view in_time) {
    for (const Sent& s : sent_) {
      if (o_.json && !s.message.id.empty()) fmt::print("{}\n", message_json(s.message));
    }
    const std::string why = !connection_.empty()         ? ' ' + connection_
                            : !sent_.front().why.empty() ? ' ' + sent_.front().why
                                                         : std::string();
    return give_up({fmt::format(
        "{} not {}{}; in the outbox, going with the next connection.{}",
        sent_.size() == 1 ? "The message is" : fmt::format("{} messages are", sent_.size()),
        o_.wait, in_time, safe(why))});
  }

  int lost() {
    return give_up(
        {"The moot that has the store ended; what it had taken is in the outbox, see "
         "`moot tail`."});
  }

  // Another process had the store and ended. What it answered and is on disk goes on from here;
  // what it answered and did not bring to disk never left, so it is written again, in order. What
  // it did not answer is unknown, so it is not sent again.
  bool again() {
    if (unanswered_ > 0) return false;
    if (const auto sat = seat_.again(); !sat) return false;
    if (!seat_.send(Json().set("do", "watch"))) return false;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      Sent& s = sent_[i];
      if (s.there && (s.known || s.message.id.empty())) continue;
      bool on_disk = false;
      const auto each = [&](const Json& m) {
        on_disk = true;
        set(s, get_message(m));
      };
      const auto hear_other = [this](const Json& line) { hear(line); };
      if (!seat_.ask(Json().set("do", "message").set("from", self_).set("id", s.message.id), each,
                     std::chrono::seconds(10), hear_other)) {
        return false;
      }
      if (on_disk || s.there) continue;
      by_id_.erase(s.message.id);
      s.message = {};
      s.answered = s.known = false;
      ++unanswered_;
      const Json again =
          Json().set("do", "send").set("n", first_n_ + i).set("to", o_.to).set("text", s.text);
      if (!seat_.send(again)) return false;
    }
    return true;
  }

  Seat seat_;
  const Options& o_;
  const milliseconds timeout_;
  const Client::State wanted_;
  bool stdin_open_;
  bool eof_ = false;
  std::string in_;
  std::deque<Sent> sent_;
  std::uint64_t first_n_ = 1'000'000;  // the request of sent_.front(); Seat counts from 1
  std::uint64_t next_n_ = 1'000'000;
  std::size_t unanswered_ = 0;
  std::unordered_map<std::string, std::uint64_t> by_id_;
  std::unordered_map<std::string, Client::Message> early_;
  Clock::time_point moved_ = Clock::now();
  std::string self_;
  std::string connection_;
  bool refused_ = false;
  bool failed_ = false;
};

int send_messages(const Globals& globals, Options o) {
  const std::string user = user_of(o.to);
  if (user.empty())
    return give_up(
        {"\"" + safe(o.to) + "\" is no user; write @NAME, `moot users` lists them.", kUsage});
  o.to = user;
  if (o.text.empty()) {
    if (isatty(STDIN_FILENO) == 1)
      return give_up(
          {"Say what to send: moot send @" + user + " 'the text', or - for stdin.", kUsage});
    o.text = "-";
  }
  const auto timeout = parse_duration(o.timeout);
  if (!timeout) return give_up({"--timeout takes a time such as 30s, 500ms or 2m.", kUsage});
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  return Sender(std::move(*seat), o, *timeout).run();
}

}  // namespace

void add_send(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("send", "Send a message to a user");
  auto o = std::make_shared<Options>();
  sub->add_option("TARGET", o->to, "@USER")->required();
  sub->add_option("TEXT", o->text, "The message, or - : every line of stdin is one, in order");
  sub->add_option("--wait", o->wait,
                  "Wait until it is: queued (on this disk), sent (safe on the server, default), "
                  "acked (a device of the user has it)")
      ->check(CLI::IsMember({"queued", "sent", "acked"}));
  sub->add_option("--timeout", o->timeout,
                  "How long, since the last that got through (default 30s)");
  sub->add_flag("--json", o->json, "Print each message, one object a line");
  sub->footer(
      "What could not be sent stays in the outbox and goes with the next connection.\n"
      "Examples:\n"
      "  moot send @ada 'lunch?' --wait acked\n"
      "  grep error log | moot send @ops -");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return send_messages(globals, *o); }; });
}

}  // namespace moot::app
