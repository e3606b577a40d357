#include "net/client/events.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

namespace moot::net {
namespace {

// Who does not look at presence for so long does not need it.
constexpr std::size_t kPresenceQueuedMax = 10'000;

}  // namespace

EventQueue::EventQueue() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { MOOT_CHECK(fd_ >= 0); }
EventQueue::~EventQueue() { close(fd_); }

void EventQueue::push(Client::Event event) {
  const std::scoped_lock lock(mutex_);
  if (event.kind == Client::Event::Kind::presence && events_.size() > kPresenceQueuedMax) return;
  if (events_.empty()) {
    const std::uint64_t one = 1;
    MOOT_CHECK(write(fd_, &one, sizeof one) == sizeof one);
  }
  events_.push_back(std::move(event));
  more_.notify_one();
}

std::optional<Client::Event> EventQueue::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  if (!more_.wait_for(lock, time, [this] { return !events_.empty(); })) return std::nullopt;
  Client::Event event = std::move(events_.front());
  events_.pop_front();
  if (events_.empty()) {
    std::uint64_t count = 0;
    MOOT_CHECK(read(fd_, &count, sizeof count) == sizeof count);
  }
  return event;
}

}  // namespace moot::net
