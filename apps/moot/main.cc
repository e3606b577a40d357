#include <fmt/format.h>

#include <csignal>
#include <exception>

#include "apps/moot/commands.h"

#ifndef MOOT_VERSION
#define MOOT_VERSION "0"
#endif

namespace moot::app {
namespace {

int main_of(int argc, char** argv) {
  // A pipe that nobody reads any more is an error of write, not a death.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("moot: talk with the people on a moot server", "moot");
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 usage, 78 bad key file.\n"
      "Examples:\n"
      "  moot join 'moot://HOST:PORT/#TOKEN' --as ada\n"
      "  moot chat @bob\n"
      "  moot send @bob 'hello' --wait acked");
  app.set_version_flag("--version", std::string("moot ") + MOOT_VERSION);
  Globals globals;
  app.add_option("-k,--key", globals.key_file, "Key file (default: key.toml in --home)")
      ->type_name("KEYFILE");
  app.add_option("--home", globals.home,
                 "Where key and messages are (default: $MOOT_HOME, else $XDG_DATA_HOME/moot, else "
                 "~/.local/share/moot)")
      ->type_name("DIR");
  app.require_subcommand(0, 1);
  app.fallthrough();
  Run run;
  for (const auto add : {add_join, add_chat, add_send, add_tail, add_users, add_nick, add_away,
                         add_status, add_search, add_export, add_doctor}) {
    add(app, globals, run);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    fmt::print(stderr, "moot: {}\nRun moot --help.\n", e.what());
    return kUsage;
  }
  if (!run) {
    const auto place = find_place(globals);
    if (!place) return give_up(place.error());
    fmt::print(stderr, "{}", app.help());
    return kUsage;
  }
  return run();
}

}  // namespace
}  // namespace moot::app

int main(int argc, char** argv) {
  try {
    return moot::app::main_of(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "moot: {}\n", e.what());
    return moot::app::kFailed;
  }
}
