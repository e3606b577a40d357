#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/time.h"
#include "crypto/hmac.h"
#include "model/commands.h"
#include "session/outgoing.h"
#include "wire/commands.h"

// The server's side of one connection: greeting, CNN, and the rules every frame must pass
// (protocol.md 3 and 5, security.md 1.6). Pure: the caller looks up keys, computes MACs (of many
// connections together) and moves octets.
namespace moot::session {

// How a listener authenticates; fixed by the configuration, never negotiated (security.md 3.1).
enum class Auth : std::uint8_t { key, wall, wall_key };

struct ListenerRules {
  Auth auth = Auth::key;
  bool challenge_required = true;  // false: takes the founding note's literal CNN too (R8)
  bool fronted = false;            // TLS ends before us: `cb` is of a connection that is not ours
};

// What SINFO tells; the same for all connections of a server.
struct ServerInfo {
  std::string server_name;
  std::string version;
  std::string srv;
  std::uint64_t timeout_s = 180;
  std::uint32_t max_frame = limits::kFrameBytesMax;
  std::uint32_t max_msg = limits::kMsgBytesMax;
  std::vector<std::string_view> features;  // of static texts
  bool batch = true;
  std::uint64_t frames_max = limits::kFramesPerConnectionMax;  // R5; not told, fewer in tests
};

// What becomes of a connection or a frame.
struct Verdict {
  enum class Kind : std::uint8_t {
    deliver,  // a command for the server core
    close,    // at once, silently
    dcnn,     // signed DCNN with `code`, then close
  };
  Kind kind = Kind::close;
  DcnnCode code = DcnnCode::proto;
  std::string_view message;  // of a DCNN: one sentence that names the next step

  static Verdict silent() { return {}; }
  static Verdict goodbye(DcnnCode code, std::string_view message) {
    return {Kind::dcnn, code, message};
  }
};

// A CNN as it stands in a frame, before its signature is believed.
struct Claim {
  c::Cnn cnn;
  std::uint64_t nonce = 0;
  std::uint64_t timestamp = 0;
};

// What the server knows of the credential whose key signed the CNN.
struct CredentialFacts {
  bool usable = false;       // exists, active or retiring, not expired, account not disabled
  bool chal_pinned = false;  // has once answered a challenge
  bool cb_pinned = false;
  bool nonce_seen = false;                 // R6, R8: this CNN nonce was accepted before
  std::optional<Binding> channel_binding;  // of this TLS connection
};

class ServerSession {
 public:
  // `info` outlives the session. `chal` is used for this connection alone (R7).
  ServerSession(const ListenerRules& rules, const ServerInfo& info, const Challenge& chal, Now now,
                Millis cnn_timeout);

  // ---- before CNN ----
  // Appends the greeting (protocol.md 5.2).
  void greet(Buffer& out, Now now) const;
  // The first frame; none: close silently.
  std::optional<Claim> read_cnn(const wire::Frame& frame, Arena& arena) const;
  // `mac_ok`: the frame's signature was made with the key of that credential. `deliver`: the
  // connection is open, the caller sends SINFO. A DCNN is signed with that key all the same.
  Verdict judge_cnn(const Claim& claim, bool mac_ok, const CredentialFacts& facts, Now now);

  // ---- after CNN ----
  struct Delivered {
    Verdict verdict;
    std::uint64_t nonce = 0;  // of the frame: `ref` of answers
  };
  // One frame, in the order of the stream. `deliver`: the payload is inside the profile and its
  // envelope is right; whether the command makes sense is the server core's to say.
  Delivered accept(const wire::Frame& frame, bool mac_ok, Now now);

  // SINFO's fields; `ref` answers an INFO.
  s::Sinfo sinfo(Now now, std::optional<std::uint64_t> ref = std::nullopt) const;

  // The values behind `info` are others now; the caller sends SINFO before anything else. What we
  // send keeps to the `max_frame` told last, what we take to the largest one told on this
  // connection: a frame of that size may be on its way (protocol.md 2). REQUIRES: open().
  void reconfigured();

  // ---- time ----
  // Octets came: whether a frame ended in them, and how much is there of the one under way, 0 where
  // none is. The deadline of a frame that begins behind the end of another runs from now
  // (security.md 5.1), whenever the frames before it are accepted.
  void on_octets(Now now, bool frame_ended, std::size_t frame_octets);
  Tick deadline() const;
  // What to do at `deadline()`; kind `deliver`: nothing yet.
  Verdict on_deadline(Now now) const;

  bool open() const { return open_; }
  std::uint32_t payload_max() const { return open_ ? taken_max_ : limits::kFrameBytesBeforeCnn; }
  Outgoing& outgoing() { return outgoing_; }
  const Outgoing& outgoing() const { return outgoing_; }
  Auth auth() const { return rules_.auth; }
  bool unsigned_frames() const { return rules_.auth == Auth::wall; }
  const Challenge& challenge() const { return chal_; }
  // Whether the server ever sent a signed frame with this nonce, and which in order (0 = first).
  std::optional<std::uint64_t> sent_index(std::uint64_t nonce) const;

 private:
  ListenerRules rules_;
  bool open_ = false;
  const ServerInfo* info_;
  std::uint32_t taken_max_;  // the largest `max_frame` that this connection was told
  Challenge chal_;
  Outgoing outgoing_{Dir::server};
  std::uint64_t expected_ = 0;  // the client's next
  std::uint64_t received_ = 0;
  std::int64_t clock_offset_s_ = 0;  // the client's clock less ours (R9)
  Tick cnn_deadline_;
  Tick last_frame_;
  Tick frame_begun_;              // of the frame under way
  std::size_t frame_octets_ = 0;  // that are there of it; 0: none is under way
};

}  // namespace moot::session
