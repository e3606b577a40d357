#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/moot/edit_line.h"
#include "apps/moot/tui_log.h"
#include "moot/client.h"

// What the full-screen chat knows: plain values. The model changes them, the view draws them.
namespace moot::app::tui {

// More people than this are not listed beside the conversations, only found by name.
inline constexpr std::size_t kPeopleListedMax = 100;
// More are not remembered; who has a conversation is there anyway.
inline constexpr std::size_t kPeopleMax = 10'000;
// Ids remembered so that a message that is told twice is counted once.
inline constexpr std::size_t kCountedMax = 256;
// Conversations whose lines are in memory; over: those not looked at for longest are read again.
inline constexpr std::size_t kRoomsLoadedMax = 16;

// The clock of the wall where this computer stands; the model has none.
struct WallTime {
  int year = 0;
  unsigned month = 0;  // 1..12
  unsigned day = 0;
  unsigned weekday = 0;  // 0: Sunday
  unsigned hour = 0;
  unsigned minute = 0;
  friend bool operator==(const WallTime&, const WallTime&) = default;
};
using WallClock = std::function<WallTime(std::uint64_t unix_ms)>;

struct Size {
  int rows = 24;
  int columns = 80;
  friend bool operator==(const Size&, const Size&) = default;
};

struct Person {
  std::string name;
  std::string status;  // "online", "away", "offline"
};

// Something one can talk in, under its target: "#ops", "@bob"; "" is the place before any.
struct Room {
  // The last row that is shown, while somebody reads above the newest.
  struct Anchor {
    std::string key;
    int row = 0;
  };
  struct Sync {
    std::uint64_t records = 0;
    std::uint64_t differences = 0;  // those and what is missing; 0: how much is unknown
  };

  std::string target;
  Client::Channel channel;  // of a channel, else empty
  Log log;
  bool loaded = false;     // the newest page was asked for
  bool loading = false;    // a page is on its way
  bool reading = false;    // the owner is told that all is read
  bool read_more = false;  // and is to be told again
  std::uint64_t looked_at = 0;
  std::uint64_t generation = 0;  // pages asked for an earlier one are for a log that is gone
  std::uint64_t unread = 0;
  std::uint64_t unread_to_place = 0;  // so many, as soon as the lines are here
  std::string unread_from;            // where the unread began when it was opened
  std::deque<std::string> counted;    // the last ids that were counted as unread or seen
  std::optional<Anchor> anchor;
  std::uint64_t arrived_above = 0;
  std::uint64_t arrived_below = 0;
  std::optional<Sync> sync;
  std::uint64_t synced_records = 0;  // of the last one, until the log is read again
  std::string candidate;             // asks for votes
  std::string handshake;             // "ready", "away", "silent"; empty: not asked
  bool greeted = false;
  std::string typed;  // left in the input line

  bool is_channel() const { return target.starts_with('#'); }
  bool is_person() const { return target.starts_with('@'); }
  std::string name() const { return target.empty() ? target : target.substr(1); }
};

// People who have to come before a message of the channel can go; 0: it can.
std::uint64_t missing(const Client::Channel& channel);

struct State {
  std::string self;
  std::string connection = "connecting";  // or "connected", "disconnected", "stopped"
  std::string connection_why;
  std::map<std::string, Room> rooms;  // by target: channels stand before people
  std::string current;
  std::map<std::string, Person> people;
  EditLine input;
  std::string hint;  // for the status line, until the next key
  Size size;

  const Room& room() const { return rooms.at(current); }
};

// What stands on the left: what has a number and is switched through, then who else there is.
struct Entry {
  std::string target;
  bool numbered = true;
};
std::vector<Entry> entries(const State& state);

// "Ada (@ada)".
std::string shown_name(const State& state, const std::string& user);

}  // namespace moot::app::tui
