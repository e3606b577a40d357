#include "net/process_groups.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace moot::net {
namespace {

std::optional<std::string_view> line_of(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const std::size_t end = std::min(status.find('\n'), status.size());
    const std::string_view line = status.substr(0, end);
    if (line.starts_with(name)) return line.substr(name.size());
    status.remove_prefix(std::min(end + 1, status.size()));
  }
  return std::nullopt;
}

// The numbers of a line, between spaces and tabs.
std::vector<std::uint32_t> numbers_of(std::string_view line) {
  std::vector<std::uint32_t> all;
  const char* at = line.data();
  const char* const end = at + line.size();
  while (at != end) {
    std::uint32_t n = 0;
    const auto [next, error] = std::from_chars(at, end, n);
    if (error == std::errc{}) all.push_back(n);
    at = next == at ? at + 1 : next;
  }
  return all;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::optional<ProcessGroups> read_process_groups(std::string_view status) {
  const auto state = line_of(status, "State:\t");
  const auto pid = line_of(status, "Pid:\t");
  const auto uids = line_of(status, "Uid:\t");  // real, effective, saved, of files
  const auto gids = line_of(status, "Gid:\t");
  const auto groups = line_of(status, "Groups:\t");
  if (!state || !pid || !uids || !gids || !groups) return std::nullopt;
  if (state->starts_with('Z') || state->starts_with('X')) return std::nullopt;
  const auto id = numbers_of(*pid);
  const auto uid = numbers_of(*uids);
  const auto gid = numbers_of(*gids);
  if (id.size() != 1 || uid.size() != 4 || gid.size() != 4) return std::nullopt;
  ProcessGroups p{.pid = static_cast<int>(id[0]), .uid = uid[1], .groups = {gid[1]}};
  std::ranges::copy(numbers_of(*groups), std::back_inserter(p.groups));
  return p;
}

std::vector<ProcessGroups> processes_of(std::uint32_t uid) {
  std::vector<ProcessGroups> all;
  std::error_code no;
  for (std::filesystem::directory_iterator at("/proc", no), end; !no && at != end;
       at.increment(no)) {
    const std::string name = at->path().filename();
    if (name.empty() || name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto p = read_process_groups(content_of(at->path() / "status"));
    if (p && p->uid == uid) all.push_back(std::move(*p));
  }
  std::ranges::sort(all, {}, &ProcessGroups::pid);
  return all;
}

}  // namespace moot::net
