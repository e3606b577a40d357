#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/epoll.h>

namespace moot::net {

// Which of many descriptors are ready, level triggered. The set hangs in the io_context as one
// descriptor, so a thread waits in one place for its connections, its listeners and what is posted
// to it, and a connection at rest costs no memory here and no system call.
// Thread rule: that of its io_context.
class Poller {
 public:
  struct Ready {
    std::uint64_t id = 0;
    bool readable = false;
    bool writable = false;
    bool broken = false;  // error, or closed in both directions
  };

  explicit Poller(boost::asio::io_context& ctx);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  bool add(int fd, std::uint64_t id, bool read, bool write);
  void change(int fd, std::uint64_t id, bool read, bool write);
  void remove(int fd);

  // Begins to wait in the io_context; its handler only notes that there is something to `take`.
  void arm();
  // Those ready now. More may be: then `pending` stays true. Valid until the next call.
  std::span<const Ready> take();
  bool pending() const { return pending_; }

 private:
  boost::asio::posix::stream_descriptor set_;
  bool armed_ = false;
  bool pending_ = true;
  std::vector<epoll_event> events_;
  std::vector<Ready> ready_;
};

}  // namespace moot::net
