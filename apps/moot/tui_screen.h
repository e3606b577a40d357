#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apps/moot/tui_key.h"
#include "apps/moot/tui_view.h"

namespace moot::app::tui {

// The terminal, by ncurses: draws grids, reads keys, decides nothing. One at a time; the terminal
// is put back at the end.
class Screen {
 public:
  // Nothing when this terminal cannot place its cursor, or is unknown.
  static std::unique_ptr<Screen> open();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  Size size() const;
  // After SIGWINCH: takes the size the terminal has now.
  Size resized();
  void draw(const Grid& grid);
  // Everything anew, for a terminal that somebody else wrote on.
  void redraw();
  void bell();
  // The next key that is here; none when there is no more.
  std::optional<Key> read();
  // The terminal is gone.
  bool ended() const { return ended_; }

 private:
  Screen() = default;
  std::optional<Key> paste(unsigned c, bool special);

  bool colour_ = false;
  bool pasting_ = false;
  bool ended_ = false;
  std::string pasted_;
};

}  // namespace moot::app::tui
