#pragma once

#include <cstdint>

namespace moot::server {

// Who learns of whom (protocol.md 6.1): everybody; those who share a channel; nobody.
enum class PresenceMode : std::uint8_t { all, shared, off };

}  // namespace moot::server
