#include <fmt/format.h>

#include <algorithm>

#include "apps/moot/commands.h"
#include "apps/moot/post_pages.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"

namespace moot::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kPage = 500;
constexpr auto kAwhile = std::chrono::hours(1);
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

// Which conversations, as they are asked for.
struct Wanted {
  std::vector<std::string> peers;
  std::vector<Client::Channel> channels;
  bool everything = false;

  bool people() const { return everything || !peers.empty(); }
  bool posts() const { return everything || !channels.empty(); }
  bool holds(const Client::Message& m) const {
    return everything ||
           std::ranges::any_of(peers, [&](const auto& p) { return m.from == p || m.to == p; });
  }
  bool holds(const Client::Post& p) const {
    return everything || std::ranges::any_of(channels, [&](const auto& c) {
             return c.id.empty() || p.channel_id.empty() ? c.name == p.channel
                                                         : c.id == p.channel_id;
           });
  }
};

class Tail {
 public:
  Tail(Seat seat, const Options& o, Since since)
      : seat_(std::move(seat)), o_(o), since_(std::move(since)), colour_(colour_wanted(1)) {}

  int run() {
    if (const int code = keep_at([this] { return begin(); }, false); code != kDone) return code;
    // Who follows sees what comes as it comes; for who does not it must have come.
    if (!o_.follow && wanted_.people()) catch_up();
    if (const int code = keep_at([this] { return print_past(); }); code != kDone) return code;
    if (!o_.follow) return keep_at([this] { return all_known(); });
    for (;;) {
      if (changed_) {
        changed_ = false;
        if (const int code = keep_at([this] { return print_after(); }); code != kDone) return code;
        // What came while that was read may be news again: nothing is waited for before it is read.
        continue;
      }
      if (stopped_) return kFailed;
      const auto got = seat_.receive(kAwhile);
      if (got.ended && again() != kDone) return kFailed;
      if (got.line) hear(*got.line);
    }
  }

 private:
  std::expected<void, Trouble> begin() {
    if (!seat_.send(Json().set("do", "watch"))) return std::unexpected(gone());
    wanted_ = {};
    wanted_.everything = o_.targets.empty();
    const auto targets = targets_of(seat_, o_.targets, Aim::read, hearing());
    if (!targets) return std::unexpected(targets.error());
    for (const Target& t : *targets) {
      if (!t.channel) {
        wanted_.peers.push_back(t.name);
        continue;
      }
      if (auto done = attach(t.name); !done) return done;
      auto c = channel_here(seat_, t.name, hearing());
      if (!c) return std::unexpected(c.error());
      wanted_.channels.push_back(std::move(*c));
    }
    if (wanted_.everything) return attach({});
    return {};
  }

  // What was asked for by a name that means nothing here is not only empty.
  std::expected<void, Trouble> all_known() {
    for (const std::string& peer : wanted_.peers) {
      if (auto known = known_here(seat_, {false, peer}, hearing()); !known) return known;
    }
    for (const Client::Channel& c : wanted_.channels) {
      if (auto known = known_here(seat_, {true, lasting_name(c)}, hearing()); !known) return known;
    }
    return {};
  }

  // Who follows a channel gets what is said there.
  std::expected<void, Trouble> attach(const std::string& channel) {
    if (!o_.follow) return {};
    return attach_to(seat_, channel, hearing());
  }
  std::expected<void, Trouble> attach_again() {
    if (wanted_.everything) return attach({});
    for (const auto& c : wanted_.channels) {
      if (auto done = attach(lasting_name(c)); !done) return done;
    }
    return {};
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
      if (ev == "disconnected" || ev == "stopped" || ev == "store_failed") return;
      if (ev == "caught_up") there = true;
      if (there) until = std::min(end, Clock::now() + kQuiet);
    }
  }

  // Of what is here: the newest, or all that is not too old.
  std::expected<void, Trouble> print_past() {
    if (!o_.since.empty() && o_.count == 0) return print_after();
    const std::uint64_t count = o_.count == 0 ? kCountDefault : o_.count;
    const auto posts = newest_posts(count);
    if (!posts) return std::unexpected(posts.error());
    const auto messages = newest_messages(count);
    if (!messages) return std::unexpected(messages.error());
    // Each in its own order; put together by time.
    std::vector<std::pair<std::uint64_t, std::string>> lines;
    auto m = messages->begin();
    for (const Client::Post& p : *posts) {
      for (; m != messages->end() && m->at_ms <= p.at_ms; ++m) lines.emplace_back(m->seq, line(*m));
      lines.emplace_back(0, line(p));
    }
    for (; m != messages->end(); ++m) lines.emplace_back(m->seq, line(*m));
    const std::size_t skip = lines.size() > count ? lines.size() - count : 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      last_seq_ = std::max(last_seq_, lines[i].first);
      if (i >= skip) say(lines[i].second);
    }
    return {};
  }

  std::expected<std::vector<Client::Message>, Trouble> newest_messages(std::uint64_t count) {
    std::vector<Client::Message> rows;
    if (!wanted_.people()) return rows;
    // One peer is asked for alone; of several, the newest are put together.
    const auto& peers = wanted_.peers;
    for (std::size_t i = 0; i < std::max<std::size_t>(peers.size(), 1); ++i) {
      if (auto done = newest_of(peers.empty() ? std::string() : peers[i], count, rows); !done)
        return std::unexpected(done.error());
    }
    std::ranges::sort(rows, {}, &Client::Message::seq);
    std::erase_if(rows, [&](const auto& m) { return !shown(m); });
    if (rows.size() > count) rows.erase(rows.begin(), rows.end() - static_cast<long>(count));
    return rows;
  }

  std::expected<void, Trouble> history(Json question, std::vector<Client::Message>& rows) {
    return ask(question.set("do", "history").set("since", since_.ms),
               [&](const Json& line) { rows.push_back(get_message(line)); });
  }
  // Page by page, from the end backwards.
  std::expected<void, Trouble> newest_of(const std::string& peer, std::uint64_t count,
                                         std::vector<Client::Message>& rows) {
    for (std::uint64_t left = count, before = 0; left > 0;) {
      const std::uint64_t wanted = std::min(left, kPage);
      std::vector<Client::Message> page;
      const auto done =
          history(Json().set("peer", peer).set("before", before).set("count", wanted), page);
      if (!done) return done;
      const std::uint64_t got = page.size();
      rows.insert(rows.end(), page.begin(), page.end());
      if (got == 0 || (got < wanted && !seat_.more())) break;
      before = page.front().seq;
      left -= got;
    }
    return {};
  }

  // What arrives from here on comes after them.
  std::expected<std::vector<Client::Post>, Trouble> newest_posts(std::uint64_t count) {
    std::vector<Client::Post> rows;
    if (!wanted_.posts()) return rows;
    const auto last = last_arrival(seat_, hearing());
    if (!last) return std::unexpected(last.error());
    std::vector<std::string> names;
    const auto name = [&](const Json& line) { names.push_back(lasting_name(get_channel(line))); };
    for (const auto& c : wanted_.channels) names.push_back(lasting_name(c));
    if (wanted_.everything) {
      if (const auto done = ask(Json().set("do", "channels_here"), name); !done)
        return std::unexpected(done.error());
    }
    for (const std::string& channel : names) {
      const auto each = [&](const Client::Post& p) {
        if (p.seq <= *last) rows.push_back(p);
      };
      if (const auto done = each_post(seat_, {channel, since_, count}, each, hearing()); !done)
        return std::unexpected(done.error());
      std::ranges::stable_sort(rows, {}, &Client::Post::at_ms);
      if (rows.size() > count) rows.erase(rows.begin(), rows.end() - static_cast<long>(count));
    }
    last_post_ = *last;
    return rows;
  }

  // The owner may end in the middle of an answer; what was printed is known by its place.
  template <class Do>
  int keep_at(Do what, bool sits = true) {
    for (int tries = 1;; ++tries) {
      const auto done = what();
      if (done) return kDone;
      if (tries == kTries || done.error().code == kUsage || !seat_.lost())
        return give_up(done.error());
      if (const int code = again(sits); code != kDone) return code;
    }
  }

  // Everything after the last that was printed, page by page.
  std::expected<void, Trouble> print_after() {
    while (wanted_.people()) {
      std::vector<Client::Message> rows;
      const auto done =
          history(Json().set("after", last_seq_).set("count", kPage).set("first", true), rows);
      if (!done) return done;
      for (const auto& m : rows) {
        last_seq_ = m.seq;
        if (shown(m)) say(line(m));
      }
      if (rows.empty() || (rows.size() < kPage && !seat_.more())) break;
    }
    if (!wanted_.posts()) return {};
    const bool one = wanted_.channels.size() == 1;
    const auto each = [&](const Client::Post& p) {
      last_post_ = p.seq;
      if (shown(p)) say(line(p));
    };
    std::uint64_t after = last_post_;
    const auto done = each_arrival(
        seat_, {one ? lasting_name(wanted_.channels[0]) : std::string(), {}, since_.ms}, after,
        each, hearing());
    if (!done) return std::unexpected(done.error());
    return {};
  }

  template <class Row>
  bool shown(const Row& row) const {
    return (since_.id.empty() || row.id > since_.id) && wanted_.holds(row);
  }

  std::expected<void, Trouble> ask(const Json& question, const Seat::Each& each) {
    return seat_.ask(question, each, std::chrono::seconds(30), hearing());
  }
  Seat::Each hearing() {
    return [this](const Json& line) { hear(line); };
  }

  void hear(const Json& line) {
    const std::string& ev = line.str("ev");
    if (line.has("self")) self_ = line.str("self");
    if (ev == "message" || ev == "sync" || ev == "synced") changed_ = true;
    if (ev == "post" && line.str("state") == "committed") changed_ = true;
    if (ev == "store_failed") {
      fmt::print(stderr, "moot: {}\n", safe(line.str("why")));
      stopped_ = true;
    }
    if (ev == "channel") {
      // It may have another name now.
      for (auto& c : wanted_.channels) {
        if (c.id == line.str("id")) c.name = line.str("channel");
      }
    }
    const bool off = ev == "disconnected" || ev == "stopped";
    if (off && line.str("text") != said_) {
      said_ = line.str("text");
      fmt::print(stderr, "moot: {}\n", safe(said_));
    }
    if (ev == "connected") said_.clear();
    if (ev == "stopped") stopped_ = true;
  }

  std::string line(const Client::Message& m) const {
    return o_.json ? message_json(m) : message_line(m, self_, colour_);
  }
  std::string line(const Client::Post& p) const {
    return o_.json ? post_json(p) : post_line(p, self_, colour_);
  }
  void say(const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
  }

  static Trouble gone() { return {"The moot that has the store ended; run the command again."}; }

  // The owner ended: this process takes its place, or finds another owner, which may be about to
  // end as well, and goes on where it was.
  int again(bool sits = true) {
    changed_ = true;
    stopped_ = false;
    for (int tries = 0; tries < kTries; ++tries) {
      if (const auto sat = seat_.again(); !sat) return give_up(sat.error());
      if (!sits || (seat_.send(Json().set("do", "watch")) && attach_again())) return kDone;
    }
    return give_up(gone());
  }

  Seat seat_;
  const Options& o_;
  const Since since_;
  const bool colour_;
  Wanted wanted_;
  std::string self_;
  std::uint64_t last_seq_ = 0;
  std::uint64_t last_post_ = 0;
  std::string said_;
  // The owner does not connect any more: replaced, the key was revoked, or its store has failed.
  bool stopped_ = false;
  bool changed_ = false;
};

int tail(const Globals& globals, const Options& o) {
  for (const std::string& t : o.targets) {
    if (const auto target = target_of(t, {}); !target && (t[0] == '@' || t[0] == '#'))
      return give_up(target.error());
  }
  auto since = parse_since(o.since);
  if (!since) return give_up(since.error());
  // Who follows is there to read.
  auto seat = Seat::take(globals, {.connect = true, .answers = o.follow});
  if (!seat) return give_up(seat.error());
  return Tail(std::move(*seat), o, std::move(*since)).run();
}

}  // namespace

void add_tail(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("tail", "Print messages, and with --follow those that come");
  auto o = std::make_shared<Options>();
  sub->add_option("TARGET", o->targets,
                  "Only these conversations: @USER, and channels: NAME or '#NAME'");
  sub->add_flag(
      "--json", o->json,
      "One object a line: {\"to\",\"id\",\"from\",\"at\",\"text\",\"state\",\"acks\"}; in "
      "channels \"channel\" instead of \"to\"");
  sub->add_option("--since", o->since, "After this message id, or from this time on (UTC)");
  sub->add_option("--count", o->count, "The last N (default 20, with --since all)")
      ->check(at_least_one());
  sub->add_flag("-f,--follow", o->follow,
                "Go on until interrupted, or until the server takes the key away; takes part in "
                "the channels, so that what is said there comes");
  sub->footer(
      "Of channels, committed messages; those that came behind their time are marked\n"
      "late. Without --follow: what is on this device.\n"
      "NAME alone is the channel if you are or were in one of that name, else the\n"
      "user; where both could be meant it is refused: write @NAME or '#NAME'. A\n"
      "shell takes an unquoted #ops for a comment: write ops or '#ops'.\n"
      "Examples:\n"
      "  moot tail @ada --count 5\n"
      "  moot tail ops --follow\n"
      "  moot tail --follow --json | while read -r m; do ...; done");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return tail(globals, *o); }; });
}

}  // namespace moot::app
