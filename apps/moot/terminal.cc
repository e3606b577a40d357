#include "apps/moot/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace moot::app {

RawTerminal::RawTerminal() {
  tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  // What is pasted comes marked, so a line end in it sends nothing.
  std::fputs("\x1b[?2004h", stdout);
  std::fflush(stdout);
}

RawTerminal::~RawTerminal() {
  std::fputs("\x1b[?2004l", stdout);
  std::fflush(stdout);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

int RawTerminal::width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace moot::app
