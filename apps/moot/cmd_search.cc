#include <fmt/format.h>

#include "apps/moot/commands.h"
#include "apps/moot/seat.h"
#include "apps/moot/show.h"

// search and export: what is in the store, without a word to the server.
namespace moot::app {
namespace {

constexpr std::uint64_t kPage = 500;

std::expected<std::uint64_t, Trouble> each_message(
    const Globals& globals, const std::string& peer, const std::string& containing,
    const std::function<void(const Client::Message&, const std::string& self)>& show) {
  auto seat = Seat::take(globals, {.connect = false, .answers = false});
  if (!seat) return std::unexpected(seat.error());
  std::string self;
  const auto facts = [&](const Json& line) {
    if (line.has("account")) self = line.str("account");
  };
  if (const auto done = seat->ask(Json().set("do", "status"), facts); !done)
    return std::unexpected(done.error());
  std::uint64_t after = 0;
  for (std::uint64_t total = 0;;) {
    std::uint64_t rows = 0;
    const auto each = [&](const Json& line) {
      const Client::Message m = get_message(line);
      after = m.seq;
      ++rows;
      show(m, self);
    };
    const auto done = seat->ask(Json()
                                    .set("do", "history")
                                    .set("peer", peer)
                                    .set("containing", containing)
                                    .set("after", after)
                                    .set("count", kPage)
                                    .set("first", true),
                                each);
    if (!done) return std::unexpected(done.error());
    total += rows;
    if (rows < kPage) return total;
  }
}

int search(const Globals& globals, const std::string& text, bool json) {
  const bool colour = colour_wanted(1);
  const auto found = each_message(globals, {}, text, [&](const auto& m, const auto& self) {
    fmt::print("{}\n", json ? message_json(m) : message_line(m, self, colour));
  });
  if (!found) return give_up(found.error());
  if (*found == 0) fmt::print(stderr, "Nothing holds that.\n");
  return *found == 0 ? kFailed : kDone;
}

int export_all(const Globals& globals, const std::string& target, const std::string& format) {
  const std::string peer = user_of(target);
  if (peer.empty()) return give_up({"\"" + safe(target) + "\" is no user; write @NAME.", kUsage});
  const auto done = each_message(globals, peer, {}, [&](const auto& m, const auto&) {
    if (format == "jsonl") {
      fmt::print("{}\n", message_json(m));
    } else {
      fmt::print("{} @{}: {}\n", iso_time(m.at_ms), safe(m.from), safe(m.text, true));
    }
  });
  return done ? kDone : give_up(done.error());
}

}  // namespace

void add_search(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("search", "Find messages on this device by their text");
  auto text = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("TEXT", *text, "Upper and lower case are the same")->required();
  sub->add_flag("--json", *json, "One object a line, as `moot tail --json`");
  sub->footer("Exit code 1 when nothing holds it. Example: moot search 'pass phrase'");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return search(globals, *text, *json); }; });
}

void add_export(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("export", "Print a whole conversation");
  auto target = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("jsonl");
  sub->add_option("TARGET", *target, "@USER")->required();
  sub->add_option("--format", *format, "jsonl (default) or text")
      ->check(CLI::IsMember({"jsonl", "text"}));
  sub->footer("Example: moot export @ada > ada.jsonl");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] { return export_all(globals, *target, *format); };
  });
}

}  // namespace moot::app
