// A program with one of everything the hardening flags act on: an array on the stack and a copy
// whose length the compiler cannot know.
#include <cstring>

int main(int argc, char** argv) {
  char line[64];
  std::strncpy(line, argv[0], static_cast<std::size_t>(argc) * 8);
  return line[0] == '\0' ? 1 : 0;
}
