#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <deque>
#include <unordered_map>

#include "apps/moot/commands.h"
#include "apps/moot/send.h"
#include "apps/moot/show.h"
#include "apps/moot/stdin_lines.h"

namespace moot::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

class Sender {
 public:
  Sender(Seat seat, const SendOptions& o)
      : seat_(std::move(seat)),
        o_(o),
        timeout_(*parse_duration(o.timeout)),
        wanted_(*state_of(o.wait)),
        stdin_(o.text == "-") {}

  int run() {
    if (!seat_.send(Json().set("do", "watch"))) return lost();
    if (!stdin_.open()) submit(o_.text);
    while (stdin_.open() || !sent_.empty()) {
      if (!sent_.empty()) {
        if (refused_ && unanswered_ == 0) return stuck({});
        if (Clock::now() - moved_ > timeout_) return stuck(" within " + o_.timeout);
      }
      const bool room =
          stdin_.open() && sent_.size() < kSendPipeline && unanswered_ < kSendUnanswered;
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
    if (read_stdin) {
      if (const auto line = stdin_.take()) submit(*line);
      if (!stdin_.open()) return true;
    }
    const auto got = seat_.receive(milliseconds(0));
    if (got.ended) return again();
    if (got.line) {
      hear(*got.line);
      return true;
    }
    if (poll(p, read_stdin && !stdin_.at_end() ? 2 : 1, 200) < 0) return errno == EINTR;
    if (read_stdin && p[1].revents != 0) stdin_.read_now();
    return true;
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
  const SendOptions& o_;
  const milliseconds timeout_;
  const Client::State wanted_;
  StdinLines stdin_;
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

}  // namespace

int send_private(Seat seat, const SendOptions& o) { return Sender(std::move(seat), o).run(); }

}  // namespace moot::app
