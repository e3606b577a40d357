#include "client/address.h"

#include <algorithm>
#include <charconv>

#include "base/hex.h"

namespace moot::client {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kPathMax = 107;  // what a socket's name has room for

bool host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}
bool v6_char(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.' || c == '%';
}

}  // namespace

Result<Address> parse_address(std::string_view given) {
  const auto bad = [&] {
    return fail("\"" + std::string(given) +
                "\" is no address; write HOST:PORT, as in 127.0.0.1:7667 or [::1]:7667.");
  };
  if (given.starts_with(kUnix)) {
    const std::string_view path = given.substr(kUnix.size());
    if (path.size() < 2 || path[0] != '/' || path.size() > kPathMax || path.contains('\0') ||
        path.contains("/#")) {
      return fail("\"" + std::string(given) +
                  "\" is no address; a unix socket is named by its whole path, as in "
                  "unix:/run/moot/wall.");
    }
    return Address{.path = std::string(path)};
  }
  const std::size_t colon = given.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || given.size() > 300) return bad();
  std::string_view host = given.substr(0, colon);
  const std::string_view digits = given.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
    // Without a colon it would be written without brackets, and mean something else.
    if (!std::ranges::all_of(host, v6_char) || !host.contains(':')) return bad();
  } else if (!std::ranges::all_of(host, host_char)) {
    return bad();
  }
  Address address;
  address.host = host;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc{} || stop != digits.data() + digits.size() || address.port == 0)
    return bad();
  return address;
}

std::string text(const Address& address) {
  if (!address.path.empty()) return std::string(kUnix) + address.path;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

bool is_loopback(const Address& address) {
  if (!address.path.empty()) return true;
  if (address.host == "localhost" || address.host == "::1") return true;
  // 127/8 in its dotted form only: "127.example.org" is a name somebody else may own.
  return address.host.starts_with("127.") && std::ranges::all_of(address.host, [](char c) {
           return c == '.' || (c >= '0' && c <= '9');
         });
}

Result<Tls> parse_tls(std::string_view given) {
  Tls tls;
  if (given.empty() || given == "off") return tls;
  if (given == "system") {
    tls.mode = Tls::Mode::system;
    return tls;
  }
  constexpr std::string_view kPin = "pin:";
  if (given.starts_with(kPin) && given.size() == kPin.size() + 2 * Tls::Pin::kSize &&
      unhex_into(given.substr(kPin.size()), tls.pin.octets)) {
    tls.mode = Tls::Mode::pin;
    return tls;
  }
  return fail("`tls` must be \"off\", \"system\" or \"pin:\" and 64 lower-case hex digits.");
}

std::string text(const Tls& tls) {
  switch (tls.mode) {
    case Tls::Mode::system:
      return "system";
    case Tls::Mode::pin:
      return "pin:" + hex(tls.pin.bytes());
    case Tls::Mode::off:
      break;
  }
  return "off";
}

Status check_protection(const Address& address, const Tls& tls) {
  if (!address.path.empty() && tls.mode != Tls::Mode::off)
    return fail("A unix socket is spoken to without TLS; set `tls` to \"off\".");
  if (tls.mode != Tls::Mode::off || is_loopback(address)) return {};
  return fail("Plain TCP to " + text(address) +
              " would leave this machine; use the server's TLS address and set `tls`.");
}

Status check_wall(const Address& address, const Tls& tls) {
  if (!address.path.empty() || tls.mode != Tls::Mode::off) return check_protection(address, tls);
  return fail(
      "Behind a wall frames are not signed; use a unix socket, or a TLS address and set `tls`.");
}

}  // namespace moot::client
