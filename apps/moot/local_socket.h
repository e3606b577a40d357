#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "apps/moot/json.h"
#include "model/limits.h"

// DIR/moot.sock: how the commands reach the one process that owns DIR.
namespace moot::app {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Mode 0600; what an owner that was killed left behind is replaced.
// REQUIRES: this process holds the lock of `dir`.
std::expected<Fd, std::string> listen_in(const std::string& dir);
// Nothing when nobody listens.
std::optional<Fd> connect_in(const std::string& dir);

// Lines of JSON over a socket.
class Lines {
 public:
  explicit Lines(Fd fd) : fd_(std::move(fd)) {}

  // False: the other side is gone.
  bool send(const Json& json);
  struct Got {
    std::optional<Json> line;  // none: none in time, or the end
    bool ended = false;
  };
  Got receive(std::chrono::milliseconds time);
  int fd() const { return fd_.get(); }

 private:
  std::optional<Json> take();

  Fd fd_;
  std::string in_;
  std::size_t looked_ = 0;
  bool ended_ = false;
};

// A line longer than this is no line of ours.
inline constexpr std::size_t kLineBytesMax = limits::kGuestLineBytes;

}  // namespace moot::app
