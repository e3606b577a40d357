#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/program.h"

namespace moot::bench {

// A server that does the same work, and how to run it.
struct PeerServer {
  std::string name;                  // as the tables say it
  std::vector<std::string> args;     // @PORT@, @DIR@
  std::string config_name;           // file of bench/peers/config, empty: none
  std::vector<std::string> version;  // a command that prints it
  MakePeer make;
  std::size_t share = 1;  // takes one of so many messages: slow ones would hold up the others

  std::unique_ptr<Program> start(const std::string& config_dir) const;
  // The first number with dots that the command prints; empty when there is no such program.
  std::string version_text() const;
};

// The bare relay first, then those that Debian has. `bin_dir` is where bench-relay is.
std::vector<PeerServer> peer_servers(const std::string& bin_dir);

}  // namespace moot::bench
