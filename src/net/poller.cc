#include "net/poller.h"

#include <system_error>

#include "base/check.h"

namespace moot::net {
namespace {

constexpr std::size_t kReadyPerTurn = 512;

std::uint32_t interest(bool read, bool write) {
  return (read ? std::uint32_t{EPOLLIN} : 0u) | (write ? std::uint32_t{EPOLLOUT} : 0u);
}

int make_set() {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return fd;
}

}  // namespace

Poller::Poller(boost::asio::io_context& ctx) : set_(ctx, make_set()), events_(kReadyPerTurn) {
  ready_.reserve(kReadyPerTurn);
}
Poller::~Poller() = default;

bool Poller::add(int fd, std::uint64_t id, bool read, bool write) {
  epoll_event e{};
  e.events = interest(read, write);
  e.data.u64 = id;
  return epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &e) == 0;
}

void Poller::change(int fd, std::uint64_t id, bool read, bool write) {
  epoll_event e{};
  e.events = interest(read, write);
  e.data.u64 = id;
  MOOT_CHECK(epoll_ctl(set_.native_handle(), EPOLL_CTL_MOD, fd, &e) == 0);
}

void Poller::remove(int fd) { epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, fd, nullptr); }

void Poller::arm() {
  if (armed_ || pending_) return;
  armed_ = true;
  set_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                  [this](const boost::system::error_code& ec) {
                    armed_ = false;
                    if (!ec) pending_ = true;
                  });
}

std::span<const Poller::Ready> Poller::take() {
  ready_.clear();
  if (!pending_) return ready_;
  const int n =
      epoll_wait(set_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
  pending_ = n == static_cast<int>(events_.size());
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = events_[static_cast<std::size_t>(i)];
    ready_.push_back({.id = e.data.u64,
                      .readable = (e.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0,
                      .writable = (e.events & EPOLLOUT) != 0,
                      .broken = (e.events & (EPOLLHUP | EPOLLERR)) != 0});
  }
  return ready_;
}

}  // namespace moot::net
