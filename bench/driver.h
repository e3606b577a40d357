#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/buffer.h"
#include "bench/link.h"
#include "crypto/mac_batch.h"
#include "session/client_session.h"
#include "wire/commands.h"

// Many client connections in one thread, fast enough to load a server from the other core: the
// frames of a turn are verified together and signed together, one read and one write a connection
// and turn.
namespace moot::bench {

struct Identity {
  UserId user;
  Kid kid;
  KeyBytes key;
};

class Driver;

// One connection to the server under test.
class Client {
 public:
  const Identity& who() const { return who_; }
  bool open() const { return session_.phase() == session::ClientSession::Phase::open; }
  bool gone() const { return link_.fd < 0; }
  std::chrono::steady_clock::time_point gone_at() const { return gone_at_; }
  // Leaves at the end of the turn, in a BATCH with what else there is.
  void send(const c::Any& cmd);
  std::size_t unsent() const { return out_.size(); }
  std::size_t index = 0;  // the workload's

 private:
  friend class Driver;
  Client(Driver& driver, const Identity& who, const std::string& srv, bool batch, bool wall);

  Driver& driver_;
  Identity who_;
  session::ClientIdentity identity_;
  session::ClientSession session_;
  MacKey key_;
  wire::FrameReader reader_;
  Buffer in_;  // of an unfinished frame
  Buffer out_;
  Link link_;
  bool queued_ = false;  // on the driver's list of this turn
  bool writable_ = true;
  struct Pending {
    std::string_view cmd;
    std::uint32_t pairs;
    std::size_t at;
    std::size_t size;
    bool flat;
  };
  std::vector<Pending> pending_;
  Buffer fields_;
  std::vector<session::Unsigned> unsigned_;
  std::chrono::steady_clock::time_point gone_at_;
};

class Driver {
 public:
  // What a workload does with its connections. `command` is a view into the frame.
  struct Hooks {
    std::function<void(Client&)> opened;
    std::function<void(Client&, const s::Any& command, Bytes frame_elements)> deliver;
    std::function<void(Client&)> closed;
  };

  // A connected socket for somebody on which the server will greet him.
  using Connect = std::function<Link(const Identity&)>;

  Driver(std::uint16_t port, std::string srv, bool batch);
  // Behind a wall: no frame is signed.
  Driver(Connect connect, std::string srv, bool batch);
  ~Driver();
  void hooks(Hooks h) { hooks_ = std::move(h); }

  // Starts a connection; CNN follows the greeting by itself.
  Client& connect(const Identity& who);
  // One turn: waits up to `wait` for something to do.
  void turn(std::chrono::milliseconds wait);
  // Turns until `done` holds; false: `limit` went by.
  bool run(const std::function<bool()>& done, std::chrono::seconds limit);
  // From now on nothing of it is read, and little can be on its way; its end is still seen.
  void stop_reading(Client& c);
  void close(Client& c);
  void close_all();
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  std::uint64_t frames_in() const { return frames_in_; }
  std::uint64_t frames_out() const { return frames_out_; }
  // In both directions, headers and signatures included.
  std::uint64_t octets() const { return octets_; }

 private:
  friend class Client;
  void queue(Client& c);
  bool read(Client& c);
  void verify_and_handle();
  void handle(Client& c, const wire::Frame& f, bool mac_ok);
  void sign_turn(std::size_t frames);
  void flush();
  void write(Client& c);
  void lost(Client& c);

  Driver(Connect connect, std::string srv, bool batch, bool wall);
  Connect connect_;
  std::string srv_;
  bool batch_;
  bool wall_;
  int epoll_ = -1;
  Hooks hooks_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> to_flush_;
  Arena arena_;
  // Frames of this turn, in `turn_in_`, by connection in order.
  struct Arrived {
    Client* client;
    std::size_t at;  // in turn_in_
    std::size_t size;
  };
  Buffer turn_in_;
  std::vector<Arrived> arrived_;
  std::vector<wire::Frame> frames_;
  std::vector<Client*> owners_;
  std::vector<MacJob> jobs_;
  std::vector<Mac> macs_;
  std::vector<wire::Body> bodies_;
  std::uint64_t frames_in_ = 0;
  std::uint64_t frames_out_ = 0;
  std::uint64_t octets_ = 0;
};

Now now();

}  // namespace moot::bench
