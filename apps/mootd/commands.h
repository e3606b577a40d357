#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/mootd/config.h"
#include "net/admin.h"
#include "net/admin_wire.h"

namespace moot::mootd {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitBadConfig = 78;

// What an operator's command prints besides its answer.
struct CommandOutput {
  bool json = false;
  std::string key_out;  // a new key file goes there
};

// Runs the command in the server that has the data directory, else on its store; prints the answer.
int run_command(const Config& config, const net::AdminRequest& request,
                const CommandOutput& output);

// The same without printing: what came back, or why nothing did.
Result<net::AdminReply> carry_out(const Config& config, const net::AdminRequest& request);
// The same when a running server was asked already, and this is what it said.
Result<net::AdminReply> carry_out(const Config& config, const net::AdminRequest& request,
                                  Result<std::optional<net::AdminReply>> asked);

int run_restore(const Config& config, const std::string& file);
// Where people reach the server by the configuration alone, one for each listener.
std::vector<net::PublicAddress> configured_addresses(const Config& config);

}  // namespace moot::mootd
