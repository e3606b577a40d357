#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"

namespace moot::client {

// "127.0.0.1:7667", "[::1]:7667", "chat.example:7697", "unix:/run/moot/wall".
struct Address {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string path;  // of a unix socket; then nothing else
  friend bool operator==(const Address&, const Address&) = default;
};
Result<Address> parse_address(std::string_view text);
std::string text(const Address& address);

// Whether nothing but this machine is meant: the only place for plain TCP (security.md R12).
bool is_loopback(const Address& address);

// How the connection is protected.
struct Tls {
  enum class Mode : std::uint8_t { off, system, pin };
  using Pin = Octets<32, struct PinTag>;  // SHA-256 of the server's public key
  Mode mode = Mode::off;
  Pin pin;
  friend bool operator==(const Tls&, const Tls&) = default;
};
// The certificate with which the client shows who it is: PEM files, or none.
struct ClientCertificate {
  std::string cert;
  std::string key;
  friend bool operator==(const ClientCertificate&, const ClientCertificate&) = default;
};

// "off", "system", "pin:<64 hex digits>"; the empty text is "off".
Result<Tls> parse_tls(std::string_view text);
std::string text(const Tls& tls);

// An error when plain TCP would leave this machine.
Status check_protection(const Address& address, const Tls& tls);

// The same behind a wall: nothing is signed, so the address itself has to say who the server is.
Status check_wall(const Address& address, const Tls& tls);

}  // namespace moot::client
