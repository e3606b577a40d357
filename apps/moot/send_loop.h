#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "apps/moot/send.h"
#include "apps/moot/stdin_lines.h"

namespace moot::app {

// What sending to a user and to a channel have in common: texts come from the command line or from
// stdin, are handed to the owner of the store without waiting for each answer, and followed until
// the first of them, and then the next, is where it should be.
class SendLoop {
 public:
  int run();

 protected:
  using Clock = std::chrono::steady_clock;

  SendLoop(Seat seat, const SendOptions& o);
  ~SendLoop() = default;

  virtual std::expected<void, Trouble> begin() = 0;
  // Those that are followed; the first of them is asked for as number `first_n_`.
  virtual std::size_t following() const = 0;
  virtual void submit(const std::string& text) = 0;
  virtual void hear(const Json& line) = 0;
  virtual void print_ready() = 0;
  // The owner has gone. False: what it had not answered is unknown, so it is not sent again.
  virtual bool again() = 0;
  // Whether each that is followed was told of, which the owner does when it is on disk.
  virtual bool all_told() const = 0;
  // Prints those that are not there yet, with why nothing moves.
  virtual void print_rest() const = 0;
  virtual std::string sentence_of_stuck(std::string_view in_time) const = 0;

  Seat::Each hearing() {
    return [this](const Json& line) { hear(line); };
  }
  void hear_connection(const Json& line);
  static Trouble lost();

  Seat seat_;
  const SendOptions& o_;
  std::uint64_t first_n_ = 1'000'000;  // Seat counts from 1
  std::uint64_t next_n_ = 1'000'000;
  std::size_t unanswered_ = 0;
  Clock::time_point moved_ = Clock::now();
  std::string self_;
  std::string connection_;
  std::string broken_;  // the owner's store takes and gives nothing any more: why
  bool failed_ = false;

 private:
  int stuck(std::string_view in_time);
  bool wait_for_something(bool read_stdin);

  const std::chrono::milliseconds timeout_;
  StdinLines stdin_;
  bool any_ = false;  // something was handed to the owner
  bool refused_ = false;
};

}  // namespace moot::app
