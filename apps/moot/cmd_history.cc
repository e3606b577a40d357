#include <fmt/format.h>

#include "apps/moot/commands.h"
#include "apps/moot/post_pages.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"

namespace moot::app {
namespace {

struct Options {
  std::string channel;
  std::string since;
  std::uint64_t count = 0;
  bool json = false;
};

int history(const Globals& globals, const Options& o) {
  const auto channel = named_channel(o.channel);
  if (!channel) return give_up(channel.error());
  const auto since = parse_since(o.since);
  if (!since) return give_up(since.error());
  auto seat = Seat::take(globals, {.connect = false, .answers = false});
  if (!seat) return give_up(seat.error());
  const bool colour = colour_wanted(1);
  const auto print = [&](const Client::Post& p) {
    fmt::print("{}\n", o.json ? post_json(p) : post_line(p, {}, colour));
  };
  const auto done = each_post(*seat, {*channel, *since, o.count}, print);
  return done ? kDone : give_up(done.error());
}

}  // namespace

void add_history(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand(
      "history", "Print a channel's committed messages in their order, from this device's disk");
  auto o = std::make_shared<Options>();
  sub->add_option("NAME", o->channel, "The channel, with or without #")->required();
  sub->add_flag(
      "--json", o->json,
      "One object a line: {\"channel\",\"id\",\"from\",\"at\",\"text\",\"state\",\"acks\"}");
  sub->add_option("--since", o->since, "After this message id, or from this time on (UTC)")
      ->type_name("ID|TIME");
  sub->add_option("--count", o->count, "Only the newest N")->check(at_least_one());
  sub->footer(std::string("Says nothing to the server; `moot pull NAME` brings what is missing, "
                          "`moot verify NAME` proves it.\n") +
              kNameNote + "\nExample: moot history ops --json --since 2026-11-23");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return history(globals, *o); }; });
}

}  // namespace moot::app
