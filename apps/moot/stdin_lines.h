#pragma once

#include <optional>
#include <string>

namespace moot::app {

// Standard input, line by line, for a loop that waits for other things as well.
class StdinLines {
 public:
  explicit StdinLines(bool open) : open_(open) {}

  // Lines may still come.
  bool open() const { return open_; }
  // Nothing more can be read: no need to wait for it.
  bool at_end() const { return at_end_; }
  // Reads what is there. REQUIRES: it is readable, or it blocks.
  void read_now();
  // The next line that is not empty, of those that were read whole. Without one: `open` tells
  // whether to read on.
  std::optional<std::string> take();

 private:
  bool open_;
  bool at_end_ = false;
  std::string in_;
};

}  // namespace moot::app
