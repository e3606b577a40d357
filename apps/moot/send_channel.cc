#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "apps/moot/channel_words.h"
#include "apps/moot/commands.h"
#include "apps/moot/post_pages.h"
#include "apps/moot/replica_log.h"
#include "apps/moot/send_loop.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"
#include "base/counted.h"

namespace moot::app {
namespace {

using State = Client::State;

// Each text is followed by its draft number until it has an id, then by that.
class Poster final : public SendLoop {
 public:
  Poster(Seat seat, const SendOptions& o) : SendLoop(std::move(seat), o) {}

 private:
  struct Sent {
    std::string text;
    std::uint64_t at_ms = now_ms();  // when it was handed over
    Client::Post post = {};
    bool answered = false;
    bool there = false;

    // What the owner answers with is a draft's number alone.
    bool told() const { return !post.text.empty(); }
  };

  std::expected<void, Trouble> begin() override {
    if (!seat_.send(Json().set("do", "watch"))) return std::unexpected(lost());
    // Before the channel is asked about: what happens to it afterwards is told.
    if (auto done = attach_to(seat_, channel(), hearing()); !done) return done;
    auto c = channel_here(seat_, channel(), hearing());
    if (!c) return std::unexpected(c.error());
    channel_ = std::move(*c);
    return {};
  }

  // By its id, as soon as that is known: it may be renamed meanwhile.
  const std::string& channel() const { return channel_.id.empty() ? o_.to : channel_.id; }

  std::size_t following() const override { return sent_.size(); }

  void submit(const std::string& text) override {
    sent_.push_back({.text = text});
    ++unanswered_;
    seat_.send(post(next_n_++, text));
  }

  Json post(std::uint64_t n, const std::string& text) const {
    return Json().set("do", "post").set("n", n).set("channel", channel()).set("text", text);
  }

  void hear(const Json& line) override {
    if (line.has("re")) return answer(line);
    hear_connection(line);
    const std::string& ev = line.str("ev");
    if (ev == "post") {
      take(get_post(line));
    } else if (ev == "channel" || ev == "leader" || ev == "election") {
      if (is_ours(line)) channel_ = get_channel(line);
    } else if (ev == "left") {
      if (is_ours(line)) left_ = true;
    }
  }

  bool is_ours(const Json& line) const {
    if (!channel_.id.empty() && line.has("id")) return line.str("id") == channel_.id;
    return same_channel(line.str("channel"), o_.to);
  }

  void answer(const Json& line) {
    const std::uint64_t at = line.u64("re") - first_n_;
    if (at >= sent_.size()) return;
    moved_ = Clock::now();
    --unanswered_;
    Sent& s = sent_[static_cast<std::size_t>(at)];
    s.answered = true;
    if (!line.str("error").empty()) {
      s.post.state = State::failed;
      s.post.error = line.str("error");
      s.there = true;
      return;
    }
    s.post.draft = line.u64("draft");
    // Whatever happens to it is told behind this answer.
    by_draft_[s.post.draft] = line.u64("re");
  }

  // Something happened to a post, perhaps to one of these.
  void take(const Client::Post& p) {
    const auto by_draft = by_draft_.find(p.draft);
    const auto by_id = by_id_.find(p.id);
    const bool drafted = p.draft != 0 && by_draft != by_draft_.end();
    if (!drafted && (p.id.empty() || by_id == by_id_.end())) return;
    const std::uint64_t at = (drafted ? by_draft->second : by_id->second) - first_n_;
    if (at < sent_.size()) set(at, p);
  }

  void set(std::uint64_t at, const Client::Post& p) {
    Sent& s = sent_[static_cast<std::size_t>(at)];
    const std::uint64_t draft = s.post.draft;
    if (s.post.state != p.state || s.post.acks_n != p.acks_n || s.post.id != p.id)
      moved_ = Clock::now();
    s.post = p;
    s.post.draft = draft;
    s.there = reached(p.state);
    if (!p.id.empty()) by_id_[p.id] = first_n_ + at;
  }

  bool reached(State state) const {
    if (state == State::committed || state == State::failed) return true;
    if (o_.wait == "sent") return state == State::pending;
    return o_.wait == "queued";
  }

  void print_ready() override {
    while (!sent_.empty() && sent_.front().there) {
      const Sent& s = sent_.front();
      if (s.post.state == State::failed) {
        failed_ = true;
        fmt::print(stderr, "moot: {}\n", safe(s.post.error));
      }
      print(s);
      by_id_.erase(s.post.id);
      by_draft_.erase(s.post.draft);
      sent_.pop_front();
      ++first_n_;
    }
  }

  void print(const Sent& s) const {
    if (!o_.json || (s.post.id.empty() && s.post.draft == 0)) return;
    fmt::print("{}\n", post_json(s.post));
    std::fflush(stdout);
  }

  // Why nothing moves, as well as it is known here.
  std::string reason() const {
    if (left_) return "You are no member of #" + safe(channel_.name) + " any more.";
    if (!connection_.empty()) return safe(connection_);
    if (std::string missing = what_is_missing(channel_); !missing.empty()) return missing;
    const Client::Post& first = sent_.front().post;
    if (first.state == State::pending && first.need > 0) {
      return fmt::format("The first of them is on {}; {} to confirm it.",
                         counted(std::max<std::uint64_t>(first.acks_n, first.acks.size()),
                                 "member's disk", "members' disks"),
                         counted(first.need, "more person has", "more people have"));
    }
    return safe(first.error);
  }

  bool all_told() const override {
    return std::ranges::all_of(sent_, [](const Sent& s) { return s.there || s.told(); });
  }

  void print_rest() const override {
    for (Sent s : sent_) {
      if (!s.told()) {
        s.post.channel = channel_.name;
        s.post.from = self_;
        s.post.text = s.text;
        s.post.at_ms = s.at_ms;
      }
      // As the sentence on stderr says it.
      if (!s.there && s.post.state != State::failed) s.post.error = reason();
      print(s);
    }
  }

  std::string sentence_of_stuck(std::string_view in_time) const override {
    std::string sentence = fmt::format(
        "{} not {}{}; in the outbox, going as soon as the channel can take {}.",
        sent_.size() == 1 ? "The message is" : fmt::format("{} messages are", sent_.size()),
        o_.wait, in_time, sent_.size() == 1 ? "it" : "them");
    if (const std::string why = reason(); !why.empty()) sentence += ' ' + why;
    return sentence;
  }

  // Another process had the store and ended. What it answered and is on disk goes on from here;
  // what it answered and did not bring to disk never left, so it is written again, in order. What
  // it did not answer is unknown, so it is not sent again.
  bool again() override {
    if (unanswered_ > 0) return false;
    if (!seat_.again() || !begin()) return false;
    std::vector<Client::Post> waiting;
    const auto each = [&](const Json& line) { waiting.push_back(get_post(line)); };
    do {
      Json question = Json().set("do", "pending").set("channel", channel());
      if (!waiting.empty()) {
        const Client::Post& last = waiting.back();
        question.set("behind", last.id).set("behind_draft", last.id.empty() ? last.draft : 0);
      }
      if (!seat_.ask(question, each, std::chrono::seconds(10), hearing())) return false;
    } while (seat_.more());
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      Sent& s = sent_[i];
      if (s.there) continue;
      const auto found = std::ranges::find_if(waiting, [&](const Client::Post& p) {
        if (p.draft != 0) return p.draft == s.post.draft;
        return s.post.id.empty() ? may_be(p, s) : p.id == s.post.id;
      });
      if (found != waiting.end()) {
        set(i, *found);
        continue;
      }
      const auto committed = find_committed(i);
      if (!committed) return false;
      if (*committed || s.there) continue;
      by_draft_.erase(s.post.draft);
      by_id_.erase(s.post.id);
      s.post = {};
      s.answered = false;
      ++unanswered_;
      if (!seat_.send(post(first_n_ + i, s.text))) return false;
    }
    return true;
  }

  // Of a text whose id was not told before the owner ended: ours, of that text, and none of the
  // others. A new owner knows no drafts of what is on its way.
  bool may_be(const Client::Post& p, const Sent& s) const {
    return p.from == self_ && p.text == s.text && p.at_ms + kClockSlackMs >= began_ms_ &&
           !by_id_.contains(p.id);
  }

  // Whether it became part of the history while nobody told: by its id, or, when it was not yet
  // known, as our newest of that text.
  std::expected<bool, Trouble> find_committed(std::size_t at) {
    const Sent& s = sent_[at];
    std::optional<Client::Post> found;
    const auto each = [&](const Json& line) {
      const Client::Post p = get_post(line);
      const bool it = s.post.id.empty() ? may_be(p, s) : p.id == s.post.id && p.from == self_;
      if (it) found = p;
    };
    Json question =
        Json().set("do", "posts").set("channel", channel()).set("count", kLookedThrough);
    if (s.post.id.empty()) {
      question.set("order", "newest").set("containing", s.text);
    } else {
      question.set("order", "oldest").set("from_id", s.post.id);
    }
    if (auto done = seat_.ask(question, each, std::chrono::seconds(30), hearing()); !done)
      return std::unexpected(done.error());
    if (found) set(at, *found);
    return found.has_value();
  }

  static constexpr std::uint64_t kLookedThrough = 100;
  // The server's clock, by which ids are made, against this one.
  static constexpr std::uint64_t kClockSlackMs = 60'000;

  const std::uint64_t began_ms_ = now_ms();
  std::deque<Sent> sent_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_draft_;
  std::unordered_map<std::string, std::uint64_t> by_id_;
  Client::Channel channel_;
  bool left_ = false;
};

}  // namespace

int send_to_channel(Seat seat, const SendOptions& o) { return Poster(std::move(seat), o).run(); }

}  // namespace moot::app
