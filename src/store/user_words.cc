#include "store/user_words.h"

#include <algorithm>

namespace moot::store {

std::string join_users(const std::vector<UserId>& users) {
  std::string out;
  for (const UserId& u : users) {
    if (!out.empty()) out += ' ';
    out += u.str();
  }
  return out;
}

std::optional<std::vector<UserId>> split_users(std::string_view words) {
  std::vector<UserId> users;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const auto user = UserId::parse(words.substr(0, end));
    if (!user) return std::nullopt;
    users.push_back(*user);
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return users;
}

}  // namespace moot::store
