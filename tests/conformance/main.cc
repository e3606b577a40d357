#include <cstdio>

#include "tests/conformance/group.h"

// moot_vectors DIR: checks this build against every vector in DIR (tests/vectors). Prints a line
// for each group; exit code 1 on any mismatch. Also compiles for wasm32-wasi.
int main(int argc, char** argv) {
  using namespace moot::vectors;
  if (argc != 2) {
    std::fprintf(stderr, "usage: moot_vectors DIR\n");
    return 2;
  }
  const std::string dir = argv[1];
  bool good = true;
  for (const auto check :
       {check_frames, check_invalid_frames, check_macs, check_payloads, check_identifiers,
        check_key_files, check_records, check_nonces, check_sessions}) {
    good = check(dir) && good;
  }
  return good ? 0 : 1;
}
