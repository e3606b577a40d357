#include "bench/peers/load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "base/check.h"
#include "bench/epoll.h"

namespace moot::bench {
namespace {

constexpr std::size_t kReadOctets = 256 * 1024;

[[noreturn]] void give_up(std::size_t arrived, std::size_t messages) {
  throw std::runtime_error(std::to_string(arrived) + " of " + std::to_string(messages) +
                           " messages arrived");
}

}  // namespace

Load::Load(std::uint16_t port, const MakePeer& make, std::string prefix)
    : port_(port),
      make_(make),
      names_{.prefix = std::move(prefix), .address = {}},
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      octets_(kReadOctets, '\0') {
  MOOT_CHECK(epoll_ >= 0);
}

Load::~Load() {
  for (const auto& c : connections_) ::close(c->fd);
  ::close(epoll_);
}

void Load::give_up(const std::string& why) const {
  throw std::runtime_error("port " + std::to_string(port_) + ": " + why);
}

void Load::connect_one() {
  auto c = std::make_unique<Connection>();
  c->index = connections_.size();
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  MOOT_CHECK(c->fd >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port_);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(c->fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    give_up(std::string("no connection: ") + std::strerror(errno));
  }
  const int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  watch(epoll_, c->fd, c.get());
  c->peer = make_(names_, c->index);
  c->peer->hello(c->out);
  queue(*c);
  connections_.push_back(std::move(c));
}

void Load::open(std::size_t n) {
  ready_ = connections_.size();
  const bool all = run(
      [&] {
        while (connections_.size() < n && connections_.size() - ready_ < kLoginsAtOnce) {
          connect_one();
        }
        return ready_ >= n;
      },
      std::chrono::seconds{300});
  if (!all) give_up(std::to_string(ready_) + " of " + std::to_string(n) + " logged in");
}

void Load::join(std::size_t n) {
  ready_ = 0;
  // One after the other: everybody there is told of everybody who comes.
  for (std::size_t i = 0; i < n; ++i) {
    connections_[i]->peer->join(connections_[i]->out, i > 0);
    queue(*connections_[i]);
    if (!run([&] { return ready_ > i; }, std::chrono::seconds{60})) give_up("nobody may join");
  }
  // What was told of those who came is read before anything is measured.
  const auto quiet = std::chrono::steady_clock::now() + std::chrono::milliseconds{300};
  run([&] { return std::chrono::steady_clock::now() > quiet; }, std::chrono::seconds{10});
}

void Load::say(std::size_t from, std::size_t to, std::string_view body) {
  connections_[from]->peer->say(connections_[from]->out, to, body);
  queue(*connections_[from]);
}

void Load::say_to_all(std::size_t from, std::string_view body) {
  connections_[from]->peer->say_to_all(connections_[from]->out, body);
  queue(*connections_[from]);
}

void Load::queue(Connection& c) {
  if (c.queued) return;
  c.queued = true;
  to_write_.push_back(&c);
}

void Load::read(Connection& c) {
  const ssize_t n = recv(c.fd, octets_.data(), octets_.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) give_up("connection " + std::to_string(c.index) + " ended");
  std::string_view fresh(octets_.data(), static_cast<std::size_t>(n));
  Heard heard;
  if (c.in.empty()) {
    fresh.remove_prefix(c.peer->hear(fresh, c.out, heard));
    c.in = fresh;
  } else {
    c.in += fresh;
    c.in.erase(0, c.peer->hear(c.in, c.out, heard));
  }
  if (heard.failed) give_up(heard.why);
  ready_ += heard.ready;
  if (!c.out.empty()) queue(c);
  if (heard.delivered > 0 && delivered) delivered(c.index, heard.delivered);
}

void Load::write(Connection& c) {
  const ssize_t n = ::send(c.fd, c.out.data(), c.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    give_up("connection " + std::to_string(c.index) + " does not take octets");
  }
  if (n > 0) c.out.erase(0, static_cast<std::size_t>(n));
  const bool blocked = !c.out.empty();
  if (blocked == c.blocked) return;
  want_room(epoll_, c.fd, &c, blocked);
  c.blocked = blocked;
}

void Load::turn(int wait_ms) {
  for (Connection* c : to_write_) {
    c->queued = false;
    write(*c);
  }
  to_write_.clear();
  epoll_event events[512];
  const int n = epoll_wait(epoll_, events, 512, wait_ms);
  for (int i = 0; i < n; ++i) {
    auto& c = *static_cast<Connection*>(events[i].data.ptr);
    if ((events[i].events & EPOLLOUT) != 0) queue(c);
    if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(c);
  }
}

bool Load::run(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    turn(100);
  }
  return true;
}

Cost pairs(Load& load, std::size_t pairs, unsigned window, std::size_t messages,
           const CpuSeconds& cpu) {
  const std::string body(100, 'x');
  std::size_t sent = 0;
  std::size_t arrived = 0;
  Cost cost;
  std::vector<std::deque<Clock::time_point>> since(pairs);
  const auto send_next = [&](std::size_t pair) {
    if (sent == messages) return;
    ++sent;
    since[pair].push_back(Clock::now());
    load.say(2 * pair, 2 * pair + 1, body);
  };
  load.delivered = [&](std::size_t index, unsigned n) {
    const std::size_t pair = index / 2;
    for (; n > 0; --n) {
      ++arrived;
      cost.latency_us.push_back(micros(Clock::now() - since[pair].front()));
      since[pair].pop_front();
      send_next(pair);
    }
  };
  const Stopwatch watch(cpu);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    for (unsigned w = 0; w < window; ++w) send_next(pair);
  }
  if (!load.run([&] { return arrived == messages; }, std::chrono::seconds{120})) {
    give_up(arrived, messages);
  }
  watch.finish(cost, static_cast<double>(messages));
  load.delivered = {};
  return cost;
}

Cost fan_out(Load& load, std::size_t receivers, unsigned window, std::size_t messages,
             const CpuSeconds& cpu) {
  const std::string body(100, 'x');
  std::size_t sent = 0;
  std::size_t everywhere = 0;
  Cost cost;
  std::deque<Clock::time_point> since;
  std::vector<std::size_t> has(receivers, 0);
  std::vector<std::size_t> at_how_many(messages + 1, 0);
  load.delivered = [&](std::size_t index, unsigned n) {
    if (index == 0) return;  // XMPP rooms tell the speaker as well
    for (; n > 0; --n) ++at_how_many[++has[index - 1]];
    while (everywhere < sent && at_how_many[everywhere + 1] == receivers) {
      ++everywhere;
      cost.latency_us.push_back(micros(Clock::now() - since.front()));
      since.pop_front();
    }
  };
  const Stopwatch watch(cpu);
  const bool all = load.run(
      [&] {
        while (sent < messages && sent - everywhere < window) {
          ++sent;
          since.push_back(Clock::now());
          load.say_to_all(0, body);
        }
        return everywhere == messages;
      },
      std::chrono::seconds{120});
  if (!all) {
    give_up(everywhere, messages);
  }
  watch.finish(cost, static_cast<double>(messages * receivers));
  load.delivered = {};
  return cost;
}

}  // namespace moot::bench
