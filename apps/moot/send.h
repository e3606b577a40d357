#pragma once

#include <chrono>
#include <string>

#include "apps/moot/seat.h"

// `moot send`: to a user, to a channel. Both send one text, or every line of stdin, in order, and
// follow each until it is where it should be.
namespace moot::app {

struct SendOptions {
  std::string to;    // a user's or a channel's name, without its sign
  std::string text;  // "-": lines of stdin
  std::string wait;
  std::string timeout = "30s";  // runs from the last thing that moved
  bool json = false;
};

int send_private(Seat seat, const SendOptions& o);
int send_to_channel(Seat seat, const SendOptions& o);

// Messages of one run that may wait at once: more are read from stdin as these get through.
inline constexpr std::size_t kSendPipeline = 512;
// Which the owner has not answered yet: both sides write without waiting, neither may fill up.
inline constexpr std::size_t kSendUnanswered = 64;

}  // namespace moot::app
