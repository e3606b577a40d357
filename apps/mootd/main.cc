#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "apps/mootd/arguments.h"
#include "apps/mootd/backup.h"
#include "apps/mootd/commands.h"
#include "apps/mootd/config.h"
#include "apps/mootd/doctor.h"
#include "apps/mootd/run.h"
#include "apps/mootd/values.h"
#include "net/admin.h"

// The command line of mootd (interface.md).
namespace moot::mootd {
namespace {

// What the options of one command line name. Outlives the parsing.
struct Line {
  ConfigSources sources;
  int ready_fd = -1;
  net::AdminRequest request;
  CommandOutput output;
  std::string file;
  std::function<int(const Config&)> action;
};

// As the help of every command ends.
constexpr char kUserId[] =
    "A user id is 1 to 32 of a-z 0-9 . _ - and begins with a letter or a digit; it is for ever.\n";
constexpr char kDurations[] = "A duration is a number and ms, s, m, h or d: 30m, 24h, 7d.\n";

void common_options(CLI::App* app, Line& line) {
  app->add_option("-c,--config", line.sources.file,
                  "Configuration, TOML; `mootd config show` prints every key")
      ->type_name("FILE");
  app->add_option("--data-dir", line.sources.data_dir,
                  "Data directory (default ./moot-data); its server is the one that is meant")
      ->type_name("DIR");
  app->add_option("--set", line.sources.set,
                  "One key of the configuration, for instance limits.commands_per_s=0; may be "
                  "repeated")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
}

// An option or argument that goes to the server as it is.
CLI::Option* pass(CLI::App* app, Line& line, const std::string& names, const std::string& key,
                  const std::string& value, const std::string& what) {
  return app
      ->add_option_function<std::string>(
          names, [&line, key](const std::string& v) { line.request.args[key] = v; }, what)
      ->type_name(value);
}
CLI::Option* pass_user(CLI::App* app, Line& line, const std::string& names, const std::string& key,
                       const std::string& value, const std::string& what) {
  return app
      ->add_option_function<std::string>(
          names, [&line, key](const std::string& v) { line.request.args[key] = bare(v); }, what)
      ->type_name(value)
      ->check(check_user);
}
void pass_name(CLI::App* app, Line& line) {
  pass_user(app, line, "NAME", "name", "", "The user id")->required();
}
void pass_channel(CLI::App* app, Line& line) {
  pass(app, line, "NAME", "channel", "", "The channel, with or without #")->required();
}
CLI::App* command(CLI::App* parent, Line& line, const std::string& name, const std::string& full,
                  const std::string& what, const std::string& footer) {
  CLI::App* app = parent->add_subcommand(name, what);
  common_options(app, line);
  app->footer(footer);
  app->callback([&line, full] {
    line.request.command = full;
    line.action = [&line](const Config& c) { return run_command(c, line.request, line.output); };
  });
  return app;
}

void json_flag(CLI::App* app, Line& line, const std::string& what = "One JSON object a line") {
  app->add_flag_callback(
      "--json",
      [&line] {
        line.output.json = true;
        line.request.args["json"] = "1";
      },
      what);
}

// Of what stands in it, exactly one is to be given.
CLI::App* one_of(CLI::App* app, const std::string& name, const std::string& what) {
  CLI::App* group = app->add_option_group(name, what);
  group->require_option(1);
  return group;
}

void key_options(CLI::App* app, Line& line) {
  app->add_option("--key-out", line.output.key_out,
                  "Write the key file there, mode 0600, never over an existing one (default: "
                  "standard output)")
      ->type_name("FILE");
  json_flag(app, line, "Print {\"account\",\"kid\",\"label\"}; needs --key-out");
}

void wall_options(CLI::App* app, Line& line) {
  static const std::map<CredentialKind, std::string> kValues{{CredentialKind::x509_spki, "HEX"},
                                                             {CredentialKind::x509_uri, "URI"},
                                                             {CredentialKind::proxy_cn, "CN"},
                                                             {CredentialKind::unix_uid, "UID"}};
  std::vector<CLI::Option*> all;
  for (const net::WallOption& o : net::wall_options()) {
    all.push_back(
        pass(app, line, "--" + std::string(o.name), o.name, kValues.at(o.kind), o.meaning)
            ->check([kind = o.kind](const std::string& v) { return check_wall(kind, v); }));
  }
  for (CLI::Option* one : all) {
    for (CLI::Option* other : all) {
      if (one != other) one->excludes(other);
    }
  }
}

void add_run(CLI::App& app, Line& line) {
  CLI::App* run = app.add_subcommand("run", "Serve, until SIGTERM; SIGHUP reads the configuration");
  common_options(run, line);
  run->add_option("--listen", line.sources.listen,
                  "Plain TCP there, loopback only (default 127.0.0.1:7667); may be repeated")
      ->type_name("ADDR:PORT")
      ->take_all()
      ->expected(1);
  run->add_option("--tls-listen", line.sources.tls_listen,
                  "TLS there, with tls.cert and tls.key of the configuration; may be repeated")
      ->type_name("ADDR:PORT")
      ->take_all()
      ->expected(1);
  run->add_option("--http-listen", line.sources.http_listen,
                  "Health and metrics there (default 127.0.0.1:7680), or off")
      ->type_name("ADDR:PORT");
  run->add_option("--ready-fd", line.ready_fd, "Write `ready` to this descriptor, too")
      ->type_name("N");
  run->add_option("--log-level", line.sources.log_level,
                  "What goes to standard error: debug, info (default), warn, error or off")
      ->type_name("LEVEL");
  run->add_option("--log-format", line.sources.log_format, "text (default) or json")
      ->type_name("FORMAT");
  run->footer(
      "Prints `listening plain ADDR:PORT` for each listener, then `ready`. Port 0 is any free "
      "one.\n"
      "Example: mootd run --data-dir /srv/moot --listen 127.0.0.1:7667");
  run->callback([&line] {
    line.action = [&line](const Config& c) { return run_daemon(c, line.sources, line.ready_fd); };
  });
}

void add_users(CLI::App& app, Line& line) {
  CLI::App* user = app.add_subcommand("user", "Accounts: add, list, disable, enable, remove")
                       ->require_subcommand(1);
  CLI::App* add = command(
      user, line, "add", "user add", "Make an account and its first key",
      std::string(kUserId) + "Example: mootd user add fay --name 'Fay B.' --key-out fay.toml");
  pass_name(add, line);
  pass(add, line, "--name", "nick", "NICK", "The nickname people see (default: the user id)");
  pass(add, line, "--label", "label", "LABEL", "What the key is for, at most 64 octets: laptop");
  wall_options(add, line);
  key_options(add, line);
  json_flag(command(user, line, "list", "user list", "All accounts, and who is on line",
                    "Example: mootd user list --json | jq -r .user"),
            line);
  const auto state = [&](const std::string& word, const std::string& what) {
    pass_name(
        command(user, line, word, "user " + word, what, "Example: mootd user " + word + " bob"),
        line);
  };
  state("disable", "End its connections; it is nobody until `user enable`, and keeps its keys");
  state("enable", "Take back a `user disable`");
  state("remove", "End it for ever: keys, memberships; the id is never used again");
}

void add_keys(CLI::App& app, Line& line) {
  CLI::App* key = app.add_subcommand("key", "Keys of accounts: add, list, rotate, revoke")
                      ->require_subcommand(1);
  CLI::App* add =
      command(key, line, "add", "key add", "Make a further key; one for each device, at most 8",
              "Example: mootd key add ada --label tablet --key-out tablet.toml");
  pass_name(add, line);
  pass(add, line, "--label", "label", "LABEL", "What the key is for, at most 64 octets: tablet");
  wall_options(add, line);
  key_options(add, line);
  CLI::App* list = command(
      key, line, "list", "key list", "Kid, state and last use of the keys, also of invitations",
      "An invitation is active, used (up), expired or revoked. Times are UTC.\n"
      "Example: mootd key list ada");
  pass_user(list, line, "NAME", "name", "", "Only of this account; invite: the invitations");
  json_flag(list, line);
  CLI::App* rotate =
      command(key, line, "rotate", "key rotate", "Make a new key for an old one, which ends later",
              std::string(kDurations) +
                  "Examples:\n"
                  "  mootd key rotate 995e494b5ab93fde --key-out new.toml\n"
                  "  mootd key rotate --all --overlap 0 --key-out new-keys");
  CLI::App* old = one_of(rotate, "Which key", "One, or many");
  pass(old, line, "KID", "kid", "", "The old key, 16 hex digits of `key list`")->check(check_kid);
  old->add_option_function<std::vector<std::string>>(
         "--all",
         [&line](const std::vector<std::string>& names) {
           line.request.args["all"] = names.empty() ? std::string() : bare(names.front());
         },
         "Every key, or every key of this account; --key-out then names a new directory")
      ->type_name("[NAME]")
      ->check([](const std::string& id) { return id.empty() ? id : check_user(id); })
      ->expected(0, 1);
  pass(rotate, line, "--overlap", "overlap", "DURATION",
       "How long the old one still works (default 7d); 0: not at all")
      ->check(check_duration);
  key_options(rotate, line);
  CLI::App* revoke = command(key, line, "revoke", "key revoke",
                             "End keys for ever, with their connections; invitations, too",
                             "Examples:\n"
                             "  mootd key revoke 995e494b5ab93fde\n"
                             "  mootd key revoke --all ada");
  CLI::App* ended = one_of(revoke, "Which keys", "By their kids, or all of an account");
  ended
      ->add_option_function<std::vector<std::string>>(
          "KID",
          [&line](const std::vector<std::string>& kids) {
            for (const std::string& k : kids) line.request.args["kid"] += k + " ";
          },
          "The key, or several: 16 hex digits of `key list`")
      ->type_name("")
      ->check(check_kid);
  pass_user(ended, line, "--all", "all", "NAME", "Every key of this account");
}

void add_channels(CLI::App& app, Line& line) {
  CLI::App* channel =
      app.add_subcommand("channel", "Channels: list, show, role, remove")->require_subcommand(1);
  json_flag(command(channel, line, "list", "channel list", "All channels, also private ones",
                    "Example: mootd channel list --json | jq -r .channel"),
            line);
  CLI::App* show = command(channel, line, "show", "channel show", "One channel and its members",
                           "Example: mootd channel show lobby");
  pass_channel(show, line);
  json_flag(show, line);
  CLI::App* role = command(channel, line, "role", "channel role", "Give a member a role",
                           "Example: mootd channel role ops ada owner");
  pass_channel(role, line);
  pass_user(role, line, "USER", "user", "", "The user id")->required();
  pass(role, line, "ROLE", "role", "", "owner, admin, or none: a plain member")
      ->required()
      ->check(check_role);
  CLI::App* remove = command(channel, line, "remove", "channel remove",
                             "End it for ever, with what the server keeps of it",
                             "What its members keep stays with them. The lobby stays while "
                             "channels.lobby is true.\n"
                             "Example: mootd channel remove ops");
  pass_channel(remove, line);
}

void add_store(CLI::App& app, Line& line) {
  CLI::App* invite =
      command(&app, line, "invite", "invite", "Print a link to paste, with which people enrol",
              std::string(kDurations) +
                  "Whoever has the link may use it. Take it back with `mootd key "
                  "revoke`.\n"
                  "Example: mootd invite --uses 3 --expires 7d --channel lobby");
  pass(invite, line, "--uses", "uses", "N", "How many people may use it (default 1)")
      ->check(check_uses);
  pass(invite, line, "--expires", "expires", "DURATION", "How long it works (default 24h)")
      ->check(check_lifetime);
  pass(invite, line, "--channel", "channel", "NAME", "Whom it brings in is a member there");
  json_flag(invite, line, "Print {\"link\",\"kid\"}");
  json_flag(
      command(&app, line, "status", "status",
              "Whether it runs, where, and how many accounts, connections and messages it has",
              "Example: mootd status --json | jq .users_online"),
      line, "One JSON object");
  CLI::App* backup =
      app.add_subcommand("backup", "Copy the store to a new file, also while the server runs");
  common_options(backup, line);
  backup->footer(
      "Whoever calls it has to be able to make the file; root may put it anywhere.\n"
      "The master key, DIR/master.key, is not in it: copy that, too, and keep it apart.\n"
      "Example: mootd backup /backup/moot.db");
  backup
      ->add_option_function<std::string>(
          "FILE",
          [&line](const std::string& f) { line.file = std::filesystem::absolute(f).string(); },
          "The new file")
      ->type_name("")
      ->required();
  backup->callback(
      [&line] { line.action = [&line](const Config& c) { return run_backup(c, line.file); }; });
  CLI::App* restore =
      app.add_subcommand("restore", "Put a backup where there is no store; the server is stopped");
  common_options(restore, line);
  restore->add_option("FILE", line.file, "A file that `mootd backup` made")
      ->type_name("")
      ->required();
  restore->footer(
      "It says which master key the store needs; put that one back as DIR/master.key.\n"
      "Root gives the store to the owner of DIR, and for the key `install -o` does.\n"
      "Example: mootd restore /backup/moot.db --data-dir /srv/moot");
  restore->callback(
      [&line] { line.action = [&line](const Config& c) { return run_restore(c, line.file); }; });
  CLI::App* master =
      app.add_subcommand("master", "The key that the other keys are sealed with: rotate")
          ->require_subcommand(1);
  command(master, line, "rotate", "master rotate",
          "Make a new master key and seal all keys with it",
          "Older backups still need the older one.\nExample: mootd master rotate");
  CLI::App* audit =
      app.add_subcommand("audit", "The log of what operators did: verify")->require_subcommand(1);
  command(audit, line, "verify", "audit verify", "Say whether it is whole; exit 1 when it is not",
          "Example: mootd audit verify");
  CLI::App* doctor = app.add_subcommand(
      "doctor", "Look for what is wrong, and say how to mend it; exit 1 when BAD");
  common_options(doctor, line);
  json_flag(doctor, line);
  doctor->footer("Example: mootd doctor -c /etc/moot/mootd.toml");
  doctor->callback([&line] {
    line.action = [&line](const Config& c) { return run_doctor(c, line.output.json); };
  });
}

void add_config(CLI::App& app, Line& line) {
  CLI::App* config =
      app.add_subcommand("config", "The configuration: check, show")->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check", "Say whether it can be used; exit 78 if not");
  common_options(check, line);
  check->footer("Example: mootd config check -c new.toml");
  check->callback([&line] {
    line.action = [](const Config&) {
      std::puts("configuration: good");
      return kExitDone;
    };
  });
  CLI::App* show = config->add_subcommand("show", "Print every key with its value, as TOML");
  common_options(show, line);
  show->footer("Example: mootd config show > mootd.toml");
  show->callback([&line] {
    line.action = [](const Config& c) {
      std::fputs(show_config(c).c_str(), stdout);
      return kExitDone;
    };
  });
}

int print_version(bool json) {
  std::puts(json ? "{\"program\":\"mootd\",\"version\":\"" MOOT_VERSION "\",\"protocol\":0}"
                 : "mootd " MOOT_VERSION);
  return kExitDone;
}

// A package sets MOOT_CONFIG, so that an operator's commands mean the server that it runs; whoever
// names a configuration or a directory means another.
void use_installed_config(ConfigSources& sources) {
  const std::filesystem::path installed = MOOT_CONFIG;
  std::error_code ignored;
  if (sources.file.empty() && sources.data_dir.empty() && !installed.empty() &&
      std::filesystem::exists(installed, ignored)) {
    sources.file = installed;
  }
}

// What is wrong with a command line; of an unknown command nothing else is to be said.
std::string what_is_wrong(const CLI::App& app, int argc, char** argv, const CLI::ParseError& e) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty() || first.starts_with('-')) return e.what();
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
    if (known.back() == first) return e.what();
  }
  const std::string meant = nearest(first, known);
  return "There is no command `" + first + "`" +
         (meant.empty() ? "." : "; did you mean `" + meant + "`?");
}

int run(int argc, char** argv) {
  CLI::App app("mootd: the moot server", "mootd");
  Line line;
  line.sources.environment = moot_environment();
  bool version = false;
  bool json = false;
  app.footer(
      "Every command is carried out by the server that has the data directory, else on its "
      "store.\n" +
      std::string(kUserId) + kDurations +
      "Exit codes: 0 done, 1 failed, 2 usage, 78 bad configuration.\n"
      "Examples:\n"
      "  mootd run\n"
      "  mootd invite --uses 3 --expires 7d\n"
      "  mootd key list ada\n"
      "  mootd COMMAND --help");
  // Also: what stands where a name may stand is no command.
  app.require_subcommand(0, 1);
  app.add_flag("--version", version, "Print the version");
  app.add_flag("--json", json, "With --version: one JSON object");
  add_run(app, line);
  add_users(app, line);
  add_keys(app, line);
  add_channels(app, line);
  add_store(app, line);
  add_config(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help
    app.exit(e);
    return kExitDone;
  } catch (const CLI::ParseError& e) {
    std::string command = "mootd";
    for (auto at = app.get_subcommands(); !at.empty(); at = at.front()->get_subcommands())
      command += " " + at.front()->get_name();
    std::fprintf(stderr, "mootd: %s\nRun %s --help.\n", what_is_wrong(app, argc, argv, e).c_str(),
                 command.c_str());
    return kExitUsage;
  }
  if (version) return print_version(json);
  if (!line.action) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  use_installed_config(line.sources);
  const auto config = read_config(line.sources);
  if (!config) {
    std::fprintf(stderr, "mootd: %s\n", config.error().message.c_str());
    return kExitBadConfig;
  }
  return line.action(*config);
}

}  // namespace
}  // namespace moot::mootd

int main(int argc, char** argv) {
  try {
    return moot::mootd::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mootd: %s\n", e.what());
    return moot::mootd::kExitFailed;
  }
}
