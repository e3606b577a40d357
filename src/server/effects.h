#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "channel/effects.h"
#include "model/commands.h"
#include "model/store_ops.h"

namespace moot::server {

// What the server core wants done, called during a step in the order in which it is to happen.
// Views are valid during the call only. Nothing here may call back into the core: answers come
// as later steps.
class Effects {
 public:
  virtual ~Effects() = default;

  // To each of the connections, which differ; one that is gone by now is skipped. With `after`,
  // once everything up to that ticket is on disk; what waits for one ticket leaves in the order of
  // the calls. Ticket 0: at once.
  virtual void send(Conns to, const s::Any& cmd, Ticket after) = 0;
  // The SINFO of that connection; `ref` answers an INFO or BATCH (protocol.md 5.7).
  virtual void sinfo(ConnId to, std::optional<std::uint64_t> ref, Ticket after) = 0;
  // Signed DCNN, then close, once what is queued before it is flushed.
  virtual void close(ConnId conn, DcnnCode code, std::string_view sentence,
                     std::optional<std::uint64_t> retry_s, Ticket after) = 0;
  // The client said DCNN: flush and close.
  virtual void finish(ConnId conn) = 0;

  // Tickets grow with every call.
  virtual Ticket persist(op::Any op) = 0;
  // Kept messages of a credential, those stored after `after_seq`; -> Core::offline_page.
  virtual void fetch_offline(ConnId conn, const Kid& kid, std::uint64_t after_seq) = 0;
  // A new key for `account`, or the one it has under `existing`; -> Core::key_ready.
  virtual void need_key(ConnId conn, const UserId& account, const std::optional<Kid>& existing) = 0;

  // Remembers the last frame put for this connection under `token`; -> Core::reached when the
  // client's `seen` is at or past it.
  virtual void mark(ConnId conn, std::uint64_t token) = 0;
  virtual void seen(ConnId conn, std::uint64_t nonce) = 0;
  // -> Core::drained, once, as soon as the send queue of the connection is within the soft bound
  // with all in it that was put before this, what waits for `after` included.
  virtual void when_drained(ConnId conn, Ticket after) = 0;
  // Rates (protocol.md 10): stop reading until then.
  virtual void pause(ConnId conn, Tick until) = 0;
  // For whoever counts.
  virtual void happened(ChannelEvent) {}
};

}  // namespace moot::server
