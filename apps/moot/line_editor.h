#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace moot::app {

// One line being typed: octets of a terminal in raw mode in, a line to draw out. Knows UTF-8,
// cursor keys, a history and completion; knows no terminal.
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

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }
  void set_text(std::string text);

 private:
  Outcome key(char octet);
  Outcome escape_done();
  Outcome insert(char octet);
  Outcome erase(std::size_t from, std::size_t to);
  Outcome recall(std::size_t at);
  Outcome tab();
  std::size_t before(std::size_t at) const;
  std::size_t after(std::size_t at) const;
  std::size_t word_before(std::size_t at) const;
  std::size_t word_after(std::size_t at) const;

  Complete complete_;
  std::string text_;
  std::size_t cursor_ = 0;  // an offset at the begin of a code point, or the end
  std::string utf8_;        // of a code point that is not whole yet
  std::string escape_;      // of an escape sequence under way, its ESC included
  bool paste_ = false;
  std::vector<std::string> history_;
  std::size_t history_at_ = 0;  // history_.size(): the line being typed
  std::string draft_;
  std::string line_;
};

}  // namespace moot::app
