#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "apps/moot/commands.h"
#include "apps/moot/send_loop.h"
#include "apps/moot/show.h"

namespace moot::app {
namespace {

class Sender final : public SendLoop {
 public:
  Sender(Seat seat, const SendOptions& o)
      : SendLoop(std::move(seat), o), wanted_(*state_of(o.wait)) {}

 private:
  struct Sent {
    std::string text;
    std::uint64_t at_ms = now_ms();  // when it was handed over
    Client::Message message = {};
    bool answered = false;
    bool known = false;  // `message` has all, not only id and state
    bool there = false;
    std::string why = {};
  };

  std::expected<void, Trouble> begin() override {
    if (!seat_.send(Json().set("do", "watch"))) return std::unexpected(lost());
    return {};
  }

  std::size_t following() const override { return sent_.size(); }

  void submit(const std::string& text) override {
    sent_.push_back({.text = text});
    ++unanswered_;
    seat_.send(Json().set("do", "send").set("n", next_n_++).set("to", o_.to).set("text", text));
  }

  void hear(const Json& line) override {
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
      // Whatever happens to it is told behind this answer.
      by_id_[s.message.id] = line.u64("re");
      return;
    }
    hear_connection(line);
    const std::string& ev = line.str("ev");
    if (ev == "message") {
      const Client::Message m = get_message(line);
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
    }
  }

  template <class F>
  void with(const Client::Message& m, F f) {
    const auto known = by_id_.find(m.id);
    if (known != by_id_.end()) {
      const std::uint64_t at = known->second - first_n_;
      if (at < sent_.size()) f(sent_[static_cast<std::size_t>(at)]);
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

  void print_ready() override {
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

  bool all_told() const override {
    return std::ranges::all_of(sent_, [](const Sent& s) { return s.there || s.known; });
  }

  void print_rest() const override {
    for (Sent s : sent_) {
      if (!s.known) {
        s.message.from = self_;
        s.message.to = o_.to;
        s.message.text = s.text;
        s.message.at_ms = s.at_ms;
      }
      // As the sentence on stderr says it.
      if (!s.there && s.message.error.empty()) s.message.error = why_stuck();
      if (o_.json && !s.message.id.empty()) fmt::print("{}\n", message_json(s.message));
    }
  }

  // Why nothing moves, as well as it is known here.
  std::string why_stuck() const { return !connection_.empty() ? connection_ : sent_.front().why; }

  std::string sentence_of_stuck(std::string_view in_time) const override {
    std::string why = why_stuck();
    if (!why.empty()) why.insert(0, " ");
    return fmt::format(
        "{} not {}{}; in the outbox, going with the next connection.{}",
        sent_.size() == 1 ? "The message is" : fmt::format("{} messages are", sent_.size()),
        o_.wait, in_time, safe(why));
  }

  // Another process had the store and ended. What it answered and is on disk goes on from here;
  // what it answered and did not bring to disk never left, so it is written again, in order. What
  // it did not answer is unknown, so it is not sent again.
  bool again() override {
    if (unanswered_ > 0) return false;
    if (const auto sat = seat_.again(); !sat) return false;
    if (!begin()) return false;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      Sent& s = sent_[i];
      if (s.there && (s.known || s.message.id.empty())) continue;
      bool on_disk = false;
      const auto each = [&](const Json& m) {
        on_disk = true;
        set(s, get_message(m));
      };
      if (!seat_.ask(Json().set("do", "message").set("from", self_).set("id", s.message.id), each,
                     std::chrono::seconds(10), hearing())) {
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

  const Client::State wanted_;
  std::deque<Sent> sent_;
  std::unordered_map<std::string, std::uint64_t> by_id_;
};

}  // namespace

int send_private(Seat seat, const SendOptions& o) { return Sender(std::move(seat), o).run(); }

}  // namespace moot::app
