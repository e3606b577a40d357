#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/cost.h"
#include "bench/peers/peer.h"

namespace moot::bench {

// Many connections that speak a peer's protocol, in one thread: one read and one write a
// connection and turn, as the driver of moot's own rows does it.
class Load {
 public:
  Load(std::uint16_t port, const MakePeer& make, std::string prefix);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Connections up to the n-th, logged in. What fails ends the program.
  void open(std::size_t n);
  // These enter the room; the first one speaks and does not have to receive.
  void join(std::size_t n);
  void say(std::size_t from, std::size_t to, std::string_view body);
  void say_to_all(std::size_t from, std::string_view body);
  // Called for every message that arrives, with the index of who has it.
  std::function<void(std::size_t, unsigned)> delivered;
  // Turns until `done` holds; false after `limit`.
  bool run(const std::function<bool()>& done, std::chrono::seconds limit);

 private:
  struct Connection {
    int fd = -1;
    std::size_t index = 0;
    bool queued = false;
    bool blocked = false;
    std::unique_ptr<Peer> peer;
    std::string in;
    std::string out;
  };
  void connect_one();
  void turn(int wait_ms);
  void read(Connection& c);
  void write(Connection& c);
  void queue(Connection& c);
  [[noreturn]] void give_up(const std::string& why) const;

  std::uint16_t port_;
  MakePeer make_;
  Names names_;
  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> to_write_;
  std::string octets_;
  std::size_t ready_ = 0;
};

// W1, `pairs` pairs: a delivery at B lets A send the next, `window` of each pair are under way.
Cost pairs(Load& load, std::size_t pairs, unsigned window, std::size_t messages,
           const CpuSeconds& cpu);
// W2: the first connection speaks to the others, who are in the room: a message counts when all
// have it.
Cost fan_out(Load& load, std::size_t receivers, unsigned window, std::size_t messages,
             const CpuSeconds& cpu);

}  // namespace moot::bench
