#include "channel/attendance.h"

#include <algorithm>

#include "base/check.h"

namespace moot {

const Attached* Attendance::find(ConnId conn) const {
  const auto at = sessions_.find(conn);
  return at == sessions_.end() ? nullptr : &at->second;
}

Attached* Attendance::find(ConnId conn) {
  const auto at = sessions_.find(conn);
  return at == sessions_.end() ? nullptr : &at->second;
}

void Attendance::attach(ConnId conn, Attached session) {
  MOOT_CHECK(!sessions_.contains(conn));
  session.seq = next_seq();
  of_[session.user].insert(conn);
  online_.insert(session.user);
  conns_.insert(std::lower_bound(conns_.begin(), conns_.end(), conn), conn);
  sessions_.emplace(conn, session);
}

bool Attendance::detach(ConnId conn) {
  const auto at = sessions_.find(conn);
  MOOT_CHECK(at != sessions_.end());
  const UserId user = at->second.user;
  sessions_.erase(at);
  conns_.erase(std::lower_bound(conns_.begin(), conns_.end(), conn));
  const auto of = of_.find(user);
  of->second.erase(conn);
  if (!of->second.empty()) return false;
  of_.erase(of);
  online_.erase(user);
  return true;
}

std::vector<ConnId> Attendance::conns_of(const UserId& user) const {
  const auto at = of_.find(user);
  if (at == of_.end()) return {};
  return {at->second.begin(), at->second.end()};
}

void Attendance::check_invariants() const {
  MOOT_CHECK(conns_.size() == sessions_.size());
  MOOT_CHECK(online_.size() == of_.size());
  std::size_t n = 0;
  for (const auto& [conn, session] : sessions_) {
    MOOT_CHECK(conns_[n++] == conn);
    MOOT_CHECK(online_.contains(session.user));
    MOOT_CHECK(of_.at(session.user).contains(conn));
  }
}

}  // namespace moot
