#include "apps/moot/stdin_lines.h"

#include <unistd.h>

namespace moot::app {

void StdinLines::read_now() {
  char piece[64 * 1024];
  const ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
  if (n <= 0) at_end_ = true;
  if (n > 0) in_.append(piece, static_cast<std::size_t>(n));
}

std::optional<std::string> StdinLines::take() {
  while (open_) {
    const std::size_t end = in_.find('\n');
    if (end == std::string::npos) {
      if (!at_end_) return std::nullopt;
      open_ = false;
    }
    std::string line = in_.substr(0, end);
    in_.erase(0, end == std::string::npos ? end : end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) return line;
  }
  return std::nullopt;
}

}  // namespace moot::app
