#pragma once

#include <optional>
#include <string>

#include "crypto/hmac.h"
#include "session/server_session.h"

namespace moot::vectors {

// One connection to the server's session core on a `key` listener that knows one credential, and
// behind it the decoder of commands. Frames go in whole, verdicts come out in the words of the
// vectors: "accept", "close", "DCNN code", "ERR code".
class ServerReplay {
 public:
  // `sinfo`: what this server tells of itself, `unix_s`: its clock, which stands still.
  ServerReplay(const s::Sinfo& sinfo, std::uint64_t unix_s, const MacKey& key);

  std::string take(Bytes frame);
  // The same without frame reader: for payloads that stand alone in the vectors.
  std::string take(std::string_view cmd, std::string_view sig, Bytes payload);

  // As if a CNN with this nonce had come: the next frame has to carry the one after it.
  void connected(std::uint64_t nonce);
  // What `take` accepted last after the CNN.
  const c::Any& command() const { return command_; }
  session::ServerSession& session() { return *session_; }

 private:
  std::string take_cnn(const wire::Frame& frame);

  Now now_;
  const MacKey* key_;
  session::ServerInfo info_;
  std::optional<session::ServerSession> session_;
  Arena arena_;
  c::Any command_;
};

}  // namespace moot::vectors
