#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/certificates.h"
#include "bench/driver.h"
#include "bench/server_process.h"
#include "store/temp_dir.h"

namespace moot::bench {

// Which one: a front that tells CNs, which this process is; the kernel that tells uids, which this
// process has one after the other; certificates at mootd itself.
enum class WallKind : std::uint8_t { proxy, local, tls };
std::optional<WallKind> wall_named(std::string_view name);

// A wall of a server under test and who comes through it. What fails ends the program.
class Wall {
 public:
  explicit Wall(WallKind kind);
  // What a server needs to have it, in addition.
  std::vector<std::string> server_args(std::vector<std::string> args) const;
  // Once the server listens.
  void ready(const ServerProcess& server);
  // Accounts u0, u1, ... with a record each.
  std::vector<Identity> enrol(const ServerProcess& server, std::size_t n);
  Link connect(const Identity& who) const;
  std::string what() const {
    return kind_ == WallKind::proxy ? "CN" : kind_ == WallKind::local ? "uid" : "certificate";
  }

 private:
  std::string path() const { return dir_ / "wall"; }
  // Of `user add`, for the i-th one.
  std::string record_option(std::size_t i);

  const WallKind kind_;
  store::TempDir dir_;
  std::optional<Certificates> people_;
  std::uint16_t port_ = 0;
};

}  // namespace moot::bench
