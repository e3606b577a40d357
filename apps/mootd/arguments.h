#pragma once

#include <string>

#include "model/wall.h"

// What can be known to be wrong of an operator's command before anything is opened: exit 2. Each
// says what is wrong, or nothing.
namespace moot::mootd {

// "@ada" or "ada" as "ada".
std::string bare(std::string id);
std::string check_user(const std::string& id);
std::string check_kid(const std::string& kid);
std::string check_duration(const std::string& text);
std::string check_lifetime(const std::string& text);  // a duration that is not over at once
std::string check_uses(const std::string& text);
std::string check_role(const std::string& text);
// Whom a wall vouches for; what depends on the account is known later.
std::string check_wall(CredentialKind kind, const std::string& subject);

}  // namespace moot::mootd
