#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/arena.h"
#include "base/buffer.h"
#include "crypto/hmac.h"
#include "model/commands.h"
#include "model/kept_command.h"
#include "session/client_session.h"
#include "session/server_session.h"
#include "sim/device.h"

namespace moot::sim {

// The sessions at both ends of one connection: greeting and CNN, then commands as numbered and
// signed frames that the other side reads, checks and decodes. Nothing of it takes time; what a
// frame takes on its way is the network's.
class SessionPair {
 public:
  // `random` makes key, challenge and nonce.
  SessionPair(Rng random, const UserId& user, Now client, Now server);
  SessionPair(const SessionPair&) = delete;
  SessionPair& operator=(const SessionPair&) = delete;

  // Whether the two have opened.
  bool open() const;
  // The command as it comes out at the other end; none: the session there ends the connection.
  std::optional<Kept<c::Any>> up(const c::Any& cmd, Now client, Now server);
  std::optional<Kept<s::Any>> down(const s::Any& cmd, Now server, Now client);

 private:
  // `cmd` as the only frame in out_.
  template <class Any>
  void write(session::Outgoing& outgoing, const Any& cmd, Now now);
  wire::Frame read();
  bool signed_right(const wire::Frame& frame) const {
    return session::signature_is(frame.sig, mac_.sign(frame.payload));
  }

  MacKey mac_;
  session::ServerInfo info_;
  session::ClientIdentity identity_;
  std::optional<session::ClientSession> client_;
  std::optional<session::ServerSession> server_;
  Buffer fields_;
  Buffer out_;
  wire::FrameReader reader_;
  std::vector<session::Unsigned> to_sign_;
  Arena arena_;
};

}  // namespace moot::sim
