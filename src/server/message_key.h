#pragma once

#include <compare>
#include <cstddef>
#include <functional>

#include "model/ids.h"

namespace moot::server {

// What names a private message (protocol.md 6.2).
struct MessageKey {
  UserId author;
  MsgId id;
  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};

struct MessageKeyHash {
  std::size_t operator()(const MessageKey& k) const {
    return std::hash<UserId>{}(k.author) ^ std::hash<MsgId>{}(k.id);
  }
};

}  // namespace moot::server
