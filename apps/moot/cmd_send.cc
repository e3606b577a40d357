#include <unistd.h>

#include "apps/moot/commands.h"
#include "apps/moot/send.h"
#include "apps/moot/target.h"

namespace moot::app {
namespace {

int send_messages(const Globals& globals, SendOptions o) {
  if (!parse_duration(o.timeout))
    return give_up({"--timeout takes a time such as 30s, 500ms or 2m.", kUsage});
  if (o.text.empty()) {
    if (isatty(STDIN_FILENO) == 1)
      return give_up({"Say what to send: moot send TARGET 'the text', or - for stdin.", kUsage});
    o.text = "-";
  }
  // What can be known to be wrong is refused before anything is opened.
  if (const auto target = target_of(o.to, {}); !target && (o.to[0] == '@' || o.to[0] == '#'))
    return give_up(target.error());
  auto seat = Seat::take(globals, {});
  if (!seat) return give_up(seat.error());
  const auto target = targets_of(*seat, {o.to}, Aim::say);
  if (!target) return give_up(target.error());
  const bool channel = target->front().channel;
  o.to = target->front().name;
  if (o.wait.empty()) o.wait = channel ? "committed" : "sent";
  if (o.wait == "acked" && channel) {
    return give_up(
        {"In a channel a message is committed, not acked: use --wait committed.", kUsage});
  }
  if (o.wait == "committed" && !channel) {
    return give_up({"A private message is acked, not committed: use --wait acked.", kUsage});
  }
  return channel ? send_to_channel(std::move(*seat), o) : send_private(std::move(*seat), o);
}

}  // namespace

void add_send(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("send", "Send a message to a user or to a channel");
  auto o = std::make_shared<SendOptions>();
  sub->add_option("TARGET", o->to, "@USER, or a channel: NAME or '#NAME'")->required();
  const auto* text =
      sub->add_option("TEXT", o->text, "The message, or - : every line of stdin is one, in order");
  sub->add_option(
         "--wait", o->wait,
         "Wait until it is: queued (on this disk), sent (safe on the server; in a channel: "
         "on its way to the members), acked (to a user: a device of theirs has it), "
         "committed (in a channel: part of its history). Default: sent to a user, "
         "committed in a channel")
      ->check(CLI::IsMember({"queued", "sent", "acked", "committed"}));
  sub->add_option("--timeout", o->timeout,
                  "How long, since the last that got through (default 30s)");
  sub->add_flag("--json", o->json, "Print each message, one object a line");
  sub->footer(
      "What could not be sent stays in the outbox and goes with the next connection.\n"
      "NAME alone is the channel if you are in one of that name, else the user; where\n"
      "both could be meant, or a channel that you are not in, it is refused: write\n"
      "@NAME or '#NAME'. A shell takes an unquoted #ops for a comment: write ops or\n"
      "'#ops'.\n"
      "Examples:\n"
      "  moot send @ada 'lunch?' --wait acked\n"
      "  grep error log | moot send ops -");
  sub->callback([=, &globals, &run] {
    run = [=, &globals] {
      if (text->count() > 0 && o->text.empty())
        return give_up({"A message is not empty; say something, or - for stdin.", kUsage});
      return send_messages(globals, *o);
    };
  });
}

}  // namespace moot::app
