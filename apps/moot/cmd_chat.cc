#include <signal.h>
#include <sys/signalfd.h>

#include "apps/moot/chat.h"
#include "apps/moot/commands.h"
#include "apps/moot/show.h"

namespace moot::app {
namespace {

int chat(const Globals& globals, const std::string& target) {
  const std::string peer = target.empty() ? std::string() : user_of(target);
  if (!target.empty() && peer.empty())
    return give_up({"\"" + safe(target) + "\" is no user; write @NAME.", kUsage});
  // Before any thread starts, so that none of them dies of it: the terminal is to be put back.
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGTERM, SIGHUP}) sigaddset(&ends, signal);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  Fd ended_by(signalfd(-1, &ends, SFD_CLOEXEC));
  auto seat = Seat::take(globals, {.connect = true, .answers = true});
  if (!seat) return give_up(seat.error());
  return Chat(std::move(*seat), peer, std::move(ended_by)).run();
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
