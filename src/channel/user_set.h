#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "model/ids.h"

namespace moot {

// Users in order, each once. A flat list: a snapshot of who is online is one copy.
class UserSet {
 public:
  UserSet() = default;
  UserSet(std::initializer_list<UserId> users) {
    for (const UserId& user : users) insert(user);
  }

  bool contains(const UserId& user) const {
    return std::binary_search(users_.begin(), users_.end(), user);
  }
  // Whether it was not there before.
  bool insert(const UserId& user) {
    const auto at = std::lower_bound(users_.begin(), users_.end(), user);
    if (at != users_.end() && *at == user) return false;
    users_.insert(at, user);
    return true;
  }
  bool erase(const UserId& user) {
    const auto at = std::lower_bound(users_.begin(), users_.end(), user);
    if (at == users_.end() || *at != user) return false;
    users_.erase(at);
    return true;
  }
  std::size_t count_in(const UserSet& other) const {
    return static_cast<std::size_t>(std::count_if(
        users_.begin(), users_.end(), [&](const UserId& u) { return other.contains(u); }));
  }
  std::size_t size() const { return users_.size(); }
  bool empty() const { return users_.empty(); }
  void clear() { users_.clear(); }
  auto begin() const { return users_.begin(); }
  auto end() const { return users_.end(); }
  const std::vector<UserId>& list() const { return users_; }
  friend bool operator==(const UserSet&, const UserSet&) = default;

 private:
  std::vector<UserId> users_;
};

}  // namespace moot
