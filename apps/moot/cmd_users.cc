#include <fmt/format.h>

#include "apps/moot/commands.h"
#include "apps/moot/seat.h"
#include "apps/moot/show.h"

namespace moot::app {
namespace {

int list(const Globals& globals, bool json) {
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  const auto print = [json](const Json& user) {
    if (json) {
      fmt::print("{{\"id\":{},\"name\":{},\"status\":{}}}\n", json_text(user.str("user")),
                 json_text(user.str("name")), json_text(user.str("status")));
    } else {
      fmt::print("{:8} @{:20} {}\n", safe(user.str("status")), safe(user.str("user")),
                 safe(user.str("name")));
    }
  };
  const auto done = seat->ask_server(Json().set("do", "users"), print);
  return done ? kDone : give_up(done.error());
}

}  // namespace

void add_users(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("users", "Who there is, and who is on line");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "One object a line: {\"id\",\"name\",\"status\"}");
  sub->footer("Example: moot users --json | jq -r 'select(.status==\"online\").id'");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return list(globals, *json); }; });
}

}  // namespace moot::app
