#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "channel/memory_server.h"
#include "net/fan_out.h"
#include "server/core.h"
#include "session/outgoing.h"
#include "session/server_session.h"
#include "wire/frame.h"

namespace moot::bench {

// What is done inside is what tools/instructions.py counts: callgrind collects between entering
// this function and leaving it, and nowhere else.
extern "C" void moot_counted(void (*work)(void*), void* of);
template <class Work>
void counted(Work work) {
  moot_counted([](void* w) { (*static_cast<Work*>(w))(); }, &work);
}

// A server without sockets, disk, clock or signatures: the real sessions, core and fan-out with
// frames handed in by its owner, so that the same work always takes the same instructions. Frames
// are built and read as a thread of `net` does it; a MAC counts as right and none is made, since
// the lanes of the processor decide what those cost.
class StillServer {
 public:
  // Accounts u0, u1, ... with one key each.
  explicit StillServer(std::size_t accounts);

  // ---- what the clients do; allocates and encodes outside of what is counted ----
  static UserId user(std::size_t n);
  MsgId fresh_id();
  // Through greeting and CNN; its number is the account's.
  void connect(std::size_t n);
  // A frame of that client's, or one BATCH, to be read in the next turn.
  void say(std::size_t n, std::span<const c::Any> cmds);
  void say(std::size_t n, const c::Any& cmd) { say(n, {&cmd, 1}); }

  // ---- what is counted ----
  // One millisecond later: reads what was said, in the order of the connections, and builds the
  // answers.
  void turn();
  // The same for one who comes, and for one who goes.
  void admit(std::size_t n);
  void gone(std::size_t n);

  // All that was asked of the disk is there.
  void sync();
  // What a CNN needs: made before `admit`.
  void prepare(std::size_t n);

  std::uint64_t frames_out() const { return frames_out_; }
  std::uint64_t commands_out() const { return commands_out_; }
  const server::Core& core() const { return *core_; }

 private:
  struct Client {
    ConnId conn;
    session::Outgoing out{Dir::client};
    std::optional<session::ServerSession> session;
    wire::FrameReader reader;
    Buffer in;
    std::vector<wire::Body> bodies;
  };
  static ServerSnapshot accounts(std::size_t n);
  static server::Config config();
  void read(Client& c);
  void deliver();
  void build(Client& c);

  Now now_{{1'000'000}, {1'700'000'000'000}};
  session::ServerInfo info_;
  MemoryKept records_;
  ServerSnapshot disk_;
  std::unique_ptr<server::Core> core_;
  net::FanOut fx_{1};
  std::vector<Client> clients_;
  std::vector<std::size_t> said_;     // who has something to read
  std::vector<std::size_t> touched_;  // who gets something
  Buffer tx_;
  std::vector<session::Unsigned> unsigned_;
  Arena arena_;
  std::uint32_t generation_ = 0;
  std::uint32_t ids_ = 0;
  std::uint64_t frames_out_ = 0;
  std::uint64_t commands_out_ = 0;
};

}  // namespace moot::bench
