#include "net/listener.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/local_socket.h"
#include "net/log.h"

namespace moot::net {
namespace {

constexpr int kBacklog = 512;
// Connections taken in one turn from one listener: the others get their turn too.
constexpr int kTakenPerTurn = 256;

// Connections leave descriptors for the store, the admin socket and certificates.
int descriptors_max() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return INT_MAX;
  const rlim_t kept = std::min<rlim_t>(64, limit.rlim_cur / 4);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur - kept, INT_MAX));
}

// Whoever may open the socket's file: its user and its group.
constexpr unsigned kLocalMode = 0660;

// What logs and limits see of users of this machine.
Address local_source() {
  Address a;
  a.octets[0] = 127;
  a.octets[3] = 1;
  return a;
}

}  // namespace

SpareDescriptor::SpareDescriptor() : fd_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}
SpareDescriptor::~SpareDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void SpareDescriptor::take_and_close(int listener) {
  if (fd_ >= 0) ::close(fd_);
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) ::close(fd);
  fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

Result<std::unique_ptr<Listener>> Listener::open(boost::asio::io_context& ctx,
                                                 const ListenOptions& options, int inherited) {
  std::unique_ptr<Listener> l(new Listener(ctx, options));
  if (options.door == Door::tls) {
    auto identity = l->load_identity();
    if (!identity) return std::unexpected(identity.error());
    l->tls_ = std::move(*identity);
  }
  const Status ok = options.at_path() ? l->bind_path(inherited) : l->bind_address(inherited);
  if (!ok) return fail(options.option + ": " + ok.error().message);
  return l;
}

Status Listener::bind_path(int inherited) {
  if (auto ok = users_are_shown(); !ok) return ok;
  if (inherited >= 0) {
    // The file is of who made it, and stays for the next start.
    ::fcntl(inherited, F_SETFL, O_NONBLOCK);
    socket_.assign(inherited);
    return {};
  }
  const auto fd = listen_local(options_.address, kLocalMode, kBacklog);
  if (!fd) return std::unexpected(fd.error());
  socket_.assign(*fd);
  path_ = options_.address;
  return {};
}

Status Listener::bind_address(int inherited) {
  const auto at = parse_endpoint(options_.address);
  if (!at) return std::unexpected(at.error());
  const int fd = inherited >= 0 ? inherited
                                : ::socket(at->address.v6 ? AF_INET6 : AF_INET,
                                           SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(std::string("no socket (") + std::strerror(errno) + "); try again.");
  socket_.assign(fd);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at->address.v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  SocketAddress raw = socket_address(*at);
  if (inherited >= 0) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  } else if (::bind(fd, raw.any(), raw.size) != 0 || ::listen(fd, kBacklog) != 0) {
    const int why = errno;
    return fail("cannot listen on " + options_.address + " (" + std::strerror(why) + "); " +
                (why == EADDRINUSE ? "stop the program that has the port, or choose another."
                                   : "choose an address and port that this user may have."));
  }
  SocketAddress got;
  getsockname(fd, got.any(), &got.size);
  at_ = endpoint_of(got);
  return {};
}

Result<std::shared_ptr<const TlsIdentity>> Listener::load_identity() const {
  auto identity = TlsIdentity::load(options_.cert, options_.key, options_.client_ca);
  if (!identity) {
    return std::unexpected(Error{options_.option + ": " + identity.error().message});
  }
  return std::make_shared<const TlsIdentity>(std::move(*identity));
}

std::string Listener::where() const { return options_.at_path() ? options_.address : text(at_); }

std::string Listener::line() const {
  switch (options_.door) {
    case Door::tcp:
      return "plain " + where();
    case Door::tls:
      return "tls " + where();
    case Door::proxy:
      return "proxy " + where();
    case Door::local:
      break;
  }
  return "unix " + where();
}

Listener::~Listener() { stop(); }

void Listener::start(SpareDescriptor& spare, Admit admit, Take take) {
  spare_ = &spare;
  admit_ = std::move(admit);
  take_ = std::move(take);
  wait();
}

void Listener::stop() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
}

void Listener::wait() {
  socket_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [this](const boost::system::error_code& ec) {
                       if (ec) return;
                       take_all();
                       wait();
                     });
}

void Listener::take_all() {
  for (int i = 0; i < kTakenPerTurn; ++i) {
    SocketAddress from;
    const int fd =
        ::accept4(socket_.native_handle(), from.any(), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && fd >= descriptors_max()) {
      ::close(fd);
      log::warn("listen.no_descriptors", {{"listener", options_.address}});
    } else if (fd >= 0) {
      take_one(fd, options_.at_path() ? local_source() : endpoint_of(from).address);
    } else if (errno == EMFILE || errno == ENFILE) {
      log::warn("listen.no_descriptors", {{"listener", options_.address}});
      spare_->take_and_close(socket_.native_handle());
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

bool Listener::is_front(int fd, const Address& from) {
  if (!options_.at_path()) {
    if (options_.front_at(from)) return true;
    strangers_.last = text(plain_v4(from));
  } else {
    const auto uid = peer_uid(fd);
    if (uid && *uid != kNobodyUid && options_.front_is(*uid)) return true;
    strangers_.last = "uid " + std::to_string(uid.value_or(kNobodyUid));
  }
  ++strangers_.count;
  return false;
}

void Listener::take_one(int fd, const Address& from) {
  Accepted a{.transport = Transport(fd), .peer = from, .rules = options_.rules};
  if (options_.door == Door::proxy) {
    // Who may be believed is decided before anything is read.
    if (!is_front(fd, from)) {
      log::warn("proxy.stranger", {{"listener", options_.address}});
      return;  // it closes
    }
    a.front = options_.proxy;
  }
  // Users of this machine are no sources on a network: the socket's permissions are their bound. A
  // front's connections count for whom its header names.
  a.counted = !options_.at_path() && options_.door != Door::proxy;
  if (a.counted && !admit_(from)) return;
  if (options_.door == Door::local) {
    const auto uid = peer_uid(fd);
    if (!uid || *uid == kNobodyUid) {
      log::info("wall.refused", {{"listener", options_.address}, {"reason", "no uid"}});
      return;
    }
    a.identities.push_back({CredentialKind::unix_uid, std::to_string(*uid)});
  } else if (!options_.at_path()) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (tls_ && !a.transport.begin_tls(*tls_)) return;  // no memory: it closes
  take_(std::move(a));
}

}  // namespace moot::net
