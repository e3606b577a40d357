#include "apps/moot/chat.h"
#include "apps/moot/commands.h"
#include "apps/moot/show.h"

namespace moot::app {
namespace {

int chat(const Globals& globals, const std::string& target) {
  const std::string peer = target.empty() ? std::string() : user_of(target);
  if (!target.empty() && peer.empty())
    return give_up({"\"" + safe(target) + "\" is no user; write @NAME.", kUsage});
  auto seat = Seat::take(globals, {.connect = true, .answers = true});
  if (!seat) return give_up(seat.error());
  return Chat(std::move(*seat), peer).run();
}

}  // namespace

void add_chat(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("chat", "Talk: a prompt, and what the others say above it");
  auto target = std::make_shared<std::string>();
  sub->add_option("TARGET", *target, "@USER to talk to");
  sub->footer(
      "At the prompt: /help. Tab completes names, the arrows go through what you wrote.\n"
      "Example: moot chat @ada");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return chat(globals, *target); }; });
}

}  // namespace moot::app
