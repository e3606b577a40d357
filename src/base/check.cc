#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace moot {
void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "moot: this is a bug: %s is false at %s:%d\n", what, file, line);
  std::abort();
}
}  // namespace moot
