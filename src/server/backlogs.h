#pragma once

#include <functional>
#include <map>

#include "server/context.h"
#include "server/offline_page.h"

namespace moot::server {

// Messages that were kept for a device, on their way to its connection page by page, in order
// (protocol.md 6.2). While a connection has a backlog nothing is relayed to it: what comes is kept
// behind the rest. Invariant: a backlog that is neither fetching nor has more unacknowledged than
// kBacklogLow has nothing left, and is gone, or its connection is behind with reading.
class Backlogs {
 public:
  bool has(ConnId conn) const { return backlogs_.contains(conn); }
  void begin(const Step& step, Conn& conn);
  void end(ConnId conn) { backlogs_.erase(conn); }

  // `wanted`: the device has neither acknowledged it meanwhile nor did it expire.
  void page(const Step& step, Conn& conn, const OfflinePage& page,
            const std::function<bool(const OfflineCopy&)>& wanted);
  void acknowledged(const Step& step, const Conn& conn);
  // The connection may be sent bulk again.
  void drained(const Step& step, const Conn& conn);
  // Something was kept for this connection's device just now.
  void grew(ConnId conn);

 private:
  struct Backlog {
    std::uint64_t last_seq = 0;
    std::size_t unacknowledged = 0;
    bool more = false;  // the last page said so, or something was stored behind it
    bool fetching = false;
  };

  void fetch_more(const Step& step, const Conn& conn, Backlog& b);

  std::map<ConnId, Backlog> backlogs_;
};

}  // namespace moot::server
