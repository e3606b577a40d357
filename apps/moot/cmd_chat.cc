#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "apps/moot/chat.h"
#include "apps/moot/commands.h"
#include "apps/moot/target.h"
#include "apps/moot/tui.h"

namespace moot::app {
namespace {

Fd signals_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Fd(signalfd(-1, &set, SFD_CLOEXEC));
}

int chat(const Globals& globals, const std::string& target, bool line_mode) {
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  const bool full = terminal && !line_mode;
  // Before any thread starts, so that none of them dies of it: the terminal is to be put back.
  Fd signals = full ? signals_of({SIGTERM, SIGHUP, SIGWINCH}) : signals_of({SIGTERM, SIGHUP});
  auto seat = Seat::take(globals, {.connect = true, .answers = true});
  if (!seat) return give_up(seat.error());
  std::string opened;
  if (!target.empty()) {
    const auto found = targets_of(*seat, {target}, Aim::say);
    if (!found) return give_up(found.error());
    const Target& t = found->front();
    opened = (t.channel ? '#' : '@') + t.name;
  }
  if (full) {
    // A terminal that cannot place its cursor gets the line mode.
    if (auto screen = tui::Screen::open())
      return tui::run(std::move(*seat), opened, std::move(screen), std::move(signals));
  }
  return Chat(std::move(*seat), opened, std::move(signals)).run();
}

}  // namespace

void add_chat(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("chat", "Talk: channels and people on the whole screen");
  auto target = std::make_shared<std::string>();
  auto line = std::make_shared<bool>(false);
  sub->add_option("TARGET", *target, "CHANNEL or @USER to talk to");
  sub->add_flag("--line", *line, "A prompt, and what the others say above it; so it is on a pipe");
  sub->footer(
      "In it: /help for the commands, /keys for the keys; Tab completes.\n"
      "Example: moot chat lobby");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return chat(globals, *target, *line); }; });
}

}  // namespace moot::app
