#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.h"

// A list of users in one column: their ids, a space between two.
namespace moot::store {

std::string join_users(const std::vector<UserId>& users);
std::optional<std::vector<UserId>> split_users(std::string_view words);

}  // namespace moot::store
