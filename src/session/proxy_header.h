#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace moot::session {

// What a listener asks of the front's header (security.md 3.3).
struct ProxyRules {
  bool allow_resumption = false;  // also a TLS session that did not prove its certificate anew
  bool require_crc32c = false;
  friend bool operator==(const ProxyRules&, const ProxyRules&) = default;
};

// Why a header is not taken.
enum class ProxyFault : std::uint8_t {
  none,
  signature,  // not the twelve octets of version 2: no header, or one of version 1
  command,    // neither LOCAL nor PROXY, or another version
  length,     // more than kProxyHeaderBytesMax
  family,     // no TCP over IPv4 or IPv6, or cut short
  tiling,     // the TLVs do not fill their place exactly
  checksum,
  no_tls,    // no SSL TLV, several, or one that says the client spoke no TLS
  unproven,  // no certificate, one that did not verify, or a resumed session
  version,   // not TLS 1.3
  cn,        // no CN, several, or one that is no id
};
std::string_view text(ProxyFault fault);

// PROXY protocol version 2, as a front says who its client is.
struct ProxyHeader {
  enum class Kind : std::uint8_t {
    more,     // `octets` of the stream are needed to go on, in all
    local,    // a front's own check: never a session
    client,   // of the client who proved to be `cn`
    refused,  // see `fault`
  };
  Kind kind = Kind::more;
  std::size_t octets = 0;  // of the header; behind them the client speaks
  ProxyFault fault = ProxyFault::none;
  std::string_view cn;  // inside the octets that were read
  bool v6 = false;
  std::array<std::uint8_t, 16> source{};  // the first 4 where it is IPv4
};

// The header at the front of a stream. Total, strict and without a state: it is asked again when
// more octets are there. Nothing is ever taken for a second header, nor for one that may be there
// or not.
ProxyHeader read_proxy_header(Bytes octets, const ProxyRules& rules);

// Castagnoli's: of a header whose checksum reads as zeros.
std::uint32_t crc32c(Bytes octets, std::uint32_t so_far = 0);

}  // namespace moot::session
