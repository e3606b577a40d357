#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "net/key_slab.h"
#include "net/source_limits.h"
#include "net/transport.h"
#include "session/proxy_header.h"
#include "session/server_session.h"
#include "wire/frame.h"

namespace moot::net {

// One connection on its thread. At rest `in` and `out` hold no memory.
struct Connection {
  enum class Phase : std::uint8_t {
    handshake,  // TLS
    fronted,    // a front is to say who its client is
    walled,     // the hub is asked for the record of whom the wall vouches for
    greeted,    // CNN is awaited
    checking,   // CNN is here: its first octets stand in `in` until the hub says which keys to try
    open,
    closing,    // what is queued goes out, nothing is taken any more
    lingering,  // our side is shut; the peer closes or a second passes
  };
  static constexpr std::uint32_t kNone = ~0u;
  static constexpr Tick kFar{INT64_MAX / 4};

  Phase phase = Phase::handshake;
  bool readable = true;  // whether the poller is asked for it
  bool writable = false;
  bool touched = false;      // has something to send this turn
  bool resumed = false;      // octets are here that no readiness will tell
  bool behind = false;       // the hub was told that `out` is above the soft bound
  bool drain_asked = false;  // the hub wants to know when it is not
  bool counted = false;      // among the connections of its source that have not said who they are
  bool was_read = false;     // in this turn: frames of it may lie in `in`, which must not grow
  std::uint32_t slot = 0;
  std::uint32_t key = KeySlab::kNone;
  std::uint32_t first = kNone;  // this turn's commands, a list in Worker::refs_
  std::uint32_t last = kNone;
  std::uint32_t queue_max = static_cast<std::uint32_t>(limits::kSendQueueHardBytes);
  ConnId id;
  Transport transport;
  Address peer;
  // Whom the wall vouches for: fixed before the greeting.
  struct Wall {
    Kid kid;
    UserId account;
  };
  std::unique_ptr<const Wall> wall;
  std::optional<session::ProxyRules> front;  // where there is one before the client
  std::optional<session::ServerSession> session;
  wire::FrameReader reader;
  Buffer in;   // from the start of an unfinished frame on
  Buffer out;  // signed frames that the socket did not take
  Tick paused_until{0};
  Tick close_by = kFar;
  Tick armed = kFar;  // the earliest entry in the timer wheel

  // What to tell the core once the client's `seen` is past it: place of the frame, token.
  struct Marks {
    std::deque<std::pair<std::uint64_t, std::uint64_t>> placed;
    std::vector<std::uint64_t> fresh;  // of this turn
  };
  std::unique_ptr<Marks> marks;

  // While `out` is not empty. The frames of a turn count until the last of its octets is sent.
  struct Queued {
    struct Turn {
      std::size_t octets = 0;
      std::size_t frames = 0;
    };
    std::deque<Turn> turns;
    std::size_t frames = 0;
    Tick stalled_since{0};  // when something last left
  };
  std::unique_ptr<Queued> queued;
};

}  // namespace moot::net
