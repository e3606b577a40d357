#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "moot/client.h"

namespace moot::app::tui {

// How many lines of a conversation are in memory, and how many octets of text; over: those farther
// from what is shown go, and are read from the store again when somebody scrolls there.
inline constexpr std::size_t kLogLinesMax = 500;
inline constexpr std::size_t kLogBytesMax = 1024 * 1024;
inline constexpr std::size_t kPageLines = 100;

// A message, or something this program says.
struct Line {
  std::string key;   // its place: lines are sorted by it as octets
  std::string id;    // none: a draft, or a notice
  std::string from;  // none: a notice
  std::string text;
  std::string error;
  std::uint64_t draft = 0;
  std::uint64_t at_ms = 0;
  std::uint64_t acks_n = 0;
  std::uint64_t need = 0;
  Client::State state = Client::State::committed;
  bool own = false;
  bool late = false;
  bool conflict = false;

  bool notice() const { return from.empty(); }
  bool draft_only() const { return id.empty() && draft != 0; }
  // The same message, whatever became of it since.
  bool same(const Line& other) const;
  friend bool operator==(const Line&, const Line&) = default;
};

// A window on a conversation that may be much longer.
// Invariant: sorted by key; within kLogLinesMax and kLogBytesMax after `trim`.
class Log {
 public:
  enum class Put : std::uint8_t {
    changed,  // it was here
    last,     // the newest of all
    inside,   // between others
    above,    // before the first line here: not kept, the store has it
    below,    // behind the last line here, which is not the newest of all: not kept
  };
  Put put(Line line);
  // What a page of the store brought.
  void add_page(std::vector<Line> page);
  // A sentence of this program, behind everything that is here.
  void note(std::string text);
  // The state of a private message of which only the name is told.
  void change(std::string_view id, std::string_view from, Client::State state, std::string error);
  // What stands before the place is read from the store when somebody goes there.
  void drop_before(std::string_view key);
  void renumber(std::string_view id, std::string_view to);
  // A place behind everything, for a message without one.
  std::string next_key();

  enum class Keep : std::uint8_t { newest, oldest };
  void trim(Keep keep);
  bool half_empty() const;
  // What the store has goes, what this program said stays.
  void clear();

  const std::vector<Line>& lines() const { return lines_; }
  // The first and the last message with a place in the store; none: nullptr.
  const Line* first_stored() const;
  const Line* last_stored() const;

  bool at_begin = false;  // there is nothing before the first line
  bool at_end = true;     // there is nothing behind the last

  void check_invariants() const;

 private:
  std::size_t find(const Line& line) const;

  std::vector<Line> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t counter_ = 0;
};

// The place of a draft: behind everything that has an id.
std::string draft_key(std::uint64_t draft);
// The place of a private message by its number in the store, and back: of one that was told and not
// read from there, the number of the one before it.
std::string seq_key(std::uint64_t seq);
std::uint64_t seq_of(std::string_view key);
// A number that only lines before the place are below of.
std::uint64_t seq_not_before(std::string_view key);

}  // namespace moot::app::tui
