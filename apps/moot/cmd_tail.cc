#include <fmt/format.h>

#include <algorithm>

#include "apps/moot/commands.h"
#include "apps/moot/seat.h"
#include "apps/moot/show.h"
#include "model/ids.h"

namespace moot::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kPage = 500;
constexpr std::uint64_t kCountDefault = 20;
constexpr auto kCatchUp = std::chrono::seconds(10);
// What the server had kept arrives in one go; a pause as long as this is its end.
constexpr auto kQuiet = milliseconds(300);
// Owners that end one after another while they are asked the same.
constexpr int kTries = 5;

struct Options {
  std::vector<std::string> targets;
  std::string since;
  std::uint64_t count = 0;
  bool json = false;
  bool follow = false;
};

class Tail {
 public:
  Tail(Seat seat, const Options& o) : seat_(std::move(seat)), o_(o), colour_(colour_wanted(1)) {
    for (const std::string& t : o_.targets) peers_.push_back(user_of(t));
  }

  int run() {
    if (!o_.since.empty() && !parse_since())
      return give_up({"--since takes a message id or a time such as 2026-11-23T09:30.", kUsage});
    if (!seat_.send(Json().set("do", "watch"))) {
      if (const int code = again(); code != kDone) return code;
    }
    // Who follows sees what comes as it comes; for who does not it must have come.
    if (!o_.follow) catch_up();
    if (const int code = keep_at([this] { return print_history(); }); code != kDone) return code;
    if (!o_.follow) return kDone;
    for (;;) {
      if (changed_) {
        changed_ = false;
        if (const int code = keep_at([this] { return print_after(); }); code != kDone) return code;
      }
      if (stopped_) return kFailed;
      const auto got = seat_.receive(std::chrono::seconds(3600));
      if (got.ended && again() != kDone) return kFailed;
      if (got.line) hear(*got.line);
    }
  }

 private:
  bool parse_since() {
    if (const auto id = parse_ulid<MsgId>(o_.since)) {
      since_id_ = o_.since;
      since_ms_ = id->time().ms;
      return true;
    }
    const auto at = parse_iso_time(o_.since);
    if (!at) return false;
    since_ms_ = *at;
    return true;
  }

  // Waits for what the server kept, unless there is no server to be had.
  void catch_up() {
    const auto end = Clock::now() + kCatchUp;
    auto until = end;
    bool there = false;
    while (Clock::now() < until) {
      const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
      const auto got = seat_.receive(std::max(left, milliseconds(1)));
      if (got.ended || !got.line) return;
      hear(*got.line);
      const std::string& ev = got.line->str("ev");
      if (ev == "disconnected" || ev == "stopped") return;
      if (ev == "caught_up") there = true;
      if (there) until = std::min(end, Clock::now() + kQuiet);
    }
  }

  bool wanted(const Client::Message& m) const {
    if (!since_id_.empty() && m.id <= since_id_) return false;
    return peers_.empty() || std::ranges::any_of(peers_, [&](const std::string& p) {
             return m.from == p || m.to == p;
           });
  }

  std::expected<void, Trouble> print_history() {
    if (!o_.since.empty() && o_.count == 0) return print_after();
    const std::uint64_t count = o_.count == 0 ? kCountDefault : o_.count;
    std::vector<Client::Message> rows;
    const auto each = [&](const Json& j) { rows.push_back(get_message(j)); };
    // One peer is asked for alone; of several, the newest are put together.
    for (std::size_t i = 0; i < std::max<std::size_t>(peers_.size(), 1); ++i) {
      const auto done = ask(Json()
                                .set("do", "history")
                                .set("peer", peers_.empty() ? std::string() : peers_[i])
                                .set("since", since_ms_)
                                .set("count", count),
                            each);
      if (!done) return done;
    }
    std::ranges::sort(rows, {}, &Client::Message::seq);
    std::erase_if(rows, [&](const auto& m) { return !wanted(m); });
    if (rows.size() > count) rows.erase(rows.begin(), rows.end() - static_cast<long>(count));
    for (const auto& m : rows) print(m);
    return {};
  }

  // The owner may end in the middle of an answer; what was printed is known by `last_seq_`.
  template <class Print>
  int keep_at(Print print) {
    for (int tries = 1;; ++tries) {
      const auto done = print();
      if (done) return kDone;
      if (tries == kTries) return give_up(done.error());
      if (const int code = again(); code != kDone) return code;
    }
  }

  // Everything after the last that was printed, page by page.
  std::expected<void, Trouble> print_after() {
    for (;;) {
      std::vector<Client::Message> rows;
      const auto each = [&](const Json& j) { rows.push_back(get_message(j)); };
      const auto done = ask(Json()
                                .set("do", "history")
                                .set("after", last_seq_)
                                .set("since", since_ms_)
                                .set("count", kPage)
                                .set("first", true),
                            each);
      if (!done) return done;
      for (const auto& m : rows) {
        last_seq_ = m.seq;
        if (wanted(m)) print(m);
      }
      if (rows.size() < kPage) return {};
    }
  }

  std::expected<void, Trouble> ask(const Json& question, const Seat::Each& each) {
    return seat_.ask(question, each, std::chrono::seconds(30),
                     [this](const Json& line) { hear(line); });
  }

  void hear(const Json& line) {
    const std::string& ev = line.str("ev");
    if (line.has("self")) self_ = line.str("self");
    if (ev == "message") changed_ = true;
    if (ev == "store_failed") fmt::print(stderr, "moot: {}\n", safe(line.str("why")));
    const bool off = ev == "disconnected" || ev == "stopped";
    if (off && line.str("text") != said_) {
      said_ = line.str("text");
      fmt::print(stderr, "moot: {}\n", safe(said_));
    }
    if (ev == "connected") said_.clear();
    if (ev == "stopped") stopped_ = true;
  }

  void print(const Client::Message& m) {
    last_seq_ = std::max(last_seq_, m.seq);
    if (o_.json) {
      fmt::print("{}\n", message_json(m));
    } else {
      fmt::print("{}\n", message_line(m, self_, colour_));
    }
    std::fflush(stdout);
  }

  int lost() { return give_up({"The moot that has the store ended; run the command again."}); }

  // The owner ended: this process takes its place, or finds another owner, which may be about to
  // end as well, and goes on where it was.
  int again() {
    changed_ = true;
    stopped_ = false;
    for (int tries = 0; tries < kTries; ++tries) {
      if (const auto sat = seat_.again(); !sat) return give_up(sat.error());
      if (seat_.send(Json().set("do", "watch"))) return kDone;
    }
    return lost();
  }

  Seat seat_;
  const Options& o_;
  const bool colour_;
  std::vector<std::string> peers_;
  std::string self_;
  std::string since_id_;
  std::uint64_t since_ms_ = 0;
  std::uint64_t last_seq_ = 0;
  std::string said_;
  bool stopped_ = false;  // the owner does not connect any more: replaced, or the key was revoked
  bool changed_ = false;
};

int tail(const Globals& globals, const Options& o) {
  for (const std::string& t : o.targets) {
    if (user_of(t).empty())
      return give_up({"\"" + safe(t) + "\" is no user; write @NAME.", kUsage});
  }
  // Who follows is there to read.
  auto seat = Seat::take(globals, {.connect = true, .answers = o.follow});
  if (!seat) return give_up(seat.error());
  return Tail(std::move(*seat), o).run();
}

}  // namespace

void add_tail(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("tail", "Print messages, and with --follow those that come");
  auto o = std::make_shared<Options>();
  sub->add_option("TARGET", o->targets, "Only these conversations: @USER...");
  sub->add_flag("--json", o->json,
                "One object a line: {\"to\",\"id\",\"from\",\"at\",\"text\",\"state\",\"acks\"}");
  sub->add_option("--since", o->since, "After this message id, or from this time on (UTC)");
  sub->add_option("--count", o->count, "The last N (default 20, with --since all)");
  sub->add_flag("-f,--follow", o->follow,
                "Go on until interrupted, or until the server takes the key away");
  sub->footer(
      "Examples:\n"
      "  moot tail @ada --count 5\n"
      "  moot tail --follow --json | while read -r m; do ...; done");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return tail(globals, *o); }; });
}

}  // namespace moot::app
