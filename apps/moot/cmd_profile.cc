#include <fmt/format.h>

#include "apps/moot/commands.h"
#include "apps/moot/seat.h"

// nick and away: what others see of us.
namespace moot::app {
namespace {

int change(const Globals& globals, const Json& question, const std::string& sentence) {
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  const auto done = seat->ask_server(question, [](const Json&) {});
  if (!done) return give_up(done.error());
  fmt::print(stderr, "{}\n", sentence);
  return kDone;
}

}  // namespace

void add_nick(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("nick", "Change the nickname people see");
  auto name = std::make_shared<std::string>();
  sub->add_option("NAME", *name, "1 to 64 characters")->required();
  sub->footer("Example: moot nick 'Ada L.'");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] {
      return change(globals, Json().set("do", "nick").set("name", *name), "Done.");
    };
  });
}

void add_away(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("away", "Say that you are away, or back");
  auto word = std::make_shared<std::string>("on");
  sub->add_option("STATE", *word, "on (default) or off")->check(CLI::IsMember({"on", "off"}));
  sub->footer("Example: moot away off");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] {
      const bool on = *word == "on";
      return change(globals, Json().set("do", "away").set("on", on),
                    on ? "You are away." : "You are back.");
    };
  });
}

}  // namespace moot::app
