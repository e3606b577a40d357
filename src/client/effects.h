#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "client/channel_state.h"
#include "model/client_ops.h"
#include "model/commands.h"
#include "model/store_ops.h"

// What the client core wants done, and what it has to tell.
namespace moot::client {

// Names a command sent on this connection; grows by one with each.
struct SentId {
  std::uint64_t n = 0;
  friend constexpr auto operator<=>(SentId, SentId) = default;
};
struct SentRange {
  SentId first;
  SentId last;
  friend constexpr bool operator==(SentRange, SentRange) = default;
};

// Given by whoever asks, given back with the answer. 0: nobody asked.
struct RequestId {
  std::uint64_t n = 0;
  friend constexpr auto operator<=>(RequestId, RequestId) = default;
};

namespace ev {

// How it stands with the server. `sentence` says why where it is not open.
struct Connection {
  enum class State : std::uint8_t {
    connecting,
    open,
    waiting,  // tries again in `retry_in`
    stopped,  // not by itself: replaced, revoked, told to end
  };
  State state = State::connecting;
  std::string_view sentence;
  Millis retry_in{0};
  bool refused = false;  // the server has answered, and will not have us as we are
};
// In the store now, and new there: somebody's to us, ours, or ours from another device.
struct Message {
  const PrivateMessage& message;
  RequestId request;
};
struct State {
  UserId author;
  UserId peer;
  MsgId id;
  MessageState state = MessageState::sent;
  std::string_view error;  // of `failed`; of `queued`: why it waits
};
// The message had an id the server does not take and goes under another.
struct Renumbered {
  UserId peer;
  MsgId from;
  MsgId to;
};
struct Presence {
  enum class Change : std::uint8_t { came, went, changed, removed };
  const Contact& contact;
  Change change = Change::changed;
};
// One page; `last` ends the answer.
struct Users {
  RequestId request;
  std::span<const Contact> page;
  bool last = false;
};
struct Handshake {
  enum class Kind : std::uint8_t {
    ready,   // answered: the other side is there
    asked,   // the other side asked first, and was answered where that is wanted
    away,    // not connected: messages wait for them
    silent,  // connected, but nobody answers
  };
  UserId peer;
  std::string_view name;
  Kind kind = Kind::ready;
};
// What was asked for is done, or `error` says why not.
struct Done {
  RequestId request;
  std::string_view error;
};
struct Notice {
  std::string_view sentence;
};
// The server has answered everything said so far on a new connection.
struct CaughtUp {};

// ---- channels ----
// New, or something of it is another than before; an invitation, too.
struct ChannelChanged {
  const ChannelState& state;
};
// Ours no more; what is here stays.
struct ChannelLeft {
  const ChannelState& state;
  std::string_view reason;  // "left", "kicked", "removed"
};
// Pages of what was asked for; `last` ends the answer.
struct ChannelPage {
  RequestId request;
  std::span<const ChannelState> page;
  bool last = false;
};
struct MemberPage {
  RequestId request;
  std::span<const MemberEntry> page;
  bool last = false;
};
// A message of a channel that is new or stands otherwise than before. What a sync pulls is told by
// SyncProgress instead, unless it is one of ours that was on its way.
struct Post {
  enum class State : std::uint8_t {
    waiting,    // on this disk, without an id; `why` it waits
    pending,    // in P
    committed,  // in C
    failed,     // `why`; it is nowhere any more
  };
  const KnownChannel& channel;
  State state = State::pending;
  std::optional<RecordKey> key;  // none: waiting
  bool again = false;            // committed before: only more have acknowledged it
  std::uint64_t draft = 0;       // of ours and of this process: what `post` gave
  UserId from;
  Bytes msg;
  UnixMs at;
  std::span<const UserId> acks;
  std::uint64_t acks_n = 0;
  std::uint64_t need = 0;  // of pending: acknowledgements still missing, as far as known
  bool late = false;
  bool conflict = false;
  std::string_view why;
};
struct Standing {
  const ChannelState& state;
  UserId candidate;
};
struct LeaderChanged {
  const ChannelState& state;
};
struct SyncProgress {
  const KnownChannel& channel;
  std::uint64_t records = 0;      // pulled
  std::uint64_t differences = 0;  // those, and what is known to be missing; 0: how much is unknown
};
struct Synced {
  const KnownChannel& channel;
};

}  // namespace ev

using Event = std::variant<ev::Connection, ev::Message, ev::State, ev::Renumbered, ev::Presence,
                           ev::Users, ev::Handshake, ev::Done, ev::Notice, ev::CaughtUp,
                           ev::ChannelChanged, ev::ChannelLeft, ev::ChannelPage, ev::MemberPage,
                           ev::Post, ev::Standing, ev::LeaderChanged, ev::SyncProgress, ev::Synced>;

// Called during a step, in the order in which it is to happen. Views are valid during the call.
// Nothing here may call back into the core.
class Effects {
 public:
  virtual ~Effects() = default;
  // REQUIRES: the connection is open. Everything sent in one step leaves together.
  virtual SentId send(const c::Any& cmd) = 0;
  // On disk in this order; the answer is `stored` with a ticket at or past this one.
  virtual void store(Ticket ticket, std::vector<cop::Any> ops) = 0;
  virtual void event(const Event& event) = 0;
  // Begin a connection; the answer is `opened` or `lost`.
  virtual void connect() = 0;
  // End it after what was sent; the answer is `lost`.
  virtual void hang_up() = 0;
};

}  // namespace moot::client
