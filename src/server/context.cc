#include "server/context.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/check.h"
#include "wire/commands.h"

namespace moot::server {
namespace {
const std::vector<ConnId> kNone;

template <class Key>
void drop(std::map<Key, std::vector<ConnId>>& index, const Key& key, ConnId id) {
  const auto it = index.find(key);
  MOOT_CHECK(it != index.end());
  std::erase(it->second, id);
  if (it->second.empty()) index.erase(it);
}
}  // namespace

Conn& ConnTable::add(Conn conn) {
  const ConnId id = conn.id;
  if (!conn.user.reserved()) by_user_[conn.user].push_back(id);
  by_kid_[conn.kid].push_back(id);
  const auto [it, fresh] = all_.emplace(id, std::move(conn));
  MOOT_CHECK(fresh);
  return it->second;
}

void ConnTable::remove(ConnId id) {
  const auto it = all_.find(id);
  MOOT_CHECK(it != all_.end());
  if (!it->second.user.reserved()) drop(by_user_, it->second.user, id);
  drop(by_kid_, it->second.kid, id);
  all_.erase(it);
}

const std::vector<ConnId>& ConnTable::of(const UserId& user) const {
  const auto it = by_user_.find(user);
  return it == by_user_.end() ? kNone : it->second;
}

Conn* ConnTable::of_credential(const Kid& kid) {
  const auto it = by_kid_.find(kid);
  return it == by_kid_.end() ? nullptr : find(it->second.back());
}

void Step::send_bulk(Conn& to, const s::Any& cmd, Ticket after) const {
  send(to.id, cmd, after);
  count_bulk(to, cmd, after);
}

void Step::count_bulk(Conn& to, const s::Any& cmd, Ticket after) const {
  Buffer octets;
  wire::encode_fields(octets, cmd);
  to.bulk += octets.size();
  to.bulk_after = std::max(to.bulk_after, after);
  if (to.bulk > limits::kSendQueueSoftBytes) behind(to);
}

void Step::behind(Conn& conn) const {
  if (conn.behind || conn.closing) return;
  conn.behind = true;
  fx.when_drained(conn.id, conn.bulk_after);
}

}  // namespace moot::server
