#include "apps/moot/line_editor.h"

#include <algorithm>
#include <utility>

#include "apps/moot/utf8.h"

namespace moot::app {
namespace {

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
      line_ = edit_.take();
      return Outcome::line;
    case ctrl('C'):
      return Outcome::interrupt;
    case ctrl('D'):
      if (text().empty()) return Outcome::end;
      edit_.erase_after();
      return Outcome::redraw;
    case ctrl('H'):
    case '\x7f':
      edit_.erase_before();
      return Outcome::redraw;
    case ctrl('A'):
      edit_.begin();
      return Outcome::redraw;
    case ctrl('E'):
      edit_.end();
      return Outcome::redraw;
    case ctrl('B'):
      edit_.left();
      return Outcome::redraw;
    case ctrl('F'):
      edit_.right();
      return Outcome::redraw;
    case ctrl('K'):
      edit_.erase_to_end();
      return Outcome::redraw;
    case ctrl('U'):
      edit_.erase_to_begin();
      return Outcome::redraw;
    case ctrl('W'):
      edit_.erase_word_before();
      return Outcome::redraw;
    case ctrl('P'):
      return edit_.recall_older() ? Outcome::redraw : Outcome::nothing;
    case ctrl('N'):
      return edit_.recall_newer() ? Outcome::redraw : Outcome::nothing;
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
  if (seq == "[3~") {
    edit_.erase_after();
    return Outcome::redraw;
  }
  if (seq == "[1;5D" || seq == "b") {
    edit_.word_left();
    return Outcome::redraw;
  }
  if (seq == "[1;5C" || seq == "f") {
    edit_.word_right();
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
  return edit_.insert(typed) ? Outcome::redraw : Outcome::nothing;
}

LineEditor::Outcome LineEditor::tab() {
  const EditLine::Word word = edit_.word();
  auto candidates = complete_(word.text, word.begin == 0);
  std::erase_if(candidates, [&](const std::string& c) { return !c.starts_with(word.text); });
  return edit_.complete(candidates) ? Outcome::redraw : Outcome::nothing;
}

std::string LineEditor::take_line() { return std::exchange(line_, {}); }

std::string LineEditor::draw(std::string_view prompt, int width) const {
  const std::string_view text = edit_.text();
  const std::size_t cursor = edit_.cursor();
  const int room = std::max(width - columns(prompt) - 1, 1);
  // The part that fits and has the cursor in it.
  std::size_t begin = 0;
  while (columns(text.substr(begin, cursor - begin)) > room) begin = edit_.after(begin);
  std::size_t end = begin;
  while (end < text.size() && columns(text.substr(begin, edit_.after(end) - begin)) <= room)
    end = edit_.after(end);
  std::string out = "\r\x1b[K";
  out += prompt;
  out += text.substr(begin, end - begin);
  const int behind = columns(text.substr(cursor, std::max(end, cursor) - cursor));
  if (behind > 0) out += "\x1b[" + std::to_string(behind) + 'D';
  return out;
}

}  // namespace moot::app
