#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "apps/mootd/commands.h"
#include "apps/mootd/config.h"
#include "apps/mootd/doctor.h"
#include "apps/mootd/run.h"
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

void common_options(CLI::App* app, Line& line) {
  app->add_option("-c,--config", line.sources.file, "configuration file");
  app->add_option("--data-dir", line.sources.data_dir, "data directory (default ./moot-data)");
  app->add_option("--set", line.sources.set, "key=value, over the configuration")
      ->take_all()
      ->expected(1);
}

// An option or argument that goes to the server as it is.
void pass(CLI::App* app, Line& line, const std::string& names, const std::string& key,
          const std::string& what, bool required = false) {
  app->add_option_function<std::string>(
         names, [&line, key](const std::string& v) { line.request.args[key] = v; }, what)
      ->required(required);
}
CLI::App* command(CLI::App* parent, Line& line, const std::string& name, const std::string& full,
                  const std::string& what) {
  CLI::App* app = parent->add_subcommand(name, what);
  common_options(app, line);
  app->callback([&line, full] {
    line.request.command = full;
    line.action = [&line](const Config& c) { return run_command(c, line.request, line.output); };
  });
  return app;
}

void json_flag(CLI::App* app, Line& line) {
  app->add_flag_callback(
      "--json",
      [&line] {
        line.output.json = true;
        line.request.args["json"] = "1";
      },
      "one JSON object a line");
}

void key_options(CLI::App* app, Line& line) {
  app->add_option("--key-out", line.output.key_out, "write the key file there (0600)");
  json_flag(app, line);
}

void wall_options(CLI::App* app, Line& line) {
  std::vector<CLI::Option*> all;
  for (const net::WallOption& o : net::wall_options()) {
    all.push_back(app->add_option_function<std::string>(
        "--" + std::string(o.name),
        [&line, name = o.name](const std::string& v) { line.request.args[name] = v; }, o.meaning));
  }
  for (CLI::Option* one : all) {
    for (CLI::Option* other : all) {
      if (one != other) one->excludes(other);
    }
  }
}

void add_run(CLI::App& app, Line& line) {
  CLI::App* run = app.add_subcommand("run", "serve");
  common_options(run, line);
  run->add_option("--listen", line.sources.listen, "ADDR:PORT, plain")->take_all()->expected(1);
  run->add_option("--tls-listen", line.sources.tls_listen, "ADDR:PORT, TLS")
      ->take_all()
      ->expected(1);
  run->add_option("--http-listen", line.sources.http_listen, "ADDR:PORT or off");
  run->add_option("--ready-fd", line.ready_fd, "write `ready` to this descriptor");
  run->add_option("--log-level", line.sources.log_level, "debug, info, warn, error, off");
  run->add_option("--log-format", line.sources.log_format, "text or json");
  run->callback([&line] {
    line.action = [&line](const Config& c) { return run_daemon(c, line.sources, line.ready_fd); };
  });
}

void add_users(CLI::App& app, Line& line) {
  CLI::App* user = app.add_subcommand("user", "accounts")->require_subcommand(1);
  CLI::App* add = command(user, line, "add", "user add", "a new account and its first key");
  pass(add, line, "NAME", "name", "user id", true);
  pass(add, line, "--name", "nick", "nickname");
  pass(add, line, "--label", "label", "what the key is for");
  wall_options(add, line);
  key_options(add, line);
  json_flag(command(user, line, "list", "user list", "all accounts"), line);
  for (const char* word : {"disable", "enable", "remove"}) {
    CLI::App* one = command(user, line, word, std::string("user ") + word, "an account");
    pass(one, line, "NAME", "name", "user id", true);
  }
}

void add_keys(CLI::App& app, Line& line) {
  CLI::App* key = app.add_subcommand("key", "keys of accounts")->require_subcommand(1);
  CLI::App* add = command(key, line, "add", "key add", "another key for an account");
  pass(add, line, "NAME", "name", "user id", true);
  pass(add, line, "--label", "label", "what the key is for");
  wall_options(add, line);
  key_options(add, line);
  CLI::App* list = command(key, line, "list", "key list", "the keys");
  pass(list, line, "NAME", "name", "user id");
  json_flag(list, line);
  CLI::App* rotate = command(key, line, "rotate", "key rotate", "a new key for an old one");
  pass(rotate, line, "KID", "kid", "the old key");
  rotate
      ->add_option_function<std::vector<std::string>>(
          "--all",
          [&line](const std::vector<std::string>& names) {
            line.request.args["all"] = names.empty() ? std::string() : names.front();
          },
          "every key, or every key of this account; --key-out then names a new directory")
      ->type_name("[NAME]")
      ->expected(0, 1);
  pass(rotate, line, "--overlap", "overlap", "how long the old one still works (7d)");
  key_options(rotate, line);
  CLI::App* revoke = command(key, line, "revoke", "key revoke", "ends a key and its connections");
  revoke->add_option_function<std::vector<std::string>>(
      "KID",
      [&line](const std::vector<std::string>& kids) {
        for (const std::string& k : kids) line.request.args["kid"] += k + " ";
      },
      "the key, or several");
  pass(revoke, line, "--all", "all", "every key of this account");
}

void add_channels(CLI::App& app, Line& line) {
  CLI::App* channel = app.add_subcommand("channel", "channels")->require_subcommand(1);
  json_flag(command(channel, line, "list", "channel list", "all channels"), line);
  CLI::App* show = command(channel, line, "show", "channel show", "one channel");
  pass(show, line, "NAME", "channel", "channel", true);
  json_flag(show, line);
  CLI::App* role = command(channel, line, "role", "channel role", "a member's role");
  pass(role, line, "NAME", "channel", "channel", true);
  pass(role, line, "USER", "user", "user id", true);
  pass(role, line, "ROLE", "role", "owner, admin or none", true);
  CLI::App* remove = command(channel, line, "remove", "channel remove", "for ever");
  pass(remove, line, "NAME", "channel", "channel", true);
}

void add_store(CLI::App& app, Line& line) {
  CLI::App* invite = command(&app, line, "invite", "invite", "a link with which somebody enrols");
  pass(invite, line, "--uses", "uses", "how many may use it (1)");
  pass(invite, line, "--expires", "expires", "how long it works (24h)");
  pass(invite, line, "--channel", "channel", "whom it brings in joins this channel");
  json_flag(invite, line);
  json_flag(command(&app, line, "status", "status", "what goes on"), line);
  CLI::App* backup =
      command(&app, line, "backup", "backup", "a copy of the store, also while it runs");
  backup
      ->add_option_function<std::string>(
          "FILE",
          [&line](const std::string& f) {
            line.request.args["file"] = std::filesystem::absolute(f).string();
          },
          "a new file")
      ->required();
  CLI::App* restore = app.add_subcommand("restore", "a backup where there is no store");
  common_options(restore, line);
  restore->add_option("FILE", line.file, "a backup")->required();
  restore->callback(
      [&line] { line.action = [&line](const Config& c) { return run_restore(c, line.file); }; });
  CLI::App* master = app.add_subcommand("master", "the master key")->require_subcommand(1);
  command(master, line, "rotate", "master rotate", "seals all keys under a new master key");
  CLI::App* audit = app.add_subcommand("audit", "the audit log")->require_subcommand(1);
  command(audit, line, "verify", "audit verify", "whether it is whole");
  CLI::App* doctor = app.add_subcommand("doctor", "looks for what is wrong");
  common_options(doctor, line);
  json_flag(doctor, line);
  doctor->callback([&line] {
    line.action = [&line](const Config& c) { return run_doctor(c, line.output.json); };
  });
}

void add_config(CLI::App& app, Line& line) {
  CLI::App* config = app.add_subcommand("config", "the configuration")->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check", "whether it can be used");
  common_options(check, line);
  check->callback([&line] {
    line.action = [](const Config&) {
      std::puts("configuration: good");
      return kExitDone;
    };
  });
  CLI::App* show = config->add_subcommand("show", "every key with its value");
  common_options(show, line);
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

int run(int argc, char** argv) {
  CLI::App app("mootd: the moot server", "mootd");
  Line line;
  line.sources.environment = moot_environment();
  bool version = false;
  bool json = false;
  app.add_flag("--version", version, "print the version");
  app.add_flag("--json", json, "with --version");
  add_run(app, line);
  add_users(app, line);
  add_keys(app, line);
  add_channels(app, line);
  add_store(app, line);
  add_config(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitDone : kExitUsage;
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
