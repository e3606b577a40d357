#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sys/types.h>

// Which groups a process really has: what /etc/group says of its user is what it may have taken at
// its start, and HAProxy takes none of that.
namespace moot::net {

struct ProcessGroups {
  int pid = 0;
  std::uint32_t uid = 0;      // the effective one, as a peer is known by
  std::vector<gid_t> groups;  // the effective one and the further ones
  friend bool operator==(const ProcessGroups&, const ProcessGroups&) = default;
};

// From the text of /proc/PID/status; nothing of a process that has ended, or of another text.
std::optional<ProcessGroups> read_process_groups(std::string_view status);
// Those of a user that this process may see, in the order of their ids.
std::vector<ProcessGroups> processes_of(std::uint32_t uid);

}  // namespace moot::net
