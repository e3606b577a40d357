#include "server/own_copies.h"

#include <algorithm>

#include "base/check.h"

namespace moot::server {

void OwnCopies::stored(const Kid& device, const MessageKey& key, std::uint64_t bytes) {
  Device& d = devices_[device];
  ++d.usage.messages;
  d.usage.bytes += bytes;
  d.order.push_back(key);
}

void OwnCopies::dropped(const Kid& device, const MessageKey& key, std::uint64_t bytes) {
  const auto at = devices_.find(device);
  MOOT_CHECK(at != devices_.end());
  Device& d = at->second;
  const auto place = std::ranges::find(d.order, key);
  MOOT_CHECK(place != d.order.end());
  d.order.erase(place);
  d.usage.bytes -= bytes;
  if (--d.usage.messages == 0) devices_.erase(at);
}

std::optional<MessageKey> OwnCopies::over(const Kid& device, const Usage& bounds) const {
  const auto at = devices_.find(device);
  if (at == devices_.end() || at->second.order.size() < 2) return std::nullopt;
  const Usage& usage = at->second.usage;
  if (usage.messages <= bounds.messages && usage.bytes <= bounds.bytes) return std::nullopt;
  return at->second.order.front();
}

std::map<Kid, OwnCopies::Usage> OwnCopies::usage() const {
  std::map<Kid, Usage> all;
  for (const auto& [device, d] : devices_) all.emplace(device, d.usage);
  return all;
}

}  // namespace moot::server
