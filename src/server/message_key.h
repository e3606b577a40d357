#pragma once

#include <compare>
#include <cstddef>

#include "model/id_hash.h"
#include "model/ids.h"

namespace moot::server {

// What names a private message (protocol.md 6.2).
struct MessageKey {
  UserId author;
  MsgId id;
  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};

struct MessageKeyHash {
  std::uint64_t operator()(const MessageKey& k) const {
    return hash_octets(k.id.bytes(), UserHash{}(k.author));
  }
};

}  // namespace moot::server
