// A bot that answers every private message with the same words.
//   mootd user add echo --key-out echo.key && echo_bot echo.key echo.moot
#include <cstdio>

#include "moot/client.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: echo_bot KEYFILE DIR\n", stderr);
    return 2;
  }
  auto client = moot::Client::open({.key_file = argv[1], .home = argv[2]});
  if (!client) {
    std::fprintf(stderr, "echo_bot: %s\n", client.error().sentence.c_str());
    return 1;
  }
  const std::string self = (*client)->status().account;
  using Kind = moot::Client::Event::Kind;
  for (;;) {
    const auto event = (*client)->wait(std::chrono::hours(1));
    if (!event) continue;
    if (event->kind == Kind::stopped || event->kind == Kind::store_failed) {
      std::fprintf(stderr, "echo_bot: %s\n", event->text.c_str());
      return 1;
    }
    if (event->kind == Kind::message && event->message.from != self)
      (*client)->send(event->message.from, event->message.text);
  }
}
