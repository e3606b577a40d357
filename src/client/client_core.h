#pragma once

#include <deque>
#include <optional>
#include <string>

#include "client/asks.h"
#include "client/backoff.h"
#include "client/channels.h"
#include "client/context.h"
#include "client/inbox.h"
#include "client/outbox.h"
#include "client/people.h"

namespace moot::client {

// What the server said of itself when the connection opened.
struct ServerFacts {
  std::uint64_t timeout_s = 180;
  std::uint32_t max_msg = limits::kMsgBytesMax;
  std::uint32_t max_frame = limits::kFrameBytesMax;
  std::int64_t clock_offset_ms = 0;
  Keeper default_keeper = Keeper::server;  // of channels whose maker does not say
};

// What a core is made of besides its snapshot.
struct CoreParts {
  UserId self;
  bool answers = false;  // says "ready" when somebody opens a conversation
  TextRules text;
  const ReplicaRecords* records = nullptr;  // outlives the core; what the same store has
  std::uint64_t seed = 0;                   // any bits, never the same twice
};

// One user's device: what to send, store and tell, whatever comes (protocol.md 5, 6.1, 6.2). Pure:
// no clock, no randomness, no disk, no socket.
class ClientCore {
 public:
  ClientCore(const CoreParts& parts, ClientSnapshot snapshot, Effects& fx);

  // ---- the connection ----
  void start(Now now);
  void opened(Now now, const ServerFacts& facts);
  void deliver(Now now, const s::Any& cmd, std::uint64_t nonce,
               const std::optional<SentRange>& ref);
  // Also when connecting failed. `answered`: the greeting had come and CNN was out; `random`: any
  // bits.
  void lost(Now now, std::string_view why, bool answered, std::uint64_t random);
  void tick(Now now);
  Tick next_tick() const;

  // ---- the disk ----
  void stored(Now now, Ticket upto);

  // ---- the user ----
  Result<MsgId> send_message(Now now, Outbox::New message);
  void list_users(Now now, RequestId request);
  void greet(Now now, const UserId& peer);
  // Nickname, or away: answered with Done once the server has done or refused it.
  void set_user(Now now, RequestId request, std::optional<std::string> name,
                std::optional<UserStatus> status);
  void mark_read(Now now, const UserId& peer, std::uint64_t upto);
  // A step of what the user does with channels.
  template <class F>
  auto on_channels(Now now, F work) {
    begin(now);
    auto result = work(channels_);
    end_step();
    return result;
  }
  // What waits for company on the disk goes now: a read of the store sees all that was told.
  void flush(Now now);
  // Says DCNN, with what was seen, and stays away.
  void leave(Now now);
  // Try at once: the network is back, the user asks.
  void hurry(Now now);

  bool open() const { return cx_.open; }
  const std::map<UserId, Contact>& contacts() const { return people_.contacts(); }
  std::int64_t clock_offset_ms() const { return cx_.clock_offset_ms; }
  const Channels& channels() const { return channels_; }
  std::size_t outbox_size() const { return outbox_.size() + channels_.unsent(); }
  void check_invariants() const {
    outbox_.check_invariants();
    channels_.check_invariants();
  }

 private:
  enum class Phase : std::uint8_t { idle, connecting, open, waiting, stopped };
  void begin(Now now) {
    cx_.now = now;
    cx_.sent_in_step = false;
  }
  void end_step(bool flush = false);
  void connect();
  void barrier_if_wanted();
  void send_info();
  void answered(const std::optional<SentRange>& ref);
  void on(const s::Sinfo& info, const std::optional<SentRange>& ref);
  void on(const s::Dcnn& dcnn);
  void on(const s::Err& err, const std::optional<SentRange>& ref);
  void on(const s::Msg& msg);
  void on(const s::MsgAck& ack, std::uint64_t nonce);
  std::optional<std::uint64_t> seen() const;
  Tick info_due() const;
  Tick kalive_due() const;

  Context cx_;
  Outbox outbox_;
  Inbox inbox_;
  People people_;
  Asks asks_;
  Channels channels_;
  Backoff backoff_{std::chrono::milliseconds(500), std::chrono::seconds(60)};
  Phase phase_ = Phase::idle;
  Tick retry_at_;
  std::optional<Millis> retry_told_;  // by the server, in its DCNN
  std::string dcnn_sentence_;
  bool refused_ = false;
  unsigned silences_ = 0;  // running, in place of an answer to CNN

  Millis timeout_{180'000};
  Tick last_received_;
  std::optional<SentId> info_;  // the INFO that waits for its SINFO
  bool caught_up_ = false;      // a barrier was answered on this connection
  Tick info_at_;

  // `seen` covers only frames whose effects are on disk (a MSG_ACK told as seen is dropped there).
  struct NotDurable {
    Ticket ticket;
    std::uint64_t nonce = 0;
  };
  std::deque<NotDurable> not_durable_;
  std::optional<std::uint64_t> last_nonce_;
  std::optional<Tick> seen_due_;
};

}  // namespace moot::client
