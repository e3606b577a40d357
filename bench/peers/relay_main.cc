// bench-relay PORT [--uring]: the bare relay, which is the limit of every comparison. It neither
// signs nor checks nor keeps anything: one read and one write a connection and turn is all it does.
// With --uring the writes of a turn go to the kernel in one call (docs/adr/0012).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef MOOT_BENCH_URING
#include <liburing.h>
#endif

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "bench/epoll.h"
#include "bench/peers/bare.h"

namespace moot::bench {
namespace {

constexpr std::size_t kReadOctets = 256 * 1024;

struct Connection {
  int fd = -1;
  std::uint32_t number = 0;
  bool joined = false;
  bool dirty = false;
  bool waits = false;  // for room in the socket
  Buffer in;           // of an unfinished frame
  Buffer out;
};

class Relay {
 public:
  Relay(std::uint16_t port, bool uring);
  [[noreturn]] void run();

 private:
  void accept_all();
  void read(Connection& c);
  void frame(Connection& c, std::uint32_t to, Bytes body);
  void pass(Connection& to, const Connection& from, Bytes body);
  void write(Connection& c);
  void written(Connection& c, long n);
  void write_together();
  void end(Connection& c);

  int listener_;
  int epoll_;
  std::unordered_map<std::uint32_t, Connection*> named_;
  std::vector<Connection*> joined_;
  std::vector<Connection*> dirty_;
  bool together_;
#ifdef MOOT_BENCH_URING
  static constexpr unsigned kRing = 1024;
  io_uring ring_{};
#endif
  std::vector<std::uint8_t> octets_ = std::vector<std::uint8_t>(kReadOctets);
};

Relay::Relay(std::uint16_t port, bool uring)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)),
      epoll_(epoll_create1(0)),
      together_(uring) {
#ifdef MOOT_BENCH_URING
  if (together_ &&
      io_uring_queue_init(kRing, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) <
          0) {
    std::fprintf(stderr, "bench-relay: the kernel gives no io_uring.\n");
    std::exit(1);
  }
#endif
  const int one = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      listen(listener_, 4096) != 0) {
    std::perror("bench-relay");
    std::exit(1);
  }
  watch(epoll_, listener_, nullptr);
}

void Relay::accept_all() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto* c = new Connection;  // ends in end()
    c->fd = fd;
    watch(epoll_, fd, c);
  }
}

void Relay::read(Connection& c) {
  const ssize_t n = recv(c.fd, octets_.data(), octets_.size(), 0);
  if (n == 0 || (n < 0 && errno != EAGAIN)) return end(c);
  if (n < 0) return;
  Bytes rest(octets_.data(), static_cast<std::size_t>(n));
  const bool unfinished = !c.in.empty();
  if (unfinished) {
    c.in.put(rest);
    rest = c.in.bytes();
  }
  while (rest.size() >= bare::kHeaderOctets) {
    const std::size_t size = get_be32(rest.data() + 4);
    if (rest.size() < bare::kHeaderOctets + size) break;
    frame(c, get_be32(rest.data()), rest.subspan(bare::kHeaderOctets, size));
    rest = rest.subspan(bare::kHeaderOctets + size);
  }
  if (unfinished) {
    c.in.drop_front(c.in.size() - rest.size());
  } else {
    c.in.put(rest);
  }
}

void Relay::frame(Connection& c, std::uint32_t to, Bytes body) {
  if (to == bare::kName && body.size() == 4) {
    c.number = get_be32(body.data());
    named_[c.number] = &c;
    pass(c, c, {});
  } else if (to == bare::kJoin) {
    if (!c.joined) joined_.push_back(&c);
    c.joined = true;
    pass(c, c, {});
  } else if (to == bare::kAll) {
    for (Connection* other : joined_) {
      if (other != &c) pass(*other, c, body);
    }
  } else if (const auto it = named_.find(to); it != named_.end()) {
    pass(*it->second, c, body);
  }
}

void Relay::pass(Connection& to, const Connection& from, Bytes body) {
  std::uint8_t* p = to.out.grow(bare::kHeaderOctets);
  put_be32(p, &to == &from ? bare::kDone : from.number);
  put_be32(p + 4, static_cast<std::uint32_t>(body.size()));
  to.out.put(body);
  if (!to.dirty) dirty_.push_back(&to);
  to.dirty = true;
}

void Relay::write(Connection& c) {
  written(c, send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL));
}

// All that is to be written in this turn, in as few calls as the ring allows.
void Relay::write_together() {
#ifdef MOOT_BENCH_URING
  for (std::size_t next = 0; next < dirty_.size();) {
    unsigned given = 0;
    for (; next < dirty_.size() && given < kRing; ++next, ++given) {
      Connection& c = *dirty_[next];
      io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
      io_uring_prep_send(sqe, c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      io_uring_sqe_set_data(sqe, &c);
    }
    io_uring_submit_and_wait(&ring_, given);
    io_uring_cqe* cqe = nullptr;
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      written(*static_cast<Connection*>(io_uring_cqe_get_data(cqe)), cqe->res);
      ++seen;
    }
    io_uring_cq_advance(&ring_, seen);
    MOOT_CHECK(seen == given);
  }
#else
  MOOT_CHECK(false && "built without liburing");
#endif
}

void Relay::written(Connection& c, long n) {
  if (n > 0) c.out.drop_front(static_cast<std::size_t>(n));
  const bool waits = !c.out.empty();
  if (waits == c.waits) return;
  want_room(epoll_, c.fd, &c, waits);
  c.waits = waits;
}

void Relay::end(Connection& c) {
  named_.erase(c.number);
  std::erase(joined_, &c);
  std::erase(dirty_, &c);
  close(c.fd);
  delete &c;
}

void Relay::run() {
  while (true) {
    epoll_event events[512];
    const int n = epoll_wait(epoll_, events, 512, -1);
    for (int i = 0; i < n; ++i) {
      if (events[i].data.ptr == nullptr) {
        accept_all();
        continue;
      }
      auto& c = *static_cast<Connection*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) != 0) write(c);
      if ((events[i].events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(c);
    }
    for (Connection* c : dirty_) c->dirty = false;
    if (together_) {
      write_together();
    } else {
      for (Connection* c : dirty_) write(*c);
    }
    dirty_.clear();
  }
}

}  // namespace
}  // namespace moot::bench

int main(int argc, char** argv) {
  const int port = argc >= 2 ? std::atoi(argv[1]) : 0;
  const bool uring = argc == 3 && std::string_view(argv[2]) == "--uring";
  if (port <= 0 || port > 65'535 || argc > 3 || (argc == 3 && !uring)) {
    std::fprintf(stderr, "bench-relay: say the port to listen on: bench-relay PORT [--uring]\n");
    return 2;
  }
#ifndef MOOT_BENCH_URING
  if (uring) {
    std::fprintf(stderr, "bench-relay: it was built without liburing; install liburing-dev.\n");
    return 1;
  }
#endif
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  moot::bench::Relay(static_cast<std::uint16_t>(port), uring).run();
}
