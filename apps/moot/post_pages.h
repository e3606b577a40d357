#pragma once

#include <functional>
#include <string>

#include "apps/moot/seat.h"
#include "apps/moot/show_channel.h"

// The committed messages on this disk, page by page: as many as there are, in the memory of one
// page.
namespace moot::app {

// "After this message, or from this time on": what --since says.
struct Since {
  std::string id;        // empty: by time
  std::uint64_t ms = 0;  // unix time; 0: everything
};
std::expected<Since, Trouble> parse_since(const std::string& text);

struct PostRange {
  std::string channel;
  Since since;
  std::uint64_t newest = 0;  // only so many, the newest; 0: all
};
using EachPost = std::function<void(const Client::Post&)>;

// In the order of the history. How many there were.
std::expected<std::uint64_t, Trouble> each_post(Seat& seat, const PostRange& range,
                                                const EachPost& each, const Seat::Each& other = {});
// Of all channels, or of one, in the order of arrival, from behind `after` on, those that hold
// `containing`; with `since_ms` those from then on. `after` is moved along.
struct Arrivals {
  std::string channel;
  std::string containing;
  std::uint64_t since_ms = 0;
};
std::expected<std::uint64_t, Trouble> each_arrival(Seat& seat, const Arrivals& which,
                                                   std::uint64_t& after, const EachPost& each,
                                                   const Seat::Each& other = {});
// The place of the last that has arrived: `after` for what is still to come.
std::expected<std::uint64_t, Trouble> last_arrival(Seat& seat, const Seat::Each& other = {});

}  // namespace moot::app
