#include <fmt/format.h>

#include <algorithm>

#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"
#include "base/utf8.h"
#include "model/limits.h"

// set, invite, kick: what those who run a channel do.
namespace moot::app {
namespace {

struct Options {
  std::string channel;
  std::optional<std::string> topic;
  std::string rename;
  std::vector<std::string> roles;
};

int ask(const Globals& globals, const Json& question, const std::string& sentence) {
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  if (const auto done = seat->ask_server(question, [](const Json&) {}); !done)
    return give_up(done.error());
  fmt::print(stderr, "{}\n", sentence);
  return kDone;
}

int set(const Globals& globals, const Options& o) {
  const auto channel = named_channel(o.channel);
  if (!channel) return give_up(channel.error());
  if (!o.topic && o.rename.empty() && o.roles.empty())
    return give_up({"Say what to change: --topic, --rename or --role.", kUsage});
  Json question = Json().set("do", "set").set("channel", *channel);
  if (o.topic) {
    if (o.topic->size() > limits::kTopicBytesMax) {
      return give_up(
          {fmt::format("A topic has at most {} octets.", limits::kTopicBytesMax), kUsage});
    }
    if (has_controls(*o.topic)) {
      return give_up({"A topic is one line without control characters; leave them out.", kUsage});
    }
    question.set("topic", *o.topic);
  }
  if (!o.rename.empty()) {
    const auto name = named_channel(o.rename);
    if (!name) return give_up(name.error());
    question.set("rename", *name);
  }
  const auto roles = roles_of(o.roles);
  if (!roles) return give_up(roles.error());
  if (!roles->empty()) question.set("roles", join_roles(*roles));
  return ask(globals, question, "Done.");
}

// `moot invite NAME @USER`, `moot kick NAME @USER`.
int about_user(const Globals& globals, const char* what, const std::string& target,
               const std::string& person, const char* sentence) {
  const auto channel = named_channel(target);
  if (!channel) return give_up(channel.error());
  const std::string user = user_of(person);
  if (user.empty()) {
    return give_up(
        {"\"" + safe(person) + "\" is no user; write @NAME, `moot users` lists them.", kUsage});
  }
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  const Json question = Json().set("do", what).set("channel", *channel).set("user", user);
  if (const auto done = seat->ask_server(question, [](const Json&) {}); !done)
    return give_up(done.error());
  if (std::string_view(what) == "ch_invite") {
    // The server has nothing to say to an invitation of who is there already.
    const auto c = channel_here(*seat, *channel);
    if (c && std::ranges::find(c->members, user) != c->members.end())
      sentence = "@{0} is in #{1} already.";
  }
  fmt::print(stderr, "{}\n", fmt::format(fmt::runtime(sentence), user, safe(*channel)));
  return kDone;
}

void add_about_user(CLI::App& app, const char* command, const char* about, const char* footer,
                    const char* ask_for, const char* sentence, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand(command, about);
  auto channel = std::make_shared<std::string>();
  auto user = std::make_shared<std::string>();
  sub->add_option("NAME", *channel, "The channel, with or without #")->required();
  sub->add_option("USER", *user, "@USER")->required();
  sub->footer(std::string(footer) + kNameNote + "\nExample: moot " + command + " ops @ada");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] { return about_user(globals, ask_for, *channel, *user, sentence); };
  });
}

}  // namespace

void add_set(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("set", "Change a channel's topic, its name, the members' roles");
  auto o = std::make_shared<Options>();
  sub->add_option("NAME", o->channel, "The channel, with or without #")->required();
  sub->add_option("--topic", o->topic, "What it is about; '' for nothing")->type_name("TEXT");
  sub->add_option("--rename", o->rename, "Another name for the same channel")->type_name("NAME");
  sub->add_option("--role", o->roles,
                  "USER=owner, USER=admin (may invite and kick) or USER=none; again for more")
      ->type_name("USER=ROLE")
      ->expected(1)
      ->take_all();
  sub->footer(std::string("For owners.\n") + kNameNote +
              "\nExample: moot set ops --topic 'What broke today' --role bob=admin");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return set(globals, *o); }; });
}

void add_invite(CLI::App& app, Globals& globals, Run& run) {
  add_about_user(app, "invite", "Let somebody enter a channel",
                 "For owners and admins. Whoever is invited comes with `moot enter NAME`.\n",
                 "ch_invite", "@{0} may enter #{1} now.", globals, run);
}

void add_kick(CLI::App& app, Globals& globals, Run& run) {
  add_about_user(app, "kick", "Put somebody out of a channel, until the next invitation",
                 "For owners and admins. What they have on their disk they keep.\n", "kick",
                 "@{0} is out of #{1}.", globals, run);
}

}  // namespace moot::app
