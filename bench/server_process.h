#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "store/temp_dir.h"

namespace moot::bench {

// A real mootd with an empty data directory of its own, alone on the first processor of this
// process's set. Ends and cleans up with the object.
class ServerProcess {
 public:
  ServerProcess(const std::string& bin_dir, std::vector<std::string> extra_args);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Ends it and starts it anew on the same data: what setting up has left in memory is gone.
  void restart();
  std::uint16_t port() const { return port_; }
  std::uint16_t tls_port() const { return tls_port_; }  // 0: it has none
  double cpu_seconds() const;                           // user and system, all its threads
  std::uint64_t resident_bytes() const;
  // Runs a mootd command on its data directory; what it printed. Ends this program when it fails.
  std::string admin(const std::string& args) const;

 private:
  void start();
  void stop();

  std::string bin_dir_;
  std::vector<std::string> extra_args_;
  store::TempDir dir_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
};

// The processor for the server and the one for the load, as far as there are two.
void pin_to_server_processor();
void pin_to_load_processor();

}  // namespace moot::bench
