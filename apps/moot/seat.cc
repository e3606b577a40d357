#include "apps/moot/seat.h"

#include <poll.h>

namespace moot::app {
namespace {

// An owner that is starting or ending is met again at once; one that hangs is told about.
constexpr int kTries = 100;
constexpr int kBetweenTriesMs = 50;
constexpr auto kHello = std::chrono::seconds(30);
constexpr std::uint64_t kHelloN = 0;

// A process that is ending still takes connections; only an answer shows that there is an owner.
enum class Met { yes, ended, silent };
Met say_hello(Lines& lines) {
  if (!lines.send(Json().set("do", "hello").set("n", kHelloN))) return Met::ended;
  const auto until = std::chrono::steady_clock::now() + kHello;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    const auto got = lines.receive(std::max(left, std::chrono::milliseconds(0)));
    if (got.ended) return Met::ended;
    if (!got.line) return Met::silent;
    if (got.line->has("re") && got.line->u64("re") == kHelloN) return Met::yes;
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
  for (int i = 0; i < kTries; ++i) {
    if (auto fd = connect_in(place_.home)) {
      lines_ = std::make_unique<Lines>(std::move(*fd));
      const Met met = say_hello(*lines_);
      if (met == Met::yes) return {};
      if (met == Met::silent) break;
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
  return std::unexpected(Trouble{
      "Another moot has " + place_.home + " and does not answer; end it, or use another --home.",
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
    if (!got.line->str("error").empty())
      return std::unexpected(Trouble{got.line->str("error"), kFailed});
    if (!got.line->flag("end") || got.line->has("id")) each(*got.line);
    if (got.line->flag("end")) return {};
  }
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
      return std::unexpected(Trouble{got.line->str("text"), kFailed});
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
