#pragma once

#include <cstdint>
#include <string>

namespace moot::app::tui {

// A key as the model knows it, whatever the terminal sends for it.
struct Key {
  enum class Code : std::uint8_t {
    text,   // `text`: a character as UTF-8, or with `alt` or `ctrl` the letter of the chord
    paste,  // `text`: all that was pasted, its line ends in it
    enter,
    tab,
    backspace,
    del,
    escape,
    up,
    down,
    left,
    right,
    home,
    end,
    page_up,
    page_down,
  };
  Code code = Code::text;
  bool alt = false;
  bool ctrl = false;
  std::string text;
};

}  // namespace moot::app::tui
