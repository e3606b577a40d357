#include <fmt/format.h>

#include "apps/moot/channel_words.h"
#include "apps/moot/commands.h"
#include "apps/moot/seat.h"
#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"

namespace moot::app {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);

int status(const Globals& globals, bool json) {
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  // The connection gets a moment to stand, or to say why not.
  if (!seat->send(Json().set("do", "watch"))) return kFailed;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto got = seat->receive(std::chrono::milliseconds(200));
    if (got.ended) break;
    if (got.line && got.line->str("ev") != "connecting") break;
  }
  std::uint64_t unread = 0;
  Json facts;
  std::vector<Json> talks;
  const auto each = [&](const Json& line) {
    if (line.has("peer")) {
      unread += line.u64("unread");
      talks.push_back(line);
    } else {
      facts = line;
    }
  };
  if (const auto done = seat->ask(Json().set("do", "status"), each); !done)
    return give_up(done.error());
  std::vector<Client::Channel> channels;
  const auto channel = [&](const Json& line) {
    channels.push_back(get_channel(line));
    if (channels.back().member) unread += channels.back().unread;
  };
  if (const auto done = seat->ask(Json().set("do", "channels_here"), channel); !done)
    return give_up(done.error());
  const bool connected = facts.flag("connected");
  if (json) {
    fmt::print(
        "{{\"account\":{},\"label\":{},\"server\":{},\"address\":{},\"connected\":{},\"outbox\":{},"
        "\"unread\":{},\"clock_offset_ms\":{},\"reason\":{}}}\n",
        json_text(facts.str("account")), json_text(facts.str("label")),
        json_text(facts.str("server")), json_text(facts.str("address")), connected,
        facts.u64("unconfirmed"), unread, facts.str("offset_ms"), json_text(facts.str("sentence")));
    return kDone;
  }
  fmt::print("@{} on {} ({}), device {}\n", safe(facts.str("account")), safe(facts.str("server")),
             safe(facts.str("address")), safe(facts.str("label")));
  fmt::print("{}\n", connected ? "connected" : "not connected. " + safe(facts.str("sentence")));
  fmt::print("{} unconfirmed in the outbox, {} unread\n", facts.u64("unconfirmed"), unread);
  for (const Json& t : talks) {
    if (t.u64("unread") > 0) fmt::print("  @{}: {} unread\n", safe(t.str("peer")), t.u64("unread"));
  }
  for (const Client::Channel& c : channels) {
    if (!c.member) continue;
    const std::string missing = c.status == "few" ? what_is_missing(c) : std::string();
    if (c.unread > 0) fmt::print("  #{}: {} unread\n", safe(c.name), c.unread);
    if (!missing.empty()) fmt::print("  {}\n", missing);
  }
  return kDone;
}

}  // namespace

void add_status(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("status", "Who you are, whether you are connected, what waits");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "One object");
  sub->footer("Example: moot status --json | jq .outbox");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return status(globals, *json); }; });
}

}  // namespace moot::app
