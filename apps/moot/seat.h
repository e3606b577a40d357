#pragma once

#include <expected>
#include <functional>
#include <memory>

#include "apps/moot/owner.h"

namespace moot::app {

// A command's place at the owner of the store, which it becomes itself when there is none.
class Seat {
 public:
  static std::expected<Seat, Trouble> take(const Globals& globals, Owner::Wish wish);

  bool send(const Json& json) { return lines_->send(json); }
  Lines::Got receive(std::chrono::milliseconds time) { return lines_->receive(time); }
  int fd() const { return lines_->fd(); }
  bool owner() const { return owner_ != nullptr; }
  // The owner has gone: sit down again, perhaps as the owner.
  std::expected<void, Trouble> again();

  // Asks, hands over every line of the answer, ends with its error or nothing. Lines about other
  // things go to `other`, where that is wanted.
  using Each = std::function<void(const Json&)>;
  std::expected<void, Trouble> ask(Json question, const Each& each,
                                   std::chrono::milliseconds time = std::chrono::seconds(30),
                                   const Each& other = {});
  // The same for what only the server can answer: ends as soon as it cannot be reached.
  std::expected<void, Trouble> ask_server(const Json& question, const Each& each);

 private:
  Seat(Place place, Owner::Wish wish) : place_(std::move(place)), wish_(wish) {}

  Place place_;
  Owner::Wish wish_;
  std::unique_ptr<Owner> owner_;
  std::unique_ptr<Lines> lines_;
  std::uint64_t next_n_ = 1;
};

}  // namespace moot::app
