#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "apps/moot/home.h"

// One command a file: each adds itself, with its help, and says what to run.
namespace moot::app {

using Run = std::function<int()>;

void add_join(CLI::App& app, Globals& globals, Run& run);
void add_users(CLI::App& app, Globals& globals, Run& run);
void add_nick(CLI::App& app, Globals& globals, Run& run);
void add_away(CLI::App& app, Globals& globals, Run& run);
void add_send(CLI::App& app, Globals& globals, Run& run);
void add_tail(CLI::App& app, Globals& globals, Run& run);
void add_chat(CLI::App& app, Globals& globals, Run& run);
void add_channels(CLI::App& app, Globals& globals, Run& run);
void add_members(CLI::App& app, Globals& globals, Run& run);
void add_create(CLI::App& app, Globals& globals, Run& run);
void add_enter(CLI::App& app, Globals& globals, Run& run);
void add_leave(CLI::App& app, Globals& globals, Run& run);
void add_set(CLI::App& app, Globals& globals, Run& run);
void add_invite(CLI::App& app, Globals& globals, Run& run);
void add_kick(CLI::App& app, Globals& globals, Run& run);
void add_replica(CLI::App& app, Globals& globals, Run& run);
void add_pull(CLI::App& app, Globals& globals, Run& run);
void add_history(CLI::App& app, Globals& globals, Run& run);
void add_verify(CLI::App& app, Globals& globals, Run& run);
void add_status(CLI::App& app, Globals& globals, Run& run);
void add_search(CLI::App& app, Globals& globals, Run& run);
void add_export(CLI::App& app, Globals& globals, Run& run);
void add_doctor(CLI::App& app, Globals& globals, Run& run);

// `moot` as a whole: takes the command line, runs the command, gives the exit code.
int run_moot(int argc, const char* const* argv, const std::string& version);

// Says it on stderr and gives its code.
int give_up(const Trouble& trouble);

// "@ada" or "ada" as "ada"; empty when it is no user's name.
std::string user_of(const std::string& target);

// How many, for an option: 1 or more.
CLI::Validator at_least_one();

// "30s", "500ms", "2m"; a bare number is seconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace moot::app
