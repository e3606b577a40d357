#include "apps/moot/edit_line.h"

#include <algorithm>
#include <utility>

#include "apps/moot/utf8.h"
#include "model/limits.h"

namespace moot::app {
namespace {

constexpr std::size_t kHistoryMax = 500;
constexpr std::uint32_t kJoiner = 0x200d;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }
bool blank(char c) { return c == ' ' || c == '\n'; }

}  // namespace

void EditLine::set_text(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

bool EditLine::insert(std::string_view utf8) {
  if (text_.size() + utf8.size() > limits::kMsgBytesMax) return false;
  text_.insert(cursor_, utf8);
  cursor_ += utf8.size();
  return true;
}

void EditLine::erase(std::size_t from, std::size_t to) {
  text_.erase(from, to - from);
  cursor_ = from;
}
void EditLine::erase_before() { erase(before(cursor_), cursor_); }
void EditLine::erase_after() { erase(cursor_, after(cursor_)); }
void EditLine::erase_word_before() { erase(word_before(), cursor_); }
void EditLine::erase_to_begin() { erase(line_begin(), cursor_); }
void EditLine::erase_to_end() { erase(cursor_, line_end()); }

std::size_t EditLine::before(std::size_t at) const {
  // A character begins where one ends: walk the line to the last place before `at`.
  std::size_t begin = at;
  while (begin > 0 && text_[begin - 1] != '\n') --begin;
  if (begin == at) return at == 0 ? 0 : at - 1;
  std::size_t last = begin;
  for (std::size_t next = begin; next < at; next = after(next)) last = next;
  return last;
}

std::size_t EditLine::after(std::size_t at) const {
  if (at >= text_.size()) return text_.size();
  const auto code_at = [this](std::size_t i) {
    return next_code_point(std::string_view(text_).substr(i));
  };
  CodePoint c = code_at(at);
  at += c.octets;
  while (at < text_.size()) {
    const CodePoint next = code_at(at);
    const bool joined = c.code == kJoiner && next.valid && next.code >= 0x80;
    if (!next.valid || is_control(next.code) || (columns(next.code) != 0 && !joined)) break;
    at += next.octets;
    c = next;
  }
  return at;
}

std::size_t EditLine::word_before() const {
  std::size_t at = cursor_;
  while (at > 0 && blank(text_[at - 1])) --at;
  while (at > 0 && !blank(text_[at - 1])) --at;
  return at;
}
void EditLine::word_left() { cursor_ = word_before(); }
void EditLine::word_right() {
  while (cursor_ < text_.size() && blank(text_[cursor_])) ++cursor_;
  while (cursor_ < text_.size() && !blank(text_[cursor_])) ++cursor_;
}

std::size_t EditLine::line_begin() const {
  std::size_t at = cursor_;
  while (at > 0 && text_[at - 1] != '\n') --at;
  return at;
}
std::size_t EditLine::line_end() const { return std::min(text_.find('\n', cursor_), text_.size()); }

bool EditLine::up() {
  const std::size_t begin = line_begin();
  if (begin == 0) return false;
  const int column = columns(std::string_view(text_).substr(begin, cursor_ - begin));
  cursor_ = begin - 1;
  const std::size_t above = line_begin();
  while (cursor_ > above &&
         columns(std::string_view(text_).substr(above, cursor_ - above)) > column) {
    cursor_ = before(cursor_);
  }
  return true;
}

bool EditLine::down() {
  const std::size_t end = line_end();
  if (end == text_.size()) return false;
  const std::size_t begin = line_begin();
  const int column = columns(std::string_view(text_).substr(begin, cursor_ - begin));
  cursor_ = end + 1;
  const std::size_t below = line_end();
  while (cursor_ < below &&
         columns(std::string_view(text_).substr(end + 1, cursor_ - end - 1)) < column) {
    cursor_ = after(cursor_);
  }
  return true;
}

std::string EditLine::take() {
  std::string line = std::exchange(text_, {});
  cursor_ = 0;
  if (!line.empty() && (history_.empty() || history_.back() != line)) {
    history_.push_back(line);
    if (history_.size() > kHistoryMax) history_.erase(history_.begin());
  }
  history_at_ = history_.size();
  return line;
}

bool EditLine::recall(std::size_t at) {
  if (at > history_.size() || at == history_at_) return false;
  if (history_at_ == history_.size()) draft_ = text_;
  history_at_ = at;
  set_text(at == history_.size() ? draft_ : history_[at]);
  return true;
}

EditLine::Word EditLine::word() const {
  std::size_t begin = cursor_;
  while (begin > 0 && !blank(text_[begin - 1])) --begin;
  return {std::string_view(text_).substr(begin, cursor_ - begin), begin};
}

bool EditLine::complete(const std::vector<std::string>& candidates) {
  if (candidates.empty()) return false;
  std::string common = candidates.front();
  for (const std::string& c : candidates) {
    const auto [a, b] = std::ranges::mismatch(common, c);
    common.resize(static_cast<std::size_t>(a - common.begin()));
  }
  while (!common.empty() && common.size() < candidates.front().size() &&
         continues(candidates.front()[common.size()])) {
    common.pop_back();
  }
  if (candidates.size() == 1) common += ' ';
  const Word w = word();
  if (common.size() <= w.text.size()) return false;
  text_.replace(w.begin, cursor_ - w.begin, common);
  cursor_ = w.begin + common.size();
  return true;
}

}  // namespace moot::app
