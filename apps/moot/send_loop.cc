#include "apps/moot/send_loop.h"

#include <poll.h>
#include <unistd.h>

#include "apps/moot/commands.h"
#include "apps/moot/show.h"

namespace moot::app {
namespace {

constexpr int kLookAtTimeMs = 200;

}  // namespace

SendLoop::SendLoop(Seat seat, const SendOptions& o)
    : seat_(std::move(seat)), o_(o), timeout_(*parse_duration(o.timeout)), stdin_(o.text == "-") {}

int SendLoop::run() {
  if (const auto done = begin(); !done) return give_up(done.error());
  if (!stdin_.open()) {
    moved_ = Clock::now();
    submit(o_.text);
    any_ = true;
  }
  while (stdin_.open() || following() > 0) {
    if (!broken_.empty()) return give_up({safe(broken_)});
    if (following() > 0) {
      if (refused_ && unanswered_ == 0 && all_told()) return stuck({});
      if (Clock::now() - moved_ > timeout_) return stuck(" within " + o_.timeout);
    }
    const bool room = stdin_.open() && following() < kSendPipeline && unanswered_ < kSendUnanswered;
    if (!wait_for_something(room)) return give_up(lost());
    print_ready();
  }
  if (!any_) return give_up({"Nothing was sent: on stdin was no line with a text."});
  return failed_ ? kFailed : kDone;
}

int SendLoop::stuck(std::string_view in_time) {
  print_rest();
  return give_up({sentence_of_stuck(in_time)});
}

bool SendLoop::wait_for_something(bool read_stdin) {
  if (read_stdin) {
    if (const auto line = stdin_.take()) {
      if (following() == 0) moved_ = Clock::now();
      submit(*line);
      any_ = true;
    }
    if (!stdin_.open()) return true;
  }
  const auto got = seat_.receive(std::chrono::milliseconds(0));
  if (got.ended) return again();
  if (got.line) {
    hear(*got.line);
    return true;
  }
  pollfd p[2] = {{seat_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  if (poll(p, read_stdin && !stdin_.at_end() ? 2 : 1, kLookAtTimeMs) < 0) return errno == EINTR;
  if (read_stdin && p[1].revents != 0) stdin_.read_now();
  return true;
}

void SendLoop::hear_connection(const Json& line) {
  if (line.has("self")) self_ = line.str("self");
  const std::string& ev = line.str("ev");
  if (ev == "store_failed") broken_ = line.str("why");
  if (ev == "disconnected" || ev == "stopped") {
    connection_ = line.str("text");
    refused_ = refused_ || line.flag("refused");
  } else if (ev == "connected") {
    connection_.clear();
    refused_ = false;
  }
}

Trouble SendLoop::lost() {
  return {
      "The moot that has the store ended; what it had taken is in the outbox "
      "and goes with the next connection, see `moot tail`."};
}

}  // namespace moot::app
