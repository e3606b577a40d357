#pragma once

#include <termios.h>

namespace moot::app {

// The terminal in raw mode, put back at the end, whatever ends it but SIGKILL.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  static int width();

 private:
  termios before_{};
};

}  // namespace moot::app
