#include <fmt/format.h>

#include "apps/moot/channel_words.h"
#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"

// create, enter, leave: how a channel comes to be, and who comes and goes.
namespace moot::app {
namespace {

struct Options {
  std::string channel;
  std::string keeper;  // empty: as the server is configured
  bool private_ = false;
  std::string history = "all";
};

// Asks the server for one thing about a channel.
std::expected<Seat, Trouble> change(const Globals& globals, const Json& question) {
  auto seat = Seat::take(globals, {});
  if (!seat) return std::unexpected(seat.error());
  if (const auto done = seat->ask_server(question, [](const Json&) {}); !done)
    return std::unexpected(done.error());
  return seat;
}

int create(const Globals& globals, const Options& o) {
  const auto channel = named_channel(o.channel);
  if (!channel) return give_up(channel.error());
  auto seat = change(globals, Json()
                                  .set("do", "create")
                                  .set("channel", *channel)
                                  .set("keeper", o.keeper)
                                  .set("private", o.private_)
                                  .set("since_join", o.history == "since_join"));
  if (!seat) return give_up(seat.error());
  const std::string name = safe(*channel);
  std::string keeper = o.keeper;
  if (keeper.empty()) {
    if (const auto made = channel_here(*seat, *channel); made) keeper = made->keeper;
  }
  fmt::print(stderr, "#{} is there, and you own it. {}\n", name,
             keeper.empty() ? "`moot channels` says who keeps it." : keeper_words(keeper));
  if (o.private_) {
    fmt::print(stderr, "Next: moot invite '#{}' @SOMEBODY\n", name);
  } else {
    fmt::print(stderr, "Others come with `moot enter '#{}'`.\n", name);
  }
  return kDone;
}

int enter(const Globals& globals, const std::string& target) {
  const auto channel = named_channel(target);
  if (!channel) return give_up(channel.error());
  auto seat = change(globals, Json().set("do", "enter").set("channel", *channel));
  if (!seat) return give_up(seat.error());
  fmt::print(stderr, "You are in #{}.", safe(*channel));
  // Who keeps what one says is to be known before one says it.
  if (const auto c = channel_here(*seat, *channel); c && !c->keeper.empty())
    fmt::print(stderr, " {}", keeper_words(c->keeper));
  fmt::print(stderr, "\n");
  return kDone;
}

int leave(const Globals& globals, const std::string& target) {
  const auto channel = named_channel(target);
  if (!channel) return give_up(channel.error());
  const auto seat = change(globals, Json().set("do", "leave").set("channel", *channel));
  if (!seat) return give_up(seat.error());
  fmt::print(stderr, "You have left #{}. What was said is still on this device.\n", safe(*channel));
  return kDone;
}

void add_of_name(CLI::App& app, const char* command, const char* about, const char* footer,
                 int (*what)(const Globals&, const std::string&), Globals& globals, Run& run) {
  auto* sub = app.add_subcommand(command, about);
  auto channel = std::make_shared<std::string>();
  sub->add_option("NAME", *channel, "The channel, with or without #")->required();
  sub->footer(std::string(footer) + kNameNote + "\nExample: moot " + command + " ops");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return what(globals, *channel); }; });
}

}  // namespace

void add_create(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("create", "Make a channel, which you then own");
  auto o = std::make_shared<Options>();
  sub->add_option("NAME", o->channel, "What it is called: 1 to 64 characters")->required();
  sub->add_option("--keeper", o->keeper,
                  "server: the server stores what is said, so whoever operates it can read it, and "
                  "one person can write alone; members: their devices store it, the server only "
                  "passes it on, and three people have to be online. Default: what the server is "
                  "configured for, which is server unless its operator says otherwise")
      ->check(CLI::IsMember({"members", "server"}))
      ->type_name("members|server");
  sub->add_flag("--private", o->private_, "Not listed; only who is invited can enter");
  sub->add_option(
         "--history", o->history,
         "What newcomers see: all (default), or since_join: nothing older than two minutes "
         "before they came")
      ->check(CLI::IsMember({"all", "since_join"}))
      ->type_name("all|since_join");
  sub->footer(std::string("Who keeps a channel can never be changed.\n") + kNameNote +
              "\nExample: moot create ops --keeper members --private");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return create(globals, *o); }; });
}

void add_enter(CLI::App& app, Globals& globals, Run& run) {
  add_of_name(app, "enter", "Become a member of a channel: a public one, or one you are invited to",
              "", enter, globals, run);
}

void add_leave(CLI::App& app, Globals& globals, Run& run) {
  add_of_name(
      app, "leave", "Be a member no more",
      "The last owner names another one first (`moot set NAME --role USER=owner`); the last "
      "member takes the channel along.\n",
      leave, globals, run);
}

}  // namespace moot::app
