#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "server/message_key.h"

namespace moot::server {

// Of what its owner wrote on other devices: the copies on disk for a device that is away, oldest
// first. They are kept up to the bounds of a queue; beyond them the oldest make room, for nobody
// else waits for them and the device that wrote them has them (protocol.md 6.2).
class OwnCopies {
 public:
  struct Usage {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const Usage&, const Usage&) = default;
  };

  void stored(const Kid& device, const MessageKey& key, std::uint64_t bytes);
  // `key` was stored and is not on disk any more.
  void dropped(const Kid& device, const MessageKey& key, std::uint64_t bytes);
  // The device's oldest, when it has more than the bounds allow and more than one.
  std::optional<MessageKey> over(const Kid& device, const Usage& bounds) const;

  // Of the devices that have any.
  std::map<Kid, Usage> usage() const;

 private:
  struct Device {
    Usage usage;
    std::deque<MessageKey> order;  // as stored; acknowledged mostly from the front
  };
  std::map<Kid, Device> devices_;
};

}  // namespace moot::server
