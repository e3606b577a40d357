#include "net/admin_socket.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "crypto/wipe.h"
#include "net/listener.h"
#include "net/local_socket.h"
#include "net/log.h"

namespace moot::net {
namespace {

constexpr char kName[] = "admin.sock";
constexpr std::size_t kHead = 4;
constexpr char kShorten[] = "--data-dir";  // where the path is too long

std::string framed(const std::string& octets) {
  std::uint8_t n[kHead];
  put_be32(n, static_cast<std::uint32_t>(octets.size()));
  return std::string(as_text(n)) + octets;
}

// The octets behind the length once all are there; nothing before. An error: too many.
Result<std::optional<std::string_view>> whole(std::string_view got) {
  if (got.size() < kHead) return std::optional<std::string_view>();
  const std::uint32_t n = get_be32(as_bytes(got).data());
  if (n > kAdminBytesMax) return fail("A request on the admin socket is too long.");
  if (got.size() - kHead < n) return std::optional<std::string_view>();
  return std::optional(got.substr(kHead, n));
}

}  // namespace

struct AdminSocket::Session {
  explicit Session(boost::asio::io_context& ctx) : socket(ctx) {}
  ~Session() {
    wipe(out.data(), out.size());  // it may hold a new key
  }
  boost::asio::posix::stream_descriptor socket;
  std::string actor;
  std::string in;
  std::string out;
  std::size_t sent = 0;
  Ticket after;
};

AdminSocket::AdminSocket(boost::asio::io_context& ctx, std::string path, SpareDescriptor& spare,
                         Run run, Then then)
    : ctx_(ctx),
      socket_(ctx),
      path_(std::move(path)),
      spare_(spare),
      run_(std::move(run)),
      then_(std::move(then)),
      long_work_(ctx) {}
AdminSocket::~AdminSocket() { ::unlink(path_.c_str()); }

Result<std::unique_ptr<AdminSocket>> AdminSocket::open(boost::asio::io_context& ctx,
                                                       const std::string& data_dir,
                                                       SpareDescriptor& spare, Run run, Then then) {
  const std::string path = data_dir + "/" + kName;
  if (const auto fits = local_address(path, kShorten); !fits) return std::unexpected(fits.error());
  const auto fd = listen_local(path, 0600, 16);
  if (!fd) return std::unexpected(fd.error());
  std::unique_ptr<AdminSocket> s(
      new AdminSocket(ctx, path, spare, std::move(run), std::move(then)));
  s->socket_.assign(*fd);
  s->wait();
  return s;
}

void AdminSocket::wait() {
  socket_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [this](const boost::system::error_code& ec) {
                       if (ec) return;
                       take_all();
                       wait();
                     });
}

void AdminSocket::take_all() {
  for (int i = 0; i < 64; ++i) {
    const int fd =
        ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EMFILE && errno != ENFILE) return;
      // Left where it is, it would wake this thread again and again.
      log::warn("admin.no_descriptors");
      spare_.take_and_close(socket_.native_handle());
      continue;
    }
    ucred who{};
    socklen_t size = sizeof who;
    const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    if (!known || (who.uid != 0 && who.uid != ::geteuid())) {
      log::warn("admin.refused", {{"uid", who.uid}});
      ::close(fd);
      continue;
    }
    auto s = std::make_shared<Session>(ctx_);
    s->socket.assign(fd);
    s->actor = "uid=" + std::to_string(who.uid) + " pid=" + std::to_string(who.pid) + " via=socket";
    read(s);
  }
}

void AdminSocket::read(const std::shared_ptr<Session>& s) {
  s->socket.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this, s](const boost::system::error_code& ec) {
                         if (ec) return;
                         char more[4096];
                         const ssize_t n = ::read(s->socket.native_handle(), more, sizeof more);
                         if (n < 0 && (errno == EAGAIN || errno == EINTR)) return read(s);
                         if (n <= 0) return;  // it closes with the session
                         s->in.append(more, static_cast<std::size_t>(n));
                         carry_out(s);
                       });
}

void AdminSocket::carry_out(const std::shared_ptr<Session>& s) {
  const auto octets = whole(s->in);
  if (!octets) return;
  if (!*octets) return read(s);
  const auto request = parse_request(**octets);
  AdminResult result;
  if (!request) {
    result.reply = AdminReply::failure(request.error().message);
  } else {
    log::info("admin.command", {{"command", request->command}, {"actor", s->actor}});
    result = run_(s->actor, *request);
  }
  if (result.work) {
    begin(s, std::move(result));
  } else {
    answer(s, result);
  }
}

void AdminSocket::begin(const std::shared_ptr<Session>& s, AdminResult long_command) {
  if (long_work_.busy()) {
    AdminResult refused;
    refused.reply = AdminReply::failure(
        "Another doctor or audit verify is under way; try again when it has ended.");
    answer(s, refused);
    return;
  }
  LongWork::Work work = std::move(long_command.work);
  long_work_.start(std::move(work), [this, s, begun = std::move(long_command)](
                                        const Status& worked) { answer(s, then_(begun, worked)); });
}

void AdminSocket::answer(const std::shared_ptr<Session>& s, const AdminResult& result) {
  s->out = framed(write_reply(result.reply));
  s->after = result.after;
  if (s->after <= committed_) {
    write(s);
  } else {
    waiting_.push_back(s);
  }
}

void AdminSocket::committed(Ticket upto) {
  committed_ = std::max(committed_, upto);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if ((*it)->after <= committed_) {
      write(*it);
      it = waiting_.erase(it);
    } else {
      ++it;
    }
  }
}

void AdminSocket::write(const std::shared_ptr<Session>& s) {
  while (s->sent < s->out.size()) {
    const ssize_t n = ::send(s->socket.native_handle(), s->out.data() + s->sent,
                             s->out.size() - s->sent, MSG_NOSIGNAL);
    if (n > 0) {
      s->sent += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      s->socket.async_wait(boost::asio::posix::descriptor_base::wait_write,
                           [this, s](const boost::system::error_code& ec) {
                             if (!ec) write(s);
                           });
      return;
    } else if (n < 0 && errno != EINTR) {
      return;
    }
  }
}

// ---- the other side -----------------------------------------------------------------------

Result<std::optional<AdminReply>> ask_running_server(const std::string& data_dir,
                                                     const AdminRequest& request) {
  const auto at = local_address(data_dir + "/" + kName, kShorten);
  if (!at) return std::unexpected(at.error());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("No socket can be made; try again.");
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&*at), sizeof *at) != 0) {
    if (errno == EACCES || errno == EPERM) {
      return fail("The admin socket belongs to the server's user; run this as that user or root.");
    }
    return std::optional<AdminReply>();
  }
  const std::string out = framed(write_request(request));
  for (std::size_t sent = 0; sent < out.size();) {
    const ssize_t n = ::send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return fail("The running server refused the command; run this as its user or root.");
    sent += static_cast<std::size_t>(n);
  }
  std::string in;
  for (;;) {
    const auto octets = whole(in);
    if (!octets) return std::unexpected(octets.error());
    if (*octets) {
      auto reply = parse_reply(**octets);
      wipe(in.data(), in.size());
      if (!reply) return std::unexpected(reply.error());
      return std::optional(std::move(*reply));
    }
    char more[65536];
    const ssize_t n = ::read(fd, more, sizeof more);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return fail("The running server ended before it answered; look at its log and try again.");
    }
    in.append(more, static_cast<std::size_t>(n));
  }
}

}  // namespace moot::net
