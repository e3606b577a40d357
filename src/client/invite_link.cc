#include "client/invite_link.h"

#include "base/hex.h"
#include "wire/msgpack.h"

namespace moot::client {
namespace {

constexpr std::string_view kScheme = "moot://";
constexpr std::uint8_t kTls = 1;
constexpr std::uint8_t kPin = 2;

}  // namespace

std::string write_invite_link(const InviteLink& link) {
  ByteBuf token;
  append(token, link.kid.bytes());
  append(token, link.key.bytes());
  const bool pin = link.tls.mode == Tls::Mode::pin;
  token.push_back(pin ? kTls | kPin : link.tls.mode == Tls::Mode::system ? kTls : 0);
  if (pin) append(token, link.tls.pin.bytes());
  append(token, as_bytes(link.srv));
  return std::string(kScheme) + text(link.address) + "/#" + base64url(token);
}

Result<InviteLink> read_invite_link(std::string_view given) {
  const auto bad = [] {
    return fail("This is no invitation; paste the whole link, moot://HOST:PORT/#TOKEN, in quotes.");
  };
  const std::size_t hash = given.find("/#");
  if (!given.starts_with(kScheme) || hash == std::string_view::npos) return bad();
  auto address = parse_address(given.substr(kScheme.size(), hash - kScheme.size()));
  if (!address) return std::unexpected(address.error());
  const auto token = unbase64url(given.substr(hash + 2));
  if (!token) return bad();

  InviteLink link;
  link.address = std::move(*address);
  Bytes rest = *token;
  if (rest.size() < Kid::kSize + KeyBytes::kSize + 1) return bad();
  link.kid = Kid::of(rest);
  link.key = KeyBytes::of(rest.subspan(Kid::kSize));
  const std::uint8_t flags = rest[Kid::kSize + KeyBytes::kSize];
  rest = rest.subspan(Kid::kSize + KeyBytes::kSize + 1);
  if (flags == (kTls | kPin)) {
    if (rest.size() < Tls::Pin::kSize) return bad();
    link.tls = {Tls::Mode::pin, Tls::Pin::of(rest)};
    rest = rest.subspan(Tls::Pin::kSize);
  } else if (flags == kTls) {
    link.tls.mode = Tls::Mode::system;
  } else if (flags != 0) {
    return bad();
  }
  if (rest.empty() || rest.size() > limits::kSrvBytesMax ||
      wire::check_text(rest) != wire::ProfileError::ok) {
    return bad();
  }
  link.srv = as_text(rest);
  return link;
}

}  // namespace moot::client
