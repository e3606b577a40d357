#include <fmt/format.h>

#include <algorithm>

#include "apps/moot/channel_words.h"
#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"

// channels and members: what the server tells about channels and who is in them.
namespace moot::app {
namespace {

int list_channels(const Globals& globals, bool json) {
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  const bool colour = colour_wanted(1);
  std::vector<Client::Channel> channels;
  const auto each = [&](const Json& line) { channels.push_back(get_channel(line)); };
  if (const auto done = seat->ask_server(Json().set("do", "channels"), each); !done)
    return give_up(done.error());
  // What they are about is told to members only.
  const auto of_ours = [&](const Json& line) {
    const auto c = std::ranges::find(channels, line.str("id"), &Client::Channel::id);
    if (c != channels.end() && line.flag("member")) c->topic = line.str("topic");
  };
  if (const auto done = seat->ask(Json().set("do", "channels_here"), of_ours); !done)
    return give_up(done.error());
  for (const Client::Channel& c : channels)
    fmt::print("{}\n", json ? channel_json(c) : channel_line(c, colour));
  return kDone;
}

int list_members(const Globals& globals, const std::string& target, bool json) {
  const auto channel = named_channel(target);
  if (!channel) return give_up(channel.error());
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  std::vector<Client::Member> members;
  const auto each = [&](const Json& line) {
    members.push_back({line.str("user"), line.flag("online")});
  };
  if (const auto done =
          seat->ask_server(Json().set("do", "members").set("channel", *channel), each);
      !done) {
    return give_up(done.error());
  }
  const auto c = channel_here(*seat, *channel);
  if (!c) return give_up(c.error());
  const bool colour = colour_wanted(1);
  if (!json && !c->topic.empty()) fmt::print("#{}: {}\n", safe(c->name), safe(c->topic));
  for (const Client::Member& m : members)
    fmt::print("{}\n", json ? member_json(m, *c) : member_line(m, *c, colour));
  if (const std::string missing = what_is_missing(*c); !missing.empty())
    fmt::print(stderr, "{}\n", missing);
  return kDone;
}

}  // namespace

void add_channels(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("channels", "Which channels there are, and which are yours");
  auto json = std::make_shared<bool>(false);
  sub->add_flag(
      "--json", *json,
      "One object a line: {\"channel\",\"id\",\"keeper\",\"status\",\"leader\","
      "\"members\",\"online\",\"member\",\"invited\",\"topic\"}; the topic of your own ones");
  sub->footer(
      "* marks your own, + those you are invited to.\n"
      "What the server keeps, whoever operates it can read;\n"
      "what the members keep is on their disks alone.\n"
      "Example: moot channels --json | jq -r 'select(.member).channel'");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return list_channels(globals, *json); }; });
}

void add_members(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("members", "Who is in a channel, who is on line, who leads");
  auto channel = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("NAME", *channel, "The channel, with or without #")->required();
  sub->add_flag(
      "--json", *json,
      "One object a line: {\"user\",\"online\",\"role\",\"leader\"}; role is owner, admin "
      "or null");
  sub->footer(std::string(kNameNote) + "\nExample: moot members ops --json");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] { return list_members(globals, *channel, *json); };
  });
}

}  // namespace moot::app
