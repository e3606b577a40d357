#include "apps/moot/line_editor.h"

#include <algorithm>
#include <utility>

#include "apps/moot/utf8.h"

namespace moot::app {
namespace {

constexpr std::size_t kHistoryMax = 500;
constexpr std::size_t kLineMax = 16 * 1024;
constexpr std::size_t kEscapeMax = 16;

constexpr char ctrl(char letter) { return static_cast<char>(letter & 0x1f); }
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

LineEditor::Outcome LineEditor::feed(char octet) {
  if (!escape_.empty()) {
    escape_ += octet;
    const bool introducer = escape_.size() == 2 && (octet == '[' || octet == 'O');
    const bool final = octet >= 0x40 && octet <= 0x7e;
    if (introducer) return Outcome::nothing;
    if (final || escape_.size() > kEscapeMax || escape_.size() == 2) return escape_done();
    return Outcome::nothing;
  }
  if (octet == '\x1b') {
    escape_ = octet;
    return Outcome::nothing;
  }
  if (paste_ && (octet == '\r' || octet == '\n' || octet == '\t')) return insert(' ');
  return key(octet);
}

LineEditor::Outcome LineEditor::key(char octet) {
  switch (octet) {
    case '\r':
    case '\n':
      line_ = std::move(text_);
      if (!line_.empty() && (history_.empty() || history_.back() != line_)) {
        history_.push_back(line_);
        if (history_.size() > kHistoryMax) history_.erase(history_.begin());
      }
      set_text({});
      history_at_ = history_.size();
      return Outcome::line;
    case ctrl('C'):
      return Outcome::interrupt;
    case ctrl('D'):
      if (text_.empty()) return Outcome::end;
      return erase(cursor_, after(cursor_));
    case ctrl('H'):
    case '\x7f':
      return erase(before(cursor_), cursor_);
    case ctrl('A'):
      cursor_ = 0;
      return Outcome::redraw;
    case ctrl('E'):
      cursor_ = text_.size();
      return Outcome::redraw;
    case ctrl('B'):
      cursor_ = before(cursor_);
      return Outcome::redraw;
    case ctrl('F'):
      cursor_ = after(cursor_);
      return Outcome::redraw;
    case ctrl('K'):
      return erase(cursor_, text_.size());
    case ctrl('U'):
      return erase(0, cursor_);
    case ctrl('W'):
      return erase(word_before(cursor_), cursor_);
    case ctrl('P'):
      return history_at_ > 0 ? recall(history_at_ - 1) : Outcome::nothing;
    case ctrl('N'):
      return recall(history_at_ + 1);
    case ctrl('L'):
      return Outcome::redraw;
    case '\t':
      return tab();
    default:
      return insert(octet);
  }
}

LineEditor::Outcome LineEditor::escape_done() {
  const std::string seq = std::exchange(escape_, {}).substr(1);
  if (seq == "[200~" || seq == "[201~") {
    paste_ = seq == "[200~";
    return Outcome::nothing;
  }
  if (seq == "[A" || seq == "OA") return key(ctrl('P'));
  if (seq == "[B" || seq == "OB") return key(ctrl('N'));
  if (seq == "[C" || seq == "OC") return key(ctrl('F'));
  if (seq == "[D" || seq == "OD") return key(ctrl('B'));
  if (seq == "[H" || seq == "OH" || seq == "[1~" || seq == "[7~") return key(ctrl('A'));
  if (seq == "[F" || seq == "OF" || seq == "[4~" || seq == "[8~") return key(ctrl('E'));
  if (seq == "[3~") return erase(cursor_, after(cursor_));
  if (seq == "[1;5D" || seq == "b") {
    cursor_ = word_before(cursor_);
    return Outcome::redraw;
  }
  if (seq == "[1;5C" || seq == "f") {
    cursor_ = word_after(cursor_);
    return Outcome::redraw;
  }
  return Outcome::nothing;
}

LineEditor::Outcome LineEditor::insert(char octet) {
  if (utf8_.empty() && static_cast<unsigned char>(octet) < 0x20) return Outcome::nothing;
  if (!utf8_.empty() && !continues(octet)) utf8_.clear();  // what was begun is no UTF-8
  utf8_ += octet;
  if (!next_code_point(utf8_).valid) {
    const auto lead = static_cast<unsigned char>(utf8_[0]);
    const std::size_t octets = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || utf8_.size() >= octets) utf8_.clear();
    return Outcome::nothing;
  }
  const std::string typed = std::exchange(utf8_, {});
  if (text_.size() + typed.size() > kLineMax) return Outcome::nothing;
  text_.insert(cursor_, typed);
  cursor_ += typed.size();
  return Outcome::redraw;
}

LineEditor::Outcome LineEditor::erase(std::size_t from, std::size_t to) {
  text_.erase(from, to - from);
  cursor_ = from;
  return Outcome::redraw;
}

LineEditor::Outcome LineEditor::recall(std::size_t at) {
  if (at > history_.size() || at == history_at_) return Outcome::nothing;
  if (history_at_ == history_.size()) draft_ = text_;
  history_at_ = at;
  text_ = at == history_.size() ? draft_ : history_[at];
  cursor_ = text_.size();
  return Outcome::redraw;
}

// What all candidates have in common is typed; a single one is ended with a space.
LineEditor::Outcome LineEditor::tab() {
  std::size_t begin = cursor_;
  while (begin > 0 && text_[begin - 1] != ' ') --begin;
  const std::string word = text_.substr(begin, cursor_ - begin);
  auto candidates = complete_(word, begin == 0);
  std::erase_if(candidates, [&](const std::string& c) { return !c.starts_with(word); });
  if (candidates.empty()) return Outcome::nothing;
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
  if (common.size() <= word.size()) return Outcome::nothing;
  text_.replace(begin, cursor_ - begin, common);
  cursor_ = begin + common.size();
  return Outcome::redraw;
}

std::string LineEditor::take_line() { return std::exchange(line_, {}); }

void LineEditor::set_text(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

std::size_t LineEditor::before(std::size_t at) const {
  if (at == 0) return 0;
  for (--at; at > 0 && continues(text_[at]); --at) {
  }
  return at;
}
std::size_t LineEditor::after(std::size_t at) const {
  if (at == text_.size()) return at;
  for (++at; at < text_.size() && continues(text_[at]); ++at) {
  }
  return at;
}
std::size_t LineEditor::word_before(std::size_t at) const {
  while (at > 0 && text_[at - 1] == ' ') --at;
  while (at > 0 && text_[at - 1] != ' ') --at;
  return at;
}
std::size_t LineEditor::word_after(std::size_t at) const {
  while (at < text_.size() && text_[at] == ' ') ++at;
  while (at < text_.size() && text_[at] != ' ') ++at;
  return at;
}

std::string LineEditor::draw(std::string_view prompt, int width) const {
  const int room = std::max(width - columns(prompt) - 1, 1);
  // The part that fits and has the cursor in it.
  std::size_t begin = 0;
  while (columns(std::string_view(text_).substr(begin, cursor_ - begin)) > room)
    begin = after(begin);
  std::size_t end = begin;
  while (end < text_.size() &&
         columns(std::string_view(text_).substr(begin, after(end) - begin)) <= room) {
    end = after(end);
  }
  std::string out = "\r\x1b[K";
  out += prompt;
  out += std::string_view(text_).substr(begin, end - begin);
  const int behind =
      columns(std::string_view(text_).substr(cursor_, std::max(end, cursor_) - cursor_));
  if (behind > 0) out += "\x1b[" + std::to_string(behind) + 'D';
  return out;
}

}  // namespace moot::app
