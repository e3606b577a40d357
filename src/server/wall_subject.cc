#include "server/wall_subject.h"

#include <charconv>

#include "base/check.h"
#include "base/hex.h"

namespace moot::server {
namespace {

constexpr std::size_t kSpkiHexDigits = 64;

Result<std::string> spki(std::string_view given) {
  std::array<std::uint8_t, kSpkiHexDigits / 2> digest{};
  if (given.size() != kSpkiHexDigits || !unhex_into(given, digest)) {
    return fail(
        "A key's pin is the SHA-256 of its SubjectPublicKeyInfo, 64 lower-case hex digits; make "
        "it with `openssl x509 -in CERT -pubkey -noout | openssl pkey -pubin -outform der | "
        "sha256sum`.");
  }
  return std::string(given);
}

Result<std::string> uri(std::string_view given, const UserId& account) {
  std::string wanted = std::string(kAccountUri) + std::string(account.str());
  if (given == wanted) return wanted;
  return fail("The URI in a certificate of @" + std::string(account.str()) + " is " + wanted +
              " and no other; name that one.");
}

Result<std::string> cn(std::string_view given) {
  const auto id = UserId::parse(given);
  if (!id || id->reserved()) {
    return fail(
        "A CN that is taken has 1 to 32 of a-z 0-9 . _ - and a letter or digit first, and is not "
        "`server` or `invite`; give the certificate such a CN.");
  }
  return std::string(given);
}

Result<std::string> uid(std::string_view given) {
  std::uint32_t n = 0;
  const auto [end, ec] = std::from_chars(given.data(), given.data() + given.size(), n);
  if (ec != std::errc{} || end != given.data() + given.size() || std::to_string(n) != given) {
    return fail("A uid is a whole number without sign or zeros in front; `id -u USER` tells it.");
  }
  if (n == kNobodyUid || n == ~std::uint32_t{0}) {
    return fail("The uid " + std::string(given) +
                " stands for users that the system has no number for; give the person a uid of "
                "their own.");
  }
  return std::string(given);
}

}  // namespace

Result<std::string> wall_subject(CredentialKind kind, std::string_view given,
                                 const UserId& account) {
  switch (kind) {
    case CredentialKind::x509_spki:
      return spki(given);
    case CredentialKind::x509_uri:
      return uri(given, account);
    case CredentialKind::proxy_cn:
      return cn(given);
    case CredentialKind::unix_uid:
      return uid(given);
    case CredentialKind::hmac:
    case CredentialKind::invite:
      break;
  }
  return fail("That kind of credential has a key and no subject.");
}

}  // namespace moot::server
