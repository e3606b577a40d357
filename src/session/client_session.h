#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/arena.h"
#include "base/time.h"
#include "crypto/hmac.h"
#include "model/commands.h"
#include "session/outgoing.h"
#include "wire/commands.h"

// The client's side of one connection (protocol.md 5, security.md 1.6). Pure: randomness, clocks
// and MACs come in as values.
namespace moot::session {

// Who connects, and to whom: what the key file says.
struct ClientIdentity {
  UserId account;
  std::optional<Kid> kid;  // none behind a wall
  std::string srv;
  bool wall = false;  // told so by its own configuration: frames are not signed
};

class ClientSession {
 public:
  enum class Phase : std::uint8_t { greeting, waiting, open, ended };

  // `first_nonce` from a cryptographic random source (R5). `identity` outlives the session.
  ClientSession(const ClientIdentity& identity, std::uint64_t first_nonce, bool want_batch);

  struct Delivered {
    enum class Kind : std::uint8_t {
      answer_greeting,  // the greeting is in: send CNN with `put_cnn`
      opened,           // the signed SINFO of step 4: commands may be sent
      deliver,          // a command for the client core
      ignore,           // a command this client does not know
      close,            // the connection is worthless: `message` says why
    };
    Kind kind = Kind::close;
    std::string_view message;
    std::uint64_t nonce = 0;
    s::Any command;
  };
  // One frame, in the order of the stream. `mac_ok`: signed with our key (of the greeting: false).
  Delivered accept(const wire::Frame& frame, bool mac_ok, Now now, Arena& arena);

  // Appends CNN. `binding`: the TLS exporter value, where the connection has one; behind a wall,
  // which may end TLS itself, it is not told.
  void put_cnn(Buffer& out, Now now, const std::optional<Binding>& binding,
               std::vector<Unsigned>& to_sign);

  Phase phase() const { return phase_; }
  Outgoing& outgoing() { return outgoing_; }
  const ClientIdentity& identity() const { return *identity_; }

  // Of the server, once `opened`.
  std::uint64_t timeout_s() const { return timeout_s_; }
  std::uint32_t max_frame() const { return max_frame_; }
  std::uint32_t max_msg() const { return max_msg_; }
  bool server_has(std::string_view feature) const;
  // The server's wall clock less ours at the last SINFO, in ms: for new msg ids (protocol.md 4).
  std::int64_t clock_offset_ms() const { return clock_offset_ms_; }
  UnixMs server_now(Now now) const {
    return {now.wall.ms + static_cast<std::uint64_t>(clock_offset_ms_)};
  }
  // The last server nonce accepted: for `seen`. None before the first signed frame.
  std::optional<std::uint64_t> seen() const;

 private:
  bool same_as_greeting(const s::Sinfo& info) const;
  void keep(const s::Sinfo& info, Now now);

  const ClientIdentity* identity_;
  Phase phase_ = Phase::greeting;
  bool want_batch_;
  Outgoing outgoing_{Dir::client};
  std::uint64_t expected_ = 0;
  std::uint64_t received_ = 0;

  // The greeting, kept to be compared with the signed SINFO (R4).
  std::uint64_t protocol_version_ = 0;
  std::string server_name_;
  std::string version_;
  std::string srv_;
  std::vector<std::string> features_;
  Challenge chal_;
  std::uint64_t timeout_s_ = 0;
  std::uint32_t max_frame_ = limits::kFrameBytesMax;
  std::uint32_t max_msg_ = limits::kMsgBytesMax;
  std::int64_t clock_offset_ms_ = 0;
};

}  // namespace moot::session
