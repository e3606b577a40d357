#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/moot/edit_line.h"

namespace moot::app {

// One line being typed: octets of a terminal in raw mode in, a line to draw out. Knows UTF-8 and
// cursor keys; knows no terminal.
class LineEditor {
 public:
  enum class Outcome {
    nothing,
    redraw,
    line,       // `take_line` has it
    interrupt,  // Ctrl-C
    end,        // Ctrl-D on an empty line
  };
  // Every text that may stand for the word before the cursor.
  using Complete = std::function<std::vector<std::string>(std::string_view word, bool first)>;

  explicit LineEditor(Complete complete) : complete_(std::move(complete)) {}

  Outcome feed(char octet);
  std::string take_line();
  // The line from its begin, cut to `width` columns around the cursor, cursor placed.
  std::string draw(std::string_view prompt, int width) const;

  const std::string& text() const { return edit_.text(); }
  std::size_t cursor() const { return edit_.cursor(); }
  void set_text(std::string text) { edit_.set_text(std::move(text)); }

 private:
  Outcome key(char octet);
  Outcome escape_done();
  Outcome insert(char octet);
  Outcome tab();

  Complete complete_;
  EditLine edit_;
  std::string utf8_;    // of a code point that is not whole yet
  std::string escape_;  // of an escape sequence under way, its ESC included
  bool paste_ = false;
  std::string line_;
};

}  // namespace moot::app
