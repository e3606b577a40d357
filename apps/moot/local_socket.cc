#include "apps/moot/local_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "store/files.h"

namespace moot::app {
namespace {

constexpr char kSocketName[] = "moot.sock";

// A path may be longer than a socket's name; the directory's descriptor names it shortly.
struct SocketName {
  Fd dir;
  sockaddr_un name{};
};
std::optional<SocketName> name_in(const std::string& dir) {
  SocketName s;
  s.dir = Fd(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!s.dir) return std::nullopt;
  const std::string path = "/proc/self/fd/" + std::to_string(s.dir.get()) + '/' + kSocketName;
  s.name.sun_family = AF_UNIX;
  std::memcpy(s.name.sun_path, path.c_str(), path.size() + 1);
  return s;
}

const sockaddr* address(const SocketName& s) { return reinterpret_cast<const sockaddr*>(&s.name); }

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

std::expected<Fd, std::string> listen_in(const std::string& dir) {
  const auto refuse = [&] {
    return std::unexpected("The socket " + dir + '/' + kSocketName +
                           " cannot be made: " + store::why(errno) + '.');
  };
  const auto name = name_in(dir);
  if (!name) return refuse();
  unlinkat(name->dir.get(), kSocketName, 0);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return refuse();
  // The directory is 0700 already; the mode is for whoever opened it up.
  const mode_t before = umask(0177);
  const int bound = bind(fd.get(), address(*name), sizeof name->name);
  umask(before);
  if (bound != 0 || listen(fd.get(), 64) != 0) return refuse();
  return fd;
}

std::optional<Fd> connect_in(const std::string& dir) {
  const auto name = name_in(dir);
  if (!name) return std::nullopt;
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || connect(fd.get(), address(*name), sizeof name->name) != 0) return std::nullopt;
  return fd;
}

bool Lines::send(const Json& json) {
  const std::string line = json.text() + '\n';
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::send(fd_.get(), line.data() + done, line.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<Json> Lines::take() {
  const std::size_t end = in_.find('\n', looked_);
  looked_ = in_.size();
  if (end == std::string::npos) return std::nullopt;
  auto json = Json::parse(std::string_view(in_).substr(0, end));
  in_.erase(0, end + 1);
  looked_ = 0;
  ended_ = ended_ || !json;
  return json;
}

Lines::Got Lines::receive(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  for (;;) {
    if (auto json = take()) return {std::move(json), false};
    if (ended_ || in_.size() > kLineBytesMax) return {std::nullopt, true};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd p{fd_.get(), POLLIN, 0};
    const int ready = poll(&p, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (ready < 0 && errno != EINTR) return {std::nullopt, true};
    if (ready <= 0) {
      if (ready == 0) return {};
      continue;
    }
    char piece[64 * 1024];
    const ssize_t n = recv(fd_.get(), piece, sizeof piece, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ended_ = true;
    if (n > 0) in_.append(piece, static_cast<std::size_t>(n));
  }
}

}  // namespace moot::app
