#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

#include "apps/moot/channel_words.h"
#include "apps/moot/commands.h"
#include "apps/moot/replica_log.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"

namespace moot::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kBetweenSums = std::chrono::seconds(1);
// Owners that end one after another while the channels are asked for.
constexpr int kTries = 5;

class Replica {
  struct Followed {
    std::string id;  // as soon as it is known: a channel may be renamed
    std::string name;
    const std::string& lasting() const { return id.empty() ? name : id; }
  };
  static const std::string& id_in(const Json& line) {
    return line.str(line.str("ev") == "post" ? "channel_id" : "id");
  }
  static auto is_of(const Json& line) {
    return [id = id_in(line), name = line.str("channel")](const Followed& c) {
      return c.id.empty() || id.empty() ? same_channel(c.name, name) : c.id == id;
    };
  }

 public:
  Replica(Seat seat, std::vector<std::string> channels, bool json, Fd ended_by)
      : seat_(std::move(seat)),
        ended_by_(std::move(ended_by)),
        log_(json, colour_wanted(1)),
        status_line_(!json && isatty(STDOUT_FILENO) == 1) {
    for (std::string& name : channels) channels_.push_back({.id = {}, .name = std::move(name)});
  }

  int run() {
    if (const int code = begin(); code != kDone) return code;
    for (;;) {
      if (code_) return finish(*code_);
      const auto got = seat_.receive(milliseconds(0));
      if (got.ended) {
        if (const int code = begin_again(); code != kDone) return code;
        continue;
      }
      if (got.line) {
        hear(*got.line);
        continue;
      }
      sum_up();
      pollfd p[2] = {{seat_.fd(), POLLIN, 0}, {ended_by_.get(), POLLIN, 0}};
      poll(p, 2, log_.has_sums() ? static_cast<int>(milliseconds(kBetweenSums).count()) : -1);
      if (p[1].revents != 0) return finish(kDone);
    }
  }

 private:
  // Watches and attaches; a channel that is not ours ends it.
  int begin() {
    const auto hear_other = [this](const Json& line) { hear(line); };
    if (!seat_.send(Json().set("do", "watch"))) return begin_again();
    for (const Followed& channel : std::vector(channels_)) {
      const std::string& asked = channel.lasting();
      if (const auto done = attach_to(seat_, asked, hear_other); !done)
        return give_up(done.error());
      const auto here = channel_here(seat_, asked, hear_other);
      if (!here) return give_up(here.error());
      // We may have left it meanwhile.
      const auto still = std::ranges::find(channels_, asked, &Followed::lasting);
      if (still != channels_.end() && !here->id.empty()) *still = {here->id, here->name};
    }
    return kDone;
  }

  // Another process had the store and ended: this one takes its place.
  int begin_again() {
    if (++owners_lost_ > kTries) return give_up({"The moots that have the store end one by one."});
    if (const auto sat = seat_.again(); !sat) return give_up(sat.error());
    return begin();
  }

  void hear(const Json& line) {
    const std::string& ev = line.str("ev");
    if (ev == "stopped") code_ = give_up({safe(line.str("text"))});
    if (ev == "store_failed") code_ = give_up({safe(line.str("why"))});
    if (line.has("channel")) {
      const auto known = std::ranges::find_if(channels_, is_of(line));
      if (known == channels_.end()) return;
      if (known->id.empty()) known->id = id_in(line);
    }
    say(log_.hear(line, now_ms()));
    if (ev == "left") {
      std::erase_if(channels_, is_of(line));
      if (channels_.empty()) code_ = give_up({"There is no channel left to be a replica of."});
    }
    if (ev == "caught_up") owners_lost_ = 0;
  }

  void say(const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    clear();
    for (const std::string& line : lines) fmt::print("{}\n", line);
    draw();
    std::fflush(stdout);
  }

  // What only counts, once a second: a line in a log, the last line of a terminal.
  void sum_up() {
    if (!log_.has_sums() || Clock::now() - summed_ < kBetweenSums) return;
    summed_ = Clock::now();
    if (!status_line_) return say(log_.sums(now_ms()));
    log_.sums(now_ms());
    clear();
    draw();
    std::fflush(stdout);
  }

  void clear() {
    if (status_line_) fmt::print("\r\x1b[K");
  }
  void draw() {
    if (status_line_) fmt::print("{}", log_.status_line());
  }

  int finish(int code) {
    clear();
    for (const std::string& line : log_.sums(now_ms())) fmt::print("{}\n", line);
    std::fflush(stdout);
    return code;
  }

  Seat seat_;
  std::vector<Followed> channels_;
  Fd ended_by_;
  ReplicaLog log_;
  const bool status_line_;
  int owners_lost_ = 0;  // without a connection between them
  std::optional<int> code_;
  Clock::time_point summed_{};
};

int replica(const Globals& globals, const std::vector<std::string>& targets, bool json) {
  std::vector<std::string> channels;
  for (const std::string& t : targets) {
    const auto channel = named_channel(t);
    if (!channel) return give_up(channel.error());
    channels.push_back(*channel);
  }
  // Before any thread starts, so that none of them dies of it: the server is told good-bye.
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ends, signal);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  Fd ended_by(signalfd(-1, &ends, SFD_CLOEXEC));
  auto seat = Seat::take(globals, {.connect = true, .answers = false});
  if (!seat) return give_up(seat.error());
  return Replica(std::move(*seat), channels, json, std::move(ended_by)).run();
}

}  // namespace

void add_replica(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand(
      "replica", "Stay on line and keep a channel's history: a member's always-on node");
  auto channels = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("NAME", *channels, "Channels, with or without #")->required();
  sub->add_flag(
      "--json", *json,
      "One object a line: {\"at\",\"channel\",\"what\",...}, where what is status, "
      "renamed, election, leader, commits, sync, synced, left, connected or disconnected");
  sub->footer(std::string("It takes part in elections, confirms what others say, and gives others "
                          "what they lack.\nEnds with SIGTERM or Ctrl-C, exit 0.\n") +
              kNameNote + "\nExample: moot --home /var/lib/moot-node replica ops");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return replica(globals, *channels, *json); }; });
}

}  // namespace moot::app
