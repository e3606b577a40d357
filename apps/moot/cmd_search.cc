#include <fmt/format.h>

#include "apps/moot/commands.h"
#include "apps/moot/post_pages.h"
#include "apps/moot/show.h"
#include "apps/moot/target.h"

// search and export: what is in the store, without a word to the server.
namespace moot::app {
namespace {

constexpr std::uint64_t kPage = 500;

std::expected<std::uint64_t, Trouble> each_message(
    Seat& seat, const std::string& peer, const std::string& containing,
    const std::function<void(const Client::Message&, const std::string& self)>& show) {
  std::string self;
  const auto facts = [&](const Json& line) {
    if (line.has("account")) self = line.str("account");
  };
  if (const auto done = seat.ask(Json().set("do", "status"), facts); !done)
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
    const auto done = seat.ask(Json()
                                   .set("do", "history")
                                   .set("peer", peer)
                                   .set("containing", containing)
                                   .set("after", after)
                                   .set("count", kPage)
                                   .set("first", true),
                               each);
    if (!done) return std::unexpected(done.error());
    total += rows;
    if (rows == 0 || (rows < kPage && !seat.more())) return total;
  }
}

int search(const Globals& globals, const std::string& text, bool json) {
  auto seat = Seat::take(globals, {.connect = false, .answers = false});
  if (!seat) return give_up(seat.error());
  const bool colour = colour_wanted(1);
  std::string us;
  const auto found = each_message(*seat, {}, text, [&](const auto& m, const auto& self) {
    us = self;
    fmt::print("{}\n", json ? message_json(m) : message_line(m, self, colour));
  });
  if (!found) return give_up(found.error());
  std::uint64_t after = 0;
  const auto in_channels = each_arrival(*seat, {{}, text, 0}, after, [&](const auto& p) {
    fmt::print("{}\n", json ? post_json(p) : post_line(p, us, colour));
  });
  if (!in_channels) return give_up(in_channels.error());
  if (*found + *in_channels > 0) return kDone;
  fmt::print(stderr, "Nothing holds that.\n");
  return kFailed;
}

int export_all(const Globals& globals, const std::string& text, bool jsonl) {
  if (const auto target = target_of(text, {}); !target && (text[0] == '@' || text[0] == '#'))
    return give_up(target.error());
  auto seat = Seat::take(globals, {.connect = false, .answers = false});
  if (!seat) return give_up(seat.error());
  const auto targets = targets_of(*seat, {text}, Aim::read_here);
  if (!targets) return give_up(targets.error());
  const Target& target = targets->front();
  const auto print = [&](const auto& m, const std::string& as_json) {
    if (jsonl) {
      fmt::print("{}\n", as_json);
    } else {
      fmt::print("{} @{}: {}\n", iso_time(m.at_ms), safe(m.from), safe(m.text, true));
    }
  };
  const auto done =
      target.channel
          ? each_post(*seat, {target.name, {}, 0},
                      [&](const Client::Post& p) { print(p, post_json(p)); })
          : each_message(*seat, target.name, {},
                         [&](const Client::Message& m, const auto&) { print(m, message_json(m)); });
  if (!done) return give_up(done.error());
  // What means nothing here is not only empty.
  const auto known = *done > 0 ? std::expected<void, Trouble>() : known_here(*seat, target);
  return known ? kDone : give_up(known.error());
}

}  // namespace

void add_search(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("search", "Find messages on this device by their text");
  auto text = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("TEXT", *text, "Upper and lower case are the same")->required();
  sub->add_flag("--json", *json, "One object a line, as `moot tail --json`");
  sub->footer(
      "Private messages first, then those of channels. Exit code 1 when nothing holds it.\n"
      "Example: moot search 'pass phrase'");
  sub->callback(
      [=, &globals, &run] { run = [=, &globals] { return search(globals, *text, *json); }; });
}

void add_export(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("export", "Print a whole conversation or channel");
  auto target = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("jsonl");
  sub->add_option("TARGET", *target, "@USER, or a channel: NAME or '#NAME'")->required();
  sub->add_option("--format", *format, "jsonl (default) or text")
      ->check(CLI::IsMember({"jsonl", "text"}));
  sub->footer(
      "What is on this device.\n"
      "NAME alone is the channel if you are or were in one of that name, else the\n"
      "user; a shell takes an unquoted #ops for a comment.\n"
      "Examples:\n"
      "  moot export @ada > ada.jsonl\n"
      "  moot export ops --format text");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] { return export_all(globals, *target, *format == "jsonl"); };
  });
}

}  // namespace moot::app
