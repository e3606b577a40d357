#include "server/context.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/check.h"
#include "wire/commands.h"

namespace moot::server {

Conn& ConnTable::add(Conn conn) {
  const ConnId id = conn.id;
  MOOT_CHECK(!all_.contains(id));
  auto& entry = all_.get(id);
  entry.value = std::move(conn);
  if (!entry.value.user.reserved()) by_user_.add(all_, entry);
  by_kid_.add(all_, entry);
  return entry.value;
}

void ConnTable::remove(ConnId id) {
  auto* const entry = all_.find(id);
  MOOT_CHECK(entry != nullptr);
  if (!entry->value.user.reserved()) by_user_.remove(all_, *entry);
  by_kid_.remove(all_, *entry);
  all_.erase(*entry);
}

std::span<const ConnId> ConnTable::of(const UserId& user) const { return by_user_.of(all_, user); }

Conn* ConnTable::of_credential(const Kid& kid) {
  const auto conns = by_kid_.of(all_, kid);
  return conns.empty() ? nullptr : find(conns.back());
}

void Step::send_bulk(Conn& to, const s::Any& cmd, Ticket after) const {
  send(to.id, cmd, after);
  count_bulk(to, cmd, after);
}

void Step::count_bulk(Conn& to, const s::Any& cmd, Ticket after) const {
  Buffer octets;
  wire::encode_fields(octets, cmd);
  Conn::Seldom& of = to.seldom();
  of.bulk += octets.size();
  of.bulk_after = std::max(of.bulk_after, after);
  if (of.bulk > limits::kSendQueueSoftBytes) behind(to);
}

void Step::behind(Conn& conn) const {
  if (conn.behind || conn.closing) return;
  conn.behind = true;
  fx.when_drained(conn.id, conn.seldom().bulk_after);
}

}  // namespace moot::server
