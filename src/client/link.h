#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/time.h"
#include "client/effects.h"
#include "crypto/hmac.h"
#include "session/client_session.h"
#include "wire/frame.h"

namespace moot::client {

// One connection between octets and commands: finds frames, checks and makes signatures, opens
// BATCHes, and says which of our commands an answer means. Pure.
// Invariant: frames_ holds, oldest first, what an ERR or SINFO may still refer to.
class Link {
 public:
  // What came of octets, in their order. Views live during the call.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void on_opened() = 0;
    // `nonce`: of the server's frame; `ref`: our commands it answers, where it answers any.
    virtual void on_command(const s::Any& cmd, std::uint64_t nonce,
                            const std::optional<SentRange>& ref) = 0;
    // The connection is worthless. Nothing follows.
    virtual void on_broken(std::string_view why) = 0;
  };

  // `identity` and `key` outlive the link; `first_nonce` from a cryptographic random source.
  Link(const session::ClientIdentity& identity, const MacKey& key, std::uint64_t first_nonce,
       const std::optional<Binding>& binding);

  void octets(Bytes octets, Now now, Sink& sink);
  // Queues a command; it goes with the next `flush`. Ids grow by one.
  SentId send(const c::Any& cmd);
  // Appends what was queued, signed, to `out`.
  void flush(Now now, Buffer& out);

  bool open() const { return session_.phase() == session::ClientSession::Phase::open; }
  const session::ClientSession& session() const { return session_; }

 private:
  struct SentFrame {
    std::uint64_t nonce = 0;
    SentRange commands;
  };
  struct Queued {
    std::string_view cmd;
    std::uint32_t pairs = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool flat = false;
  };

  bool frame(const wire::Frame& frame, Now now, Sink& sink);
  bool batch(const s::Batch& batch, std::uint64_t nonce, Sink& sink);
  void command(const s::Any& cmd, std::uint64_t nonce, Sink& sink);
  std::optional<SentRange> find(std::uint64_t nonce, std::optional<std::uint64_t> index) const;
  void remember_frames(std::size_t first_unsigned);
  std::uint32_t payload_max() const;

  const MacKey* key_;
  std::optional<Binding> binding_;
  session::ClientSession session_;
  wire::FrameReader reader_;
  Buffer in_;
  Arena arena_;

  Buffer fields_;  // of the queued commands, one after the other
  std::vector<Queued> queue_;
  SentId next_id_{1};
  SentId next_unframed_{1};
  std::deque<SentFrame> frames_;

  Buffer made_;  // frames waiting for the next flush, CNN among them
  std::vector<session::Unsigned> to_sign_;
};

}  // namespace moot::client
