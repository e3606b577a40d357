#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "apps/moot/channel_words.h"
#include "apps/moot/commands.h"
#include "apps/moot/progress.h"
#include "apps/moot/replica_log.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"
#include "base/counted.h"

// pull and verify: whether this device has what the channel has.
namespace moot::app {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Who attaches may be the one that makes the channel healthy, and begins an election.
constexpr auto kLeaderPatience = std::chrono::seconds(15);
constexpr auto kFewPatience = std::chrono::seconds(3);
// A pull that brings nothing any more for so long has failed.
constexpr auto kPullPatience = std::chrono::minutes(2);
constexpr auto kProofPatience = std::chrono::minutes(30);
// Messages that are committed meanwhile make a comparison find differences.
constexpr int kRounds = 8;

struct Pulled {
  std::uint64_t records = 0;
  std::uint64_t differences = 0;
};
struct Proof {
  std::uint64_t count = 0;
  std::string fingerprint;
};

class Puller {
 public:
  Puller(Seat seat, std::string channel) : seat_(std::move(seat)), channel_(std::move(channel)) {}

  std::expected<Proof, Trouble> prove() {
    pulled_ = {};
    Proof proof;
    Progress progress(name() + " proved", isatty(STDERR_FILENO) == 1);
    const auto each = [&](const Json& line) {
      if (line.has("fingerprint")) {
        proof = {line.u64("count"), line.str("fingerprint")};
      } else if (line.u64("all") > 0) {
        progress.show(line.u64("records"), line.u64("all"));
      }
    };
    const auto done = seat_.ask(Json().set("do", "verify").set("channel", channel_), each,
                                kProofPatience, [this](const Json& line) { hear(line); });
    if (!done) return std::unexpected(done.error());
    return proof;
  }

  // A channel that this device has never heard of is asked for.
  std::expected<void, Trouble> get_to_know() {
    if (!seat_.send(Json().set("do", "watch")))
      return std::unexpected(Trouble{"The moot that has the store ended."});
    if (auto done = look(); !done || state_.member) return done;
    return attach_to(seat_, channel_, [this](const Json& line) { hear(line); });
  }

  // Attached, with a leader, or a sentence that says why not.
  std::expected<void, Trouble> find_leader() {
    const auto hear_other = [this](const Json& line) { hear(line); };
    if (auto done = seat_.wait_connected(hear_other); !done) return done;
    if (auto done = attach_to(seat_, channel_, hear_other); !done) return done;
    if (auto done = look(); !done) return done;
    const auto began = Clock::now();
    while (state_.leader.empty()) {
      const bool few = state_.status != "electing" && state_.status != "healthy";
      const auto patience = few ? milliseconds(kFewPatience) : milliseconds(kLeaderPatience);
      const auto left = std::chrono::duration_cast<milliseconds>(began + patience - Clock::now());
      if (left.count() <= 0) {
        const std::string why = what_is_missing(state_);
        return std::unexpected(Trouble{
            "There is no leader to compare with. " +
            (why.empty() ? "Run the command again when #" + safe(channel_) + " has one." : why)});
      }
      const auto got = seat_.receive(left);
      if (got.ended) return std::unexpected(Trouble{"The moot that has the store ended."});
      if (got.line) hear(*got.line);
      if (!off_.empty()) return std::unexpected(Trouble{off_});
    }
    return {};
  }

  // What came since the last pull or proof: a device that attaches is given what it lacks before
  // anybody asks for it.
  std::expected<Pulled, Trouble> pull() {
    Pulled pulled;
    const auto each = [&](const Json& line) {
      pulled = {line.u64("records"), line.u64("differences")};
      show(pulled);
    };
    const auto done = seat_.ask(Json().set("do", "pull").set("channel", channel_), each,
                                kPullPatience, [this](const Json& line) { hear(line); });
    if (!done) return std::unexpected(done.error());
    count_sync();
    const Pulled heard = std::exchange(pulled_, {});
    return Pulled{std::max(pulled.records, heard.records),
                  std::max(pulled.differences, heard.differences)};
  }

  std::expected<void, Trouble> look() {
    auto c = channel_here(seat_, channel_, [this](const Json& line) { hear(line); });
    if (!c) return std::unexpected(c.error());
    state_ = std::move(*c);
    return {};
  }

  // From here until `progress_ends`, it is shown how far pulls are.
  void progress_begins() {
    progress_ = std::make_unique<Progress>(name(), isatty(STDERR_FILENO) == 1);
  }
  void progress_ends() { progress_.reset(); }

  const Client::Channel& state() const { return state_; }
  std::string name() const { return '#' + safe(channel_); }

 private:
  void hear(const Json& line) {
    const std::string& ev = line.str("ev");
    // By the name it was asked for, too: a sync may begin before anything else is known of it.
    const std::string& name = line.str("channel");
    if (same_channel(name, channel_) || same_channel(name, state_.name)) {
      if (ev == "channel" || ev == "leader" || ev == "election") state_ = get_channel(line);
      if (ev == "sync") {
        sync_ = {line.u64("records"), line.u64("differences")};
        show(sync_);
      }
      if (ev == "synced") count_sync();
    }
    if (ev == "connected" || ev == "caught_up") off_.clear();
    if (ev == "disconnected" || ev == "stopped") off_ = safe(line.str("text"));
    if (ev == "store_failed") off_ = safe(line.str("why"));
  }

  void show(const Pulled& p) {
    if (progress_) progress_->show(p.records, p.differences);
  }

  void count_sync() {
    pulled_.records += sync_.records;
    pulled_.differences = std::max(pulled_.differences, sync_.differences);
    sync_ = {};
  }

  Seat seat_;
  std::string channel_;
  Client::Channel state_;
  Pulled pulled_;
  Pulled sync_;  // that runs
  std::unique_ptr<Progress> progress_;
  std::string off_;
};

std::expected<Puller, Trouble> puller(const Globals& globals, const std::string& target) {
  const auto channel = named_channel(target);
  if (!channel) return std::unexpected(channel.error());
  auto seat = Seat::take(globals, {.connect = true, .answers = false});
  if (!seat) return std::unexpected(seat.error());
  return Puller(std::move(*seat), *channel);
}

int pull(const Globals& globals, const std::string& target, bool json) {
  auto p = puller(globals, target);
  if (!p) return give_up(p.error());
  // A device that attaches pulls by itself.
  p->progress_begins();
  const auto found = p->find_leader();
  std::expected<Pulled, Trouble> pulled;
  if (found && !p->state().leading) pulled = p->pull();
  p->progress_ends();
  if (!found) return give_up(found.error());
  if (!pulled) return give_up(pulled.error());
  if (json) {
    fmt::print("{{\"channel\":{},\"records\":{},\"differences\":{},\"synced\":true}}\n",
               json_text(p->state().name), pulled->records, pulled->differences);
  } else if (p->state().leading) {
    fmt::print("{}: this device leads; the others pull from it.\n", p->name());
  } else {
    fmt::print("{}: {} pulled; in step with {}.\n", p->name(), counted(pulled->records, "record"),
               p->state().keeper == "server" ? "the server" : '@' + safe(p->state().leader));
  }
  return kDone;
}

void print_proof(const Puller& p, const Proof& proof, bool json) {
  const Client::Channel& c = p.state();
  if (json) {
    fmt::print("{{\"channel\":{},\"count\":{},\"fingerprint\":{},\"election\":{},\"leader\":{}}}\n",
               json_text(c.name), proof.count, json_text(proof.fingerprint), c.election,
               json_or_null(c.leader));
  } else {
    fmt::print("{}  {}  fingerprint {}  election {}  {}\n", p.name(),
               counted(proof.count, "message"), safe(proof.fingerprint), c.election,
               c.leader.empty()       ? "no leader"
               : c.keeper == "server" ? "kept by the server"
                                      : "leader @" + safe(c.leader));
  }
}

// Proved, and compared until nothing was missing.
std::expected<Proof, Trouble> verified(Puller& p, Proof proof) {
  if (const auto done = p.find_leader(); !done) return std::unexpected(done.error());
  for (int i = 0; i < kRounds && !p.state().leading; ++i) {
    p.progress_begins();
    const auto pulled = p.pull();
    p.progress_ends();
    if (!pulled) return std::unexpected(pulled.error());
    if (pulled->records == 0 && pulled->differences == 0) return proof;
    fmt::print(stderr, "{} differed from the leader's by {}: pulled, compared again.\n", p.name(),
               counted(std::max(pulled->records, pulled->differences), "record"));
    auto again = p.prove();
    if (!again) return again;
    proof = *again;
  }
  if (p.state().leading) return proof;
  return std::unexpected(Trouble{p.name() + " changed at every comparison; run it again."});
}

int verify(const Globals& globals, const std::string& target, bool json) {
  auto p = puller(globals, target);
  if (!p) return give_up(p.error());
  if (const auto known = p->get_to_know(); !known) return give_up(known.error());
  const auto local = p->prove();
  if (!local) return give_up({"The history here is not whole: " + safe(local.error().sentence)});
  const auto proof = verified(*p, *local);
  if (const auto looked = p->look(); !looked) return give_up(looked.error());
  print_proof(*p, proof ? *proof : *local, json);
  if (!proof) {
    fmt::print(stderr, "The history here is whole, but it was not compared. {}\n",
               safe(proof.error().sentence));
    return kFailed;
  }
  if (!json && p->state().leading) {
    fmt::print(stderr, "Whole. This device leads, so there is nothing to compare it with.\n");
  } else if (!json) {
    fmt::print(stderr, "Whole, and equal to the leader's.\n");
  }
  return kDone;
}

void add_of_name(CLI::App& app, const char* command, const char* about, const char* fields,
                 const char* footer, int (*what)(const Globals&, const std::string&, bool),
                 Globals& globals, Run& run) {
  auto* sub = app.add_subcommand(command, about);
  auto channel = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("NAME", *channel, "The channel, with or without #")->required();
  sub->add_flag("--json", *json, fields);
  sub->footer(std::string(footer) + kNameNote + "\nExample: moot " + command + " ops --json");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return what(globals, *channel, *json); }; });
}

}  // namespace

void add_pull(CLI::App& app, Globals& globals, Run& run) {
  add_of_name(app, "pull", "Bring what this device lacks of a channel's history",
              "One object: {\"channel\",\"records\",\"differences\",\"synced\"}",
              "Compares with the leader, brings what is missing here and gives what is missing "
              "there. Progress is on stderr.\n",
              pull, globals, run);
}

void add_verify(CLI::App& app, Globals& globals, Run& run) {
  add_of_name(app, "verify", "Prove that this device's history of a channel is whole",
              "One object: {\"channel\",\"count\",\"fingerprint\",\"election\",\"leader\"}",
              "Reads every record, proves digests and index, and compares with the leader. Exit 0 "
              "only if all of it is right;\nwhat was missing and came meanwhile is told. On the "
              "leader's own device there is nothing to compare with;\nwithout a leader: exit 1.\n",
              verify, globals, run);
}

}  // namespace moot::app
