#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moot::app {

// A text being typed, its history and its completion. Knows no keys, no octets, no terminal. The
// cursor stands between characters: a code point and the marks that belong to it go together.
class EditLine {
 public:
  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // an offset into `text`
  void set_text(std::string text);

  // What does not fit is not typed; false says so.
  bool insert(std::string_view utf8);
  void erase_before();
  void erase_after();
  void erase_word_before();
  void erase_to_begin();
  void erase_to_end();

  void left() { cursor_ = before(cursor_); }
  void right() { cursor_ = after(cursor_); }
  void word_left();
  void word_right();
  void begin() { cursor_ = line_begin(); }
  void end() { cursor_ = line_end(); }
  // To the line above or below, of a text with several; false when there is none.
  bool up();
  bool down();

  // The text goes into the history and the line is empty.
  std::string take();
  bool recall_older() { return history_at_ > 0 && recall(history_at_ - 1); }
  bool recall_newer() { return recall(history_at_ + 1); }

  struct Word {
    std::string_view text;
    std::size_t begin = 0;
  };
  // What stands between the last blank and the cursor.
  Word word() const;
  // Each candidate may stand for the word: what all have in common is typed, a single one is ended
  // with a blank. False when nothing came of it.
  bool complete(const std::vector<std::string>& candidates);

  // The next place for the cursor, one way and the other.
  std::size_t before(std::size_t at) const;
  std::size_t after(std::size_t at) const;

 private:
  void erase(std::size_t from, std::size_t to);
  bool recall(std::size_t at);
  std::size_t line_begin() const;
  std::size_t line_end() const;
  std::size_t word_before() const;

  std::string text_;
  std::size_t cursor_ = 0;
  std::vector<std::string> history_;
  std::size_t history_at_ = 0;  // history_.size(): the line being typed
  std::string draft_;
};

}  // namespace moot::app
