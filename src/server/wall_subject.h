#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/wall.h"

namespace moot::server {

// The subject of a wall identity as an operator writes it, checked and in the one form in which the
// wall will say it; an error names what is wanted (security.md 3.2-3.4). `account`: whose it is.
Result<std::string> wall_subject(CredentialKind kind, std::string_view given,
                                 const UserId& account);

}  // namespace moot::server
