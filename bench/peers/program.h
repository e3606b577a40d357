#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "store/temp_dir.h"

namespace moot::bench {

// Somebody else's server on a free port of loopback, alone on the first processor of this process's
// set, with a directory of its own. Ends and cleans up with the object.
class Program {
 public:
  // `config` is a template: @PORT@ and @DIR@ in it and in `args` are replaced, the result is the
  // file @DIR@/NAME of `config_name` (empty: none). Waits until the port answers.
  Program(const std::string& name, std::vector<std::string> args, const std::string& config_name,
          std::string config);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::uint16_t port() const { return port_; }
  double cpu_seconds() const;  // user and system, all its processes and threads
  std::uint64_t resident_bytes() const;

 private:
  std::vector<pid_t> processes() const;

  std::string name_;
  store::TempDir dir_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace moot::bench
