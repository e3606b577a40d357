#include "apps/moot/seat.h"

#include <poll.h>

#include "apps/moot/show.h"

namespace moot::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBetweenTriesMs = 20;
constexpr auto kPatience = std::chrono::seconds(30);
constexpr std::uint64_t kHelloN = 0;
constexpr int kLinesAtOnce = 10'000;

// A process that is ending still takes connections; only an answer shows that there is an owner.
enum class Met { yes, ended, silent, refused };
Met say_hello(Lines& lines, Clock::time_point until, std::string& why) {
  // Who refuses may have said so and hung up before.
  lines.send(Json().set("do", "hello").set("n", kHelloN));
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    const auto got = lines.receive(std::max(left, std::chrono::milliseconds(0)));
    if (got.ended) return Met::ended;
    if (!got.line) return Met::silent;
    if (!got.line->has("re") || got.line->u64("re") != kHelloN) continue;
    why = safe(got.line->str("error"));
    return why.empty() ? Met::yes : Met::refused;
  }
}

}  // namespace

std::expected<Seat, Trouble> Seat::take(const Globals& globals, Owner::Wish wish) {
  auto place = find_place(globals);
  if (!place) return std::unexpected(place.error());
  Seat seat(std::move(*place), wish);
  if (auto sat = seat.again(); !sat) return std::unexpected(sat.error());
  return seat;
}

std::expected<void, Trouble> Seat::again() {
  lost_ = false;
  lines_.reset();
  owner_.reset();
  const auto until = Clock::now() + kPatience;
  bool silent = false;
  while (!silent && Clock::now() < until) {
    if (auto fd = connect_in(place_.home)) {
      lines_ = std::make_unique<Lines>(std::move(*fd));
      std::string why;
      const Met met = say_hello(*lines_, until, why);
      if (met == Met::yes) return {};
      if (met == Met::refused) return std::unexpected(Trouble{why, kFailed});
      silent = met == Met::silent;
      if (silent) continue;
      poll(nullptr, 0, kBetweenTriesMs);
      continue;
    }
    auto owner = Owner::start(place_, wish_);
    if (owner) {
      owner_ = std::move(*owner);
    } else if (!owner.error().in_use) {
      return std::unexpected(owner.error().trouble);
    } else {
      poll(nullptr, 0, kBetweenTriesMs);
    }
  }
  // Nothing was handed to it, so nothing is half done.
  return std::unexpected(
      Trouble{silent ? "Another moot has " + place_.home +
                           " and does not answer; end it, or use another --home."
                     : "Another moot has been beginning or ending with " + place_.home +
                           " for half a minute; run the command again when it is done.",
              kFailed});
}

std::unexpected<Trouble> Seat::gone() {
  lost_ = true;
  return std::unexpected(
      Trouble{"The moot that has the store ended; run the command again.", kFailed});
}

std::expected<void, Trouble> Seat::ask(Json question, const Each& each,
                                       std::chrono::milliseconds time, const Each& other) {
  const std::uint64_t n = next_n_++;
  more_ = false;
  if (!send(question.set("n", n))) return gone();
  auto until = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    auto got = receive(std::max(left, std::chrono::milliseconds(0)));
    if (got.ended) return gone();
    if (!got.line) {
      return std::unexpected(
          Trouble{"The server did not answer in time; `moot doctor` says why.", kFailed});
    }
    if (!got.line->has("re") || got.line->u64("re") != n) {
      if (other) other(*got.line);
      continue;
    }
    until = std::chrono::steady_clock::now() + time;
    // A message that failed has an error of its own.
    if (got.line->flag("end") && !got.line->str("error").empty())
      return std::unexpected(Trouble{safe(got.line->str("error")), kFailed});
    if (!got.line->flag("end") || got.line->has("id")) each(*got.line);
    more_ = got.line->flag("more");
    if (got.line->flag("end")) return {};
  }
}

Seat::Heard Seat::hear(const Each& each) {
  for (int i = 0; i < kLinesAtOnce; ++i) {
    const auto got = receive(std::chrono::milliseconds(0));
    if (got.ended) return Heard::ended;
    if (!got.line) return Heard::all;
    each(*got.line);
  }
  return Heard::more;
}

std::expected<void, Trouble> Seat::wait_connected(const Each& other) {
  if (!send(Json().set("do", "watch"))) return gone();
  const auto until = std::chrono::steady_clock::now() + kServerPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto got = receive(std::chrono::seconds(1));
    if (got.ended) return gone();
    if (!got.line) continue;
    if (other) other(*got.line);
    const std::string& ev = got.line->str("ev");
    if (ev == "caught_up") return {};
    if (ev == "disconnected" || ev == "stopped")
      return std::unexpected(Trouble{safe(got.line->str("text")), kFailed});
    if (ev == "store_failed") return std::unexpected(Trouble{safe(got.line->str("why")), kFailed});
  }
  return std::unexpected(
      Trouble{"The server did not answer in time; `moot doctor` says why.", kFailed});
}

std::expected<void, Trouble> Seat::ask_server(const Json& question, const Each& each,
                                              std::chrono::milliseconds time, const Each& other) {
  if (auto connected = wait_connected(other); !connected) return connected;
  return ask(question, each, time, other);
}

}  // namespace moot::app
