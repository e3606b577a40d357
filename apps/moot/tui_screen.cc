#include "apps/moot/tui_screen.h"

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include "apps/moot/show.h"
#include "apps/moot/utf8.h"

namespace moot::app::tui {
namespace {

// Octets of one paste; over: the rest of it is not taken.
constexpr std::size_t kPasteMax = 64 * 1024;
constexpr std::string_view kPasteEndMark = "\x1b[201~";
// How long an escape sequence may take to arrive whole.
constexpr int kEscapeMs = 50;

enum Special : int {
  kPasteBegin = KEY_MAX + 1,
  kPasteEnd,
  kFirstArrow,  // alt: up down right left, then ctrl
};

constexpr std::array<Key::Code, 4> kArrows{Key::Code::up, Key::Code::down, Key::Code::right,
                                           Key::Code::left};

// What terminals send that no terminfo entry of Debian names.
void define_keys() {
  define_key("\x1b[200~", kPasteBegin);
  define_key("\x1b[201~", kPasteEnd);
  for (int i = 0; i < 4; ++i) {
    const auto letter = static_cast<char>('A' + i);
    define_key((std::string("\x1b[1;3") + letter).c_str(), kFirstArrow + i);
    define_key((std::string("\x1b\x1b[") + letter).c_str(), kFirstArrow + i);
    define_key((std::string("\x1b\x1bO") + letter).c_str(), kFirstArrow + i);
    define_key((std::string("\x1b[1;5") + letter).c_str(), kFirstArrow + 4 + i);
  }
  // In either mode of the keypad.
  define_key("\x1b[A", KEY_UP);
  define_key("\x1b[B", KEY_DOWN);
  define_key("\x1b[C", KEY_RIGHT);
  define_key("\x1b[D", KEY_LEFT);
  define_key("\x1b[H", KEY_HOME);
  define_key("\x1b[F", KEY_END);
  define_key("\x1b[1~", KEY_HOME);
  define_key("\x1b[4~", KEY_END);
  define_key("\x1b[3~", KEY_DC);
  define_key("\x1b[5~", KEY_PPAGE);
  define_key("\x1b[6~", KEY_NPAGE);
}

std::optional<Key> special_key(int c) {
  using Code = Key::Code;
  if (c >= kFirstArrow && c < kFirstArrow + 8) {
    const bool alt = c < kFirstArrow + 4;
    return Key{.code = kArrows[static_cast<std::size_t>((c - kFirstArrow) % 4)],
               .alt = alt,
               .ctrl = !alt,
               .text = {}};
  }
  switch (c) {
    case KEY_UP:
      return Key{.code = Code::up, .text = {}};
    case KEY_DOWN:
      return Key{.code = Code::down, .text = {}};
    case KEY_LEFT:
      return Key{.code = Code::left, .text = {}};
    case KEY_RIGHT:
      return Key{.code = Code::right, .text = {}};
    case KEY_HOME:
      return Key{.code = Code::home, .text = {}};
    case KEY_END:
      return Key{.code = Code::end, .text = {}};
    case KEY_PPAGE:
      return Key{.code = Code::page_up, .text = {}};
    case KEY_NPAGE:
      return Key{.code = Code::page_down, .text = {}};
    case KEY_DC:
      return Key{.code = Code::del, .text = {}};
    case KEY_BACKSPACE:
      return Key{.code = Code::backspace, .text = {}};
    case KEY_ENTER:
      return Key{.code = Code::enter, .text = {}};
    case KEY_BTAB:
      return Key{.code = Code::tab, .text = {}};
    default:
      return std::nullopt;
  }
}

Key plain_key(unsigned c) {
  using Code = Key::Code;
  if (c == '\r') return {.code = Code::enter, .text = {}};
  if (c == '\t') return {.code = Code::tab, .text = {}};
  if (c == 0x7f || c == 0x08) return {.code = Code::backspace, .text = {}};
  Key key;
  if (c < 0x20) {
    key.ctrl = true;
    key.text = static_cast<char>('a' + c - 1);
  } else {
    append_utf8(key.text, c);
  }
  return key;
}

attr_t attributes(const Style& style, bool colour) {
  attr_t out = A_NORMAL;
  if (style.bold) out |= A_BOLD;
  if (style.dim) out |= A_DIM;
  if (style.reverse) out |= A_REVERSE;
  if (style.underline) out |= A_UNDERLINE;
  if (style.colour == kAlarm) out |= A_BOLD;
  if (colour && style.colour != 0)
    out |= static_cast<attr_t>(COLOR_PAIR(style.colour == kAlarm ? COLOR_RED : style.colour));
  return out;
}

// A character as this computer's libc measures it; where it knows another width than the grid, or
// none, the place keeps its width and shows that something is there.
void put_cell(int row, int column, const Cell& cell, attr_t attrs) {
  wchar_t text[CCHARW_MAX + 1] = {};
  std::size_t n = 0;
  int width = 1;
  for (std::string_view rest = cell.text; !rest.empty();) {
    const CodePoint c = next_code_point(rest);
    rest.remove_prefix(c.octets);
    const auto w = static_cast<wchar_t>(c.valid ? c.code : 0xfffd);
    if (n == 0) {
      width = app::columns(c.code);
      text[n++] = wcwidth(w) == width ? w : L'\xfffd';
    } else if (n < CCHARW_MAX && wcwidth(w) == 0) {
      text[n++] = w;
    }
  }
  cchar_t drawn;
  if (setcchar(&drawn, text, attrs & A_ATTRIBUTES & ~A_COLOR,
               static_cast<short>(PAIR_NUMBER(attrs)), nullptr) == OK) {
    mvadd_wch(row, column, &drawn);
  }
  if (width == 2 && text[0] == L'\xfffd') mvaddch(row, column + 1, ' ');
}

}  // namespace

std::unique_ptr<Screen> Screen::open() {
  // What moot shows is UTF-8, whatever the programs of this terminal speak else.
  setlocale(LC_CTYPE, "");
  if (std::string_view(nl_langinfo(CODESET)) != "UTF-8") setlocale(LC_CTYPE, "C.UTF-8");
  set_escdelay(kEscapeMs);
  if (newterm(nullptr, stdout, stdin) == nullptr) return nullptr;
  const char* places = tigetstr("cup");
  if (places == nullptr || places == reinterpret_cast<const char*>(-1)) {
    endwin();
    return nullptr;
  }
  std::unique_ptr<Screen> screen(new Screen);
  raw();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  define_keys();
  screen->colour_ = colour_wanted(STDOUT_FILENO) && has_colors();
  if (screen->colour_) {
    start_color();
    use_default_colors();
    for (short c = COLOR_RED; c <= COLOR_CYAN; ++c) init_pair(c, c, -1);
  }
  // What is pasted comes marked, so a line end in it sends nothing.
  std::fputs("\x1b[?2004h", stdout);
  std::fflush(stdout);
  return screen;
}

Screen::~Screen() {
  endwin();
  std::fputs("\x1b[?2004l", stdout);
  std::fflush(stdout);
}

Size Screen::size() const { return {getmaxy(stdscr), getmaxx(stdscr)}; }

Size Screen::resized() {
  winsize now{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0)
    resizeterm(now.ws_row, now.ws_col);
  redraw();
  return size();
}

void Screen::draw(const Grid& grid) {
  const Size shown = size();
  erase();
  for (int row = 0; row < std::min(shown.rows, grid.size().rows); ++row) {
    for (int column = 0; column < std::min(shown.columns, grid.size().columns); ++column) {
      const Cell& cell = grid.at(row, column);
      if (!cell.text.empty()) put_cell(row, column, cell, attributes(cell.style, colour_));
    }
  }
  move(grid.cursor_row, grid.cursor_column);
  refresh();
}

void Screen::redraw() { clearok(curscr, TRUE); }
void Screen::bell() { beep(); }

std::optional<Key> Screen::paste(unsigned c, bool special) {
  if (special && c == static_cast<unsigned>(kPasteEnd)) {
    pasting_ = false;
    pasted_.resize(std::min(pasted_.size(), kPasteMax));
    return Key{.code = Key::Code::paste, .text = std::exchange(pasted_, {})};
  }
  if (special) return std::nullopt;
  append_utf8(pasted_, c);
  // The mark came in pieces, too slowly to be taken for a key.
  if (!pasted_.ends_with(kPasteEndMark)) {
    // What is over goes, but for what may be the begin of the mark.
    if (pasted_.size() > kPasteMax + kPasteEndMark.size())
      pasted_.erase(kPasteMax, pasted_.size() - kPasteMax - kPasteEndMark.size());
    return std::nullopt;
  }
  pasted_.resize(std::min(pasted_.size() - kPasteEndMark.size(), kPasteMax));
  pasting_ = false;
  return Key{.code = Key::Code::paste, .text = std::exchange(pasted_, {})};
}

std::optional<Key> Screen::read() {
  for (;;) {
    wint_t c = 0;
    const int got = get_wch(&c);
    if (got == ERR) {
      pollfd in{STDIN_FILENO, POLLIN, 0};
      ended_ = poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR)) != 0;
      return std::nullopt;
    }
    const bool special = got == KEY_CODE_YES;
    if (pasting_) {
      if (auto key = paste(c, special)) return key;
    } else if (special && static_cast<int>(c) == kPasteBegin) {
      pasting_ = true;
    } else if (special) {
      if (auto key = special_key(static_cast<int>(c))) return key;
    } else if (c == 0x1b) {
      // The begin of a chord, or the key of that name when nothing follows.
      wint_t next = 0;
      const int more = get_wch(&next);
      if (more == ERR) return Key{.code = Key::Code::escape, .text = {}};
      auto key = more == KEY_CODE_YES ? special_key(static_cast<int>(next)) : plain_key(next);
      if (!key) continue;
      key->alt = true;
      return key;
    } else if (c != 0) {
      return plain_key(c);
    }
  }
}

}  // namespace moot::app::tui
