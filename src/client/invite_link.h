#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "client/address.h"
#include "model/ids.h"

namespace moot::client {

// moot://HOST:PORT/#TOKEN (protocol.md 6.1). Secret until it is used up.
struct InviteLink {
  Address address;
  Kid kid;
  KeyBytes key;
  Tls tls;
  std::string srv;
  friend bool operator==(const InviteLink&, const InviteLink&) = default;
};

std::string write_invite_link(const InviteLink& link);
Result<InviteLink> read_invite_link(std::string_view text);

}  // namespace moot::client
