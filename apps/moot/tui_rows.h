#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/tui_state.h"

// A conversation as rows of a given width: where lines are broken, what stands beside them.
namespace moot::app::tui {

struct Style {
  bool bold = false;
  bool dim = false;
  bool reverse = false;
  bool underline = false;
  std::uint8_t colour = 0;  // 1..6: of names; 7: of what went wrong
  friend bool operator==(const Style&, const Style&) = default;
};
inline constexpr std::uint8_t kAlarm = 7;

struct Span {
  std::string text;  // harmless: no control characters in it
  Style style;
};

struct Row {
  std::string key;  // of its line
  int index = 0;    // among the rows of its line
  std::vector<Span> left;
  std::vector<Span> right;  // at the right edge
  char rule = 0;            // '-': a rule with `left` in its middle
};

std::vector<Row> rows_of(const State& state, const Room& room, int width, const WallClock& wall);

// Which rows are shown: [begin, end).
struct Viewport {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Viewport viewport(const std::vector<Row>& rows, const std::optional<Room::Anchor>& anchor,
                  int height);

// Words where they fit, harmless, in pieces of at most `width` columns.
std::vector<std::string> wrap(std::string_view foreign, int width);
// The begin of it that fits, with "…" when something is missing.
std::string fit(std::string_view text, int width);

}  // namespace moot::app::tui
