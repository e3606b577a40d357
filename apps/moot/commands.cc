#include "apps/moot/commands.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "apps/moot/json.h"
#include "model/ids.h"

namespace moot::app {

int give_up(const Trouble& trouble) {
  fmt::print(stderr, "moot: {}\n", trouble.sentence);
  return trouble.code;
}

std::string user_of(const std::string& target) {
  const std::string_view name = std::string_view(target).substr(target.starts_with('@') ? 1 : 0);
  const auto user = UserId::parse(name);
  return user && !user->reserved() ? std::string(name) : std::string();
}

CLI::Validator at_least_one() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        std::uint64_t n = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
        const bool number = error == std::errc{} && stop == text.data() + text.size();
        return number && n > 0 ? std::string() : "takes a number from 1 on";
      },
      "N");
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t n = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || n < 0 || n > 1'000'000) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  if (unit == "ms") return std::chrono::milliseconds(n);
  if (unit == "s" || unit.empty()) return std::chrono::seconds(n);
  if (unit == "m") return std::chrono::minutes(n);
  if (unit == "h") return std::chrono::hours(n);
  return std::nullopt;
}

int run_moot(int argc, const char* const* argv, const std::string& version) {
  CLI::App app("moot: talk with the people on a moot server", "moot");
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 usage, 78 bad key file.\n"
      "Examples:\n"
      "  moot join 'moot://HOST:PORT/#TOKEN' --as ada\n"
      "  moot chat @bob\n"
      "  moot send @bob 'hello' --wait acked\n"
      "  moot create ops --keeper members\n"
      "  moot send ops 'is anybody here?'");
  Globals globals;
  bool tell_version = false;
  bool json = false;
  app.add_flag("--version", tell_version, "Print the version");
  app.add_flag("--json", json, "With --version: one JSON object");
  app.add_option("-k,--key", globals.key_file, "Key file (default: key.toml in --home)")
      ->type_name("KEYFILE");
  app.add_option("--home", globals.home,
                 "Where key and messages are (default: $MOOT_HOME, else $XDG_DATA_HOME/moot, else "
                 "~/.local/share/moot)")
      ->type_name("DIR");
  app.add_option(
         "--trace", globals.trace,
         "Append a line for each command to and from the server, while this moot is the one "
         "connected")
      ->type_name("FILE");
  app.require_subcommand(0, 1);
  app.fallthrough();
  Run run;
  for (const auto add : {add_join,   add_chat,     add_send,    add_tail,    add_users, add_nick,
                         add_away,   add_channels, add_members, add_create,  add_enter, add_leave,
                         add_set,    add_invite,   add_kick,    add_replica, add_pull,  add_history,
                         add_verify, add_search,   add_export,  add_status,  add_doctor}) {
    add(app, globals, run);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    fmt::print(stderr, "moot: {}\nRun moot --help.\n", e.what());
    return kUsage;
  }
  // A command without --json of its own leaves it to be found here.
  if (json && !tell_version)
    return give_up({"--json goes behind a command that prints data, or with --version.", kUsage});
  if (tell_version) {
    if (json) {
      fmt::print("{{\"program\":\"moot\",\"version\":{},\"protocol\":0}}\n", json_text(version));
    } else {
      fmt::print("moot {}\n", version);
    }
    return kDone;
  }
  if (!run) {
    const auto place = find_place(globals);
    if (!place) return give_up(place.error());
    fmt::print(stderr, "{}", app.help());
    return kUsage;
  }
  return run();
}

}  // namespace moot::app
