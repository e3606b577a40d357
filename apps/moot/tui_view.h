#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/tui_rows.h"
#include "apps/moot/tui_state.h"

// How the chat looks: a State as a grid of cells. No terminal.
namespace moot::app::tui {

// Below that, a sentence says so.
inline constexpr Size kSizeMin{6, 24};

struct Cell {
  std::string text = " ";  // a character and the marks on it; empty: the right half of a wide one
  Style style;
};

class Grid {
 public:
  explicit Grid(Size size)
      : size_(size), cells_(static_cast<std::size_t>(size.rows * size.columns)) {}
  Size size() const { return size_; }
  const Cell& at(int row, int column) const { return cells_[index(row, column)]; }
  // Gives the column behind what was put; what is not left of `end` is cut.
  int put(int row, int column, std::string_view text, Style style, int end);
  void fill(int row, int column, int end, std::string_view text, Style style);
  // The row without its styles.
  std::string text(int row) const;

  int cursor_row = 0;
  int cursor_column = 0;

 private:
  std::size_t index(int row, int column) const {
    return static_cast<std::size_t>(row * size_.columns + column);
  }
  Size size_;
  std::vector<Cell> cells_;
};

// Where everything is; a width or height of 0: it is not shown.
struct Panes {
  int side_width = 0;
  int members_width = 0;
  int log_left = 0;
  int log_width = 0;
  int log_top = 0;
  int log_height = 0;
  int input_height = 0;
};
Panes panes(const State& state);

Grid compose(const State& state, const WallClock& wall);

}  // namespace moot::app::tui
