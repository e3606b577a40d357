#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>

#include "apps/moot/owner.h"

namespace moot::app {

// A command's place at the owner of the store, which it becomes itself when there is none.
class Seat {
 public:
  static std::expected<Seat, Trouble> take(const Globals& globals, Owner::Wish wish);

  bool send(const Json& json) {
    lost_ = !lines_->send(json);
    return !lost_;
  }
  Lines::Got receive(std::chrono::milliseconds time) { return lines_->receive(time); }
  int fd() const { return lines_->fd(); }
  bool owner() const { return owner_ != nullptr; }
  // The owner has gone: sit down again, perhaps as the owner. Whoever has the store at that moment
  // may be beginning, which takes as long as reading it, or ending: it is waited for, half a
  // minute.
  std::expected<void, Trouble> again();
  // An answer did not come because the owner has gone.
  bool lost() const { return lost_; }
  // The last answer was cut: there is more of it than was asked for at once.
  bool more() const { return more_; }

  // Asks, hands over every line of the answer, ends with its error or nothing. `time` runs from the
  // last line of the answer. Lines about other things go to `other`, where that is wanted.
  using Each = std::function<void(const Json&)>;
  std::expected<void, Trouble> ask(Json question, const Each& each,
                                   std::chrono::milliseconds time = std::chrono::seconds(30),
                                   const Each& other = {});
  // Hands over what is there to be heard, up to a bound: with `more` something may be there that no
  // descriptor tells of.
  enum class Heard : std::uint8_t { all, more, ended };
  Heard hear(const Each& each);
  // Waits until the server answers, and has told what it tells at the begin of a connection; ends
  // as soon as it cannot be reached.
  std::expected<void, Trouble> wait_connected(const Each& other = {});
  // The same as `ask` for what only the server can answer.
  static constexpr std::chrono::milliseconds kServerPatience = std::chrono::seconds(20);
  std::expected<void, Trouble> ask_server(const Json& question, const Each& each,
                                          std::chrono::milliseconds time = kServerPatience,
                                          const Each& other = {});

 private:
  Seat(Place place, Owner::Wish wish) : place_(std::move(place)), wish_(wish) {}

  std::unexpected<Trouble> gone();

  Place place_;
  Owner::Wish wish_;
  std::unique_ptr<Owner> owner_;
  std::unique_ptr<Lines> lines_;
  std::uint64_t next_n_ = 1;
  bool lost_ = false;
  bool more_ = false;
};

}  // namespace moot::app
