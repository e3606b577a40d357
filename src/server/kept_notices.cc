#include "server/kept_notices.h"

#include <algorithm>

namespace moot::server {

KeptNotices::KeptNotices(const ServerSnapshot& stored) {
  for (const KeptNotice& n : stored.notices) {
    notices_[n.author].push_back(n);
    seq_ = std::max(seq_, n.seq);
  }
}

Ticket KeptNotices::put(const Step& step, KeptNotice n) {
  auto& kept = notices_[n.author];
  if (std::ranges::any_of(
          kept, [&](const KeptNotice& k) { return k.msg_id == n.msg_id && k.from == n.from; }))
    return last_;
  if (kept.size() >= limits::kKeptAcksPerAuthor) {
    step.persist(op::DropNotice{n.author, kept.front().seq});
    kept.erase(kept.begin());
  }
  n.seq = ++seq_;
  kept.push_back(n);
  return last_ = step.persist(op::PutNotice{n});
}

void KeptNotices::connected(const Step& step, const Conn& conn) {
  const auto it = notices_.find(conn.user);
  if (it == notices_.end()) return;
  for (const KeptNotice& n : it->second) {
    if (n.expired) {
      step.send(conn.id, nobody_read(n.msg_id));
    } else {
      step.send(conn.id, s::MsgAck{.msg_id = n.msg_id, .from = n.from});
    }
  }
  step.fx.mark(conn.id, it->second.back().seq);
}

void KeptNotices::reached(const Step& step, const UserId& author, std::uint64_t token) {
  const auto it = notices_.find(author);
  if (it == notices_.end() || it->second.front().seq > token) return;
  std::erase_if(it->second, [token](const KeptNotice& n) { return n.seq <= token; });
  if (it->second.empty()) notices_.erase(it);
  step.persist(op::DropNotices{author, token});
}

s::Err nobody_read(const MsgId& id) {
  return {.ref_cmd = c::PvMsg::kTable.name,
          .code = text(Errc::expired),
          .message = "Nobody read the message for 30 days; send it again if it still matters.",
          .id = id};
}

}  // namespace moot::server
