#include "bench/driver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "bench/epoll.h"

namespace moot::bench {
namespace {

constexpr std::size_t kReadOctets = 256 * 1024;

std::uint64_t random64() {
  std::uint64_t n = 0;
  MOOT_CHECK(getrandom(&n, sizeof n, 0) == sizeof n);
  return n;
}

}  // namespace

int connect_tcp(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  MOOT_CHECK(fd >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Loopback connects at once or waits for the backlog: no need to be asynchronous.
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    std::perror("moot-bench: connect");
    std::exit(1);
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

Now now() {
  using namespace std::chrono;
  const auto wall = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const auto tick = duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
  return {{tick}, {static_cast<std::uint64_t>(wall)}};
}

Client::Client(Driver& driver, const Identity& who, const std::string& srv, bool batch, bool wall)
    : driver_(driver),
      who_(who),
      identity_{who.user, wall ? std::nullopt : std::optional(who.kid), srv, wall},
      session_(identity_, random64(), batch),
      key_(std::span<const std::uint8_t, 32>(who.key.octets)) {}

void Client::send(const c::Any& cmd) {
  const std::size_t at = fields_.size();
  const std::uint32_t pairs = wire::encode_fields(fields_, cmd);
  pending_.push_back({wire::name_of(cmd), pairs, at, fields_.size() - at, wire::is_flat(cmd)});
  driver_.queue(*this);
}

Driver::Driver(Connect connect, std::string srv, bool batch, bool wall)
    : connect_(std::move(connect)),
      srv_(std::move(srv)),
      batch_(batch),
      wall_(wall),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  MOOT_CHECK(epoll_ >= 0);
}
Driver::Driver(std::uint16_t port, std::string srv, bool batch)
    : Driver([port](const Identity&) { return Link{.fd = connect_tcp(port)}; }, std::move(srv),
             batch, false) {}

Driver::~Driver() {
  close_all();
  ::close(epoll_);
}

Client& Driver::connect(const Identity& who) {
  clients_.push_back(std::unique_ptr<Client>(new Client(*this, who, srv_, batch_, wall_)));
  Client& c = *clients_.back();
  c.link_ = connect_(who);
  watch(epoll_, c.link_.fd, &c);
  return c;
}

void Driver::queue(Client& c) {
  if (c.queued_ || c.gone()) return;
  c.queued_ = true;
  to_flush_.push_back(&c);
}

void Driver::stop_reading(Client& c) {
  const int small = 4096;
  setsockopt(c.link_.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  epoll_event ev{};
  ev.data.ptr = &c;
  MOOT_CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, c.link_.fd, &ev) == 0);
}

void Driver::close(Client& c) {
  if (c.link_.fd < 0) return;
  ::close(c.link_.fd);
  c.link_ = {};
}

void Driver::close_all() {
  for (auto& c : clients_) close(*c);
  to_flush_.clear();
  clients_.clear();
}

void Driver::lost(Client& c) {
  if (c.gone()) return;
  c.gone_at_ = std::chrono::steady_clock::now();
  close(c);
  if (hooks_.closed) hooks_.closed(c);
}

// Appends what is there to the turn's octets, after the connection's unfinished frame.
bool Driver::read(Client& c) {
  const std::size_t begin = turn_in_.size();
  turn_in_.put(c.in_.bytes());
  std::uint8_t* p = turn_in_.grow(kReadOctets);
  const ssize_t n = c.link_.read(p, kReadOctets);
  if (n > 0) octets_ += static_cast<std::uint64_t>(n);
  turn_in_.drop_back(kReadOctets - static_cast<std::size_t>(n > 0 ? n : 0));
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
    turn_in_.drop_back(turn_in_.size() - begin);
    lost(c);
    return false;
  }
  c.in_.clear();
  arrived_.push_back({&c, begin, turn_in_.size() - begin});
  return true;
}

void Driver::handle(Client& c, const wire::Frame& f, bool mac_ok) {
  if (c.gone()) return;
  using Kind = session::ClientSession::Delivered::Kind;
  const auto got = c.session_.accept(f, mac_ok, now(), arena_);
  switch (got.kind) {
    case Kind::answer_greeting:
      c.session_.put_cnn(c.out_, now(), std::nullopt, c.unsigned_);
      queue(c);
      return;
    case Kind::opened:
      if (hooks_.opened) hooks_.opened(c);
      return;
    case Kind::deliver:
      if (const auto* batch = std::get_if<s::Batch>(&got.command)) {
        for (wire::Elements each(batch->cmds); !each.done() && !c.gone();) {
          const auto e = each.next();
          if (!e) continue;
          if (const auto cmd = wire::decode_server(e->cmd, e->map, arena_); cmd && hooks_.deliver) {
            hooks_.deliver(c, *cmd, e->map);
          }
        }
      } else if (hooks_.deliver) {
        hooks_.deliver(c, got.command, f.payload);
      }
      return;
    case Kind::ignore:
      return;
    case Kind::close:
      std::fprintf(stderr, "moot-bench: @%s: %s\n", std::string(c.who_.user.str()).c_str(),
                   std::string(got.message).c_str());
      lost(c);
      return;
  }
}

void Driver::verify_and_handle() {
  frames_.clear();
  owners_.clear();
  for (const Arrived& a : arrived_) {
    Bytes rest = turn_in_.bytes().subspan(a.at, a.size);
    while (a.client->reader_.next(rest, limits::kFrameBytesCeiling) ==
           wire::FrameReader::Status::frame) {
      frames_.push_back(a.client->reader_.frame());
      owners_.push_back(a.client);
      rest = rest.subspan(a.client->reader_.frame().octets);
    }
    a.client->in_.put(rest);
  }
  frames_in_ += frames_.size();
  macs_.resize(frames_.size());
  jobs_.clear();
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    jobs_.push_back({&owners_[i]->key_, frames_[i].payload, {}, &macs_[i]});
  }
  sign_many(jobs_);
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    const bool good = wall_ || session::signature_is(frames_[i].sig, macs_[i]);
    handle(*owners_[i], frames_[i], good);
  }
}

void Driver::write(Client& c) {
  while (!c.out_.empty()) {
    const ssize_t n = c.link_.write(c.out_.data(), c.out_.size());
    if (n > 0) octets_ += static_cast<std::uint64_t>(n);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) return lost(c);
      break;
    }
    c.out_.drop_front(static_cast<std::size_t>(n));
  }
  const bool blocked = !c.out_.empty();
  if (blocked == c.writable_) {
    want_room(epoll_, c.link_.fd, &c, blocked);
    c.writable_ = !blocked;
  }
}

void Driver::sign_turn(std::size_t frames) {
  macs_.resize(frames);
  jobs_.clear();
  std::size_t i = 0;
  for (Client* c : to_flush_) {
    for (const auto& f : c->unsigned_) {
      jobs_.push_back(
          {&c->key_, c->out_.bytes().subspan(f.slot.payload, f.slot.payload_len), {}, &macs_[i++]});
    }
  }
  sign_many(jobs_);
  i = 0;
  for (Client* c : to_flush_) {
    for (const auto& f : c->unsigned_) wire::put_signature(c->out_, f.slot, macs_[i++]);
  }
}

void Driver::flush() {
  const std::uint64_t unix_s = now().wall.seconds();
  std::size_t total = 0;
  for (Client* c : to_flush_) {
    if (!c->pending_.empty()) {
      bodies_.clear();
      for (const auto& p : c->pending_) {
        bodies_.push_back({p.cmd, p.pairs, c->fields_.bytes().subspan(p.at, p.size), p.flat});
      }
      c->session_.outgoing().put(c->out_, unix_s, bodies_, c->unsigned_);
    }
    total += c->unsigned_.size();
  }
  if (!wall_) sign_turn(total);
  frames_out_ += total;
  for (Client* c : to_flush_) {
    if (wall_) session::sign_all(c->out_, c->unsigned_, nullptr);
    c->unsigned_.clear();
    c->pending_.clear();
    c->fields_.clear();
    c->queued_ = false;
    if (!c->gone()) write(*c);
  }
  to_flush_.clear();
}

void Driver::turn(std::chrono::milliseconds wait) {
  flush();
  epoll_event events[512];
  const int n = epoll_wait(epoll_, events, 512, static_cast<int>(wait.count()));
  turn_in_.clear();
  arrived_.clear();
  arena_.reset();
  for (int i = 0; i < n; ++i) {
    Client& c = *static_cast<Client*>(events[i].data.ptr);
    if (c.gone()) continue;
    if ((events[i].events & EPOLLOUT) != 0) queue(c);
    if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(c);
  }
  verify_and_handle();
  flush();
}

bool Driver::run(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    turn(std::chrono::milliseconds{100});
  }
  return true;
}

}  // namespace moot::bench
