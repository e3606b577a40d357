#pragma once

#include <string>
#include <string_view>

#include "model/store_ops.h"

// Identities that something in front of the frames vouches for (security.md 3).
namespace moot {

// A kind of credential that has a subject and no key.
constexpr bool is_wall(CredentialKind kind) {
  return kind != CredentialKind::hmac && kind != CredentialKind::invite;
}

// Who is at the other end of a connection, as it stands in a credential record: a user of the
// system, a certificate's key, its URI or its CN.
struct WallIdentity {
  CredentialKind kind = CredentialKind::unix_uid;
  std::string subject;
  friend bool operator==(const WallIdentity&, const WallIdentity&) = default;
};

// The one URI that a certificate may name an account by, followed by the user id.
inline constexpr std::string_view kAccountUri = "moot:account/";

// What a kernel shows for every user it has no number for: never anybody (security.md 3.4).
inline constexpr std::uint32_t kNobodyUid = 65'534;

}  // namespace moot
