#include "server/backlogs.h"

namespace moot::server {
namespace {

// The next page is read when fewer than this many of the last are unacknowledged.
constexpr std::size_t kBacklogLow = 128;

}  // namespace

void Backlogs::begin(const Step& step, Conn& conn) {
  Backlog& b = backlogs_[conn.id];
  b.more = true;
  fetch_more(step, conn, b);
}

void Backlogs::fetch_more(const Step& step, const Conn& conn, Backlog& b) {
  if (b.fetching || b.unacknowledged >= kBacklogLow) return;
  if (!b.more) {
    // All of it is with the client; from here messages are relayed as they come.
    backlogs_.erase(conn.id);
    return;
  }
  if (conn.behind) return;
  b.fetching = true;
  b.more = false;
  step.fx.fetch_offline(conn.id, conn.kid, b.last_seq);
}

void Backlogs::page(const Step& step, Conn& conn, const OfflinePage& page,
                    const std::function<bool(const OfflineCopy&)>& wanted) {
  const auto it = backlogs_.find(conn.id);
  if (it == backlogs_.end()) return;
  Backlog& b = it->second;
  b.fetching = false;
  b.more = b.more || page.more;
  for (const OfflinePage::Row& row : page.rows) {
    b.last_seq = row.seq;
    const OfflineCopy& c = row.copy;
    if (!wanted(c)) continue;
    s::Msg msg{.from = c.author, .msg_id = c.msg_id, .msg = c.msg, .sent = c.msg_id.time().ms};
    if (c.own) msg.to = c.recipient;
    conn.causes.sent_private();
    step.send_bulk(conn, msg);
    ++b.unacknowledged;
  }
  fetch_more(step, conn, b);
}

void Backlogs::acknowledged(const Step& step, const Conn& conn) {
  const auto it = backlogs_.find(conn.id);
  if (it == backlogs_.end()) return;
  if (it->second.unacknowledged > 0) --it->second.unacknowledged;
  fetch_more(step, conn, it->second);
}

void Backlogs::drained(const Step& step, const Conn& conn) {
  const auto it = backlogs_.find(conn.id);
  if (it != backlogs_.end()) fetch_more(step, conn, it->second);
}

void Backlogs::grew(ConnId conn) {
  if (const auto it = backlogs_.find(conn); it != backlogs_.end()) it->second.more = true;
}

}  // namespace moot::server
