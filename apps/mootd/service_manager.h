#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

// systemd's side of the daemon, by its own plain protocols: datagrams to NOTIFY_SOCKET and the
// sockets behind LISTEN_FDS. Without a service manager all of it does nothing.
namespace moot::mootd {

class ServiceManager {
 public:
  // Of this process's environment.
  static ServiceManager of_environment();

  void ready() const { tell("READY=1"); }
  void reloading(Tick now) const;
  void stopping() const { tell("STOPPING=1"); }
  void beat() const { tell("WATCHDOG=1"); }
  // How often it wants to hear `beat`: half of the time after which it kills. 0: never.
  Millis beat_every() const { return beat_every_; }

 private:
  void tell(const std::string& state) const;
  std::string socket_;
  Millis beat_every_{0};
};

// A listening socket that the service manager bound for us.
struct InheritedSocket {
  int fd = -1;
  std::string address;  // "127.0.0.1:7667", "/run/moot/wall"
  std::string name;     // FileDescriptorName= of its unit; empty: it was not told
  bool at_path() const { return address.starts_with('/'); }
};
// Those of LISTEN_FDS, closed on exec; the variables are gone afterwards. A socket that is no
// listening socket of TCP or at a path is an error.
Result<std::vector<InheritedSocket>> inherited_sockets();

}  // namespace moot::mootd
