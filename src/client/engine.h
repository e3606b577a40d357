#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "client/client_core.h"
#include "client/link.h"

namespace moot::client {

// The whole client but for its socket, disk and clock: the core, and the link of the connection it
// has. Pure. Whoever runs it moves octets and commits, and calls `tick` when `next_tick` is due.
class Engine {
 public:
  // What the runner does. As in Effects, nothing calls back during the call.
  class Runner {
   public:
    virtual ~Runner() = default;
    virtual void connect() = 0;
    virtual void write(Bytes octets) = 0;
    // After what was written. The answer is `lost`.
    virtual void close() = 0;
    virtual void store(Ticket ticket, std::vector<cop::Any> ops) = 0;
    virtual void event(const Event& event) = 0;
    // For whoever looks on: each command that goes and comes.
    virtual void sent(const c::Any&) {}
    virtual void heard(const s::Any&) {}
  };

  // `identity`, `key` and `runner` outlive the engine.
  Engine(const session::ClientIdentity& identity, const MacKey& key, const CoreParts& parts,
         ClientSnapshot snapshot, Runner& runner);
  ~Engine();

  // `first_nonce` and `random`: of a cryptographic source, used once.
  void connected(Now now, std::uint64_t first_nonce, const std::optional<Binding>& binding);
  void octets(Now now, Bytes octets);
  void lost(Now now, std::string_view why, std::uint64_t random);

  void start(Now now);
  void tick(Now now);
  Tick next_tick() const;
  void stored(Now now, Ticket upto);

  Result<MsgId> send_message(Now now, Outbox::New message);
  void list_users(Now now, RequestId request);
  void greet(Now now, const UserId& peer);
  void set_user(Now now, RequestId request, std::optional<std::string> name,
                std::optional<UserStatus> status);
  void mark_read(Now now, const UserId& peer, std::uint64_t upto);
  template <class F>
  auto on_channels(Now now, F work) {
    auto result = core_.on_channels(now, std::move(work));
    flush(now);
    return result;
  }
  void flush_store(Now now);
  void leave(Now now);
  void hurry(Now now);

  const ClientCore& core() const { return core_; }

 private:
  class Bridge;
  void flush(Now now);

  const session::ClientIdentity* identity_;
  const MacKey* key_;
  Runner* runner_;
  std::unique_ptr<Bridge> bridge_;
  ClientCore core_;
  std::unique_ptr<Link> link_;
  std::string broken_;
  Buffer out_;
};

}  // namespace moot::client
