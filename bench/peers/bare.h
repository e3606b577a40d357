#pragma once

#include <cstdint>

// The bare relay's frames: to whom (4 octets, big endian), how many octets (4), octets.
namespace moot::bench::bare {

constexpr std::size_t kHeaderOctets = 8;
constexpr std::uint32_t kAll = 0xFFFFFFFF;   // to everybody who joined, but the sender
constexpr std::uint32_t kJoin = 0xFFFFFFFE;  // no octets follow
constexpr std::uint32_t kName = 0xFFFFFFFD;  // four octets: the sender's number
constexpr std::uint32_t kDone = 0xFFFFFFFC;  // to the client: named, joined

}  // namespace moot::bench::bare
