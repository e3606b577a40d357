#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "model/codes.h"
#include "model/commands.h"
#include "model/ids.h"
#include "model/store_ops.h"

namespace moot {

using Conns = std::span<const ConnId>;

// What an ERR says beyond its code and sentence; the caller adds the reference to the frame.
struct ErrDetail {
  std::optional<ChannelId> channel;
  std::optional<MsgOrUser> id;
  std::optional<std::uint64_t> now;  // ms
  std::optional<std::uint64_t> retry_ms;
};

// What is worth counting about channels; `refused` is a candidate whom a vote refused.
enum class ChannelEvent : std::uint8_t { commit, merge, elected, refused, deposed };
inline constexpr std::size_t kChannelEvents = 5;

// What the server's side of channels wants done, called during a step in the order in which it is
// to happen. Every view is valid during the call only. Nothing here may call back into Channels.
class ChannelEffects {
 public:
  virtual ~ChannelEffects() = default;

  // To each of the connections, which differ; one of them that is gone by now is skipped.
  virtual void send(Conns to, const s::Any& cmd) = 0;
  // As `send`, once everything up to `after` is on disk. What waits for one ticket leaves in the
  // order of the calls, and before Channels::committed is told of that ticket.
  virtual void send_after(Ticket after, Conns to, const s::Any& cmd) = 0;
  // Tickets grow with every call.
  virtual Ticket persist(op::Any op) = 0;
  // Refuses the command in hand.
  virtual void err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) = 0;
  // Channels has forgotten what the connection was attached to; `disconnected` still comes.
  virtual void disconnect(ConnId conn, DcnnCode code, std::string_view sentence) = 0;
  // The connection's candidacy was put to the vote and refused, which has a rate (protocol.md 10).
  virtual void refused_candidate(ConnId) {}
  // For whoever counts.
  virtual void happened(ChannelEvent) {}
};

}  // namespace moot
