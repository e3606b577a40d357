#include "net/client/events.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "model/limits.h"

namespace moot::net {
namespace {

using Kind = Client::Event::Kind;

std::size_t size_of(const std::vector<std::string>& words) {
  std::size_t n = words.size() * sizeof(std::string);
  for (const std::string& w : words) n += w.size();
  return n;
}

std::size_t size_of(const Client::Channel& c) {
  return sizeof c + c.topic.size() + size_of(c.members) + size_of(c.online);
}

// About as many octets as it holds.
std::size_t size_of(const Client::Event& e) {
  std::size_t n = sizeof e + e.text.size() + e.message.text.size() + e.post.text.size() +
                  size_of(e.channel) + size_of(e.post.acks);
  for (const Client::Channel& c : e.channels) n += size_of(c);
  n += e.users.size() * sizeof(Client::User) + e.members.size() * sizeof(Client::Member);
  return n;
}

bool is_answer(Kind kind) {
  return kind == Kind::done || kind == Kind::users || kind == Kind::channels ||
         kind == Kind::members;
}

}  // namespace

EventQueue::EventQueue() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { MOOT_CHECK(fd_ >= 0); }
EventQueue::~EventQueue() { close(fd_); }

// At least `times`/`parts` of what it may hold.
bool EventQueue::over(std::size_t times, std::size_t parts) const {
  return events_.size() * parts >= limits::kEventsUnread * times ||
         bytes_ * parts >= limits::kEventBytesUnread * times;
}

void EventQueue::push(Client::Event event) {
  const std::scoped_lock lock(mutex_);
  if (event.kind == Kind::presence && over(1, 1)) return;
  if (is_answer(event.kind) && over(2, 1)) return;
  if (events_.empty()) {
    const std::uint64_t one = 1;
    MOOT_CHECK(write(fd_, &one, sizeof one) == sizeof one);
  }
  const std::size_t bytes = size_of(event);
  bytes_ += bytes;
  events_.push_back({std::move(event), bytes});
  more_.notify_one();
}

std::optional<Client::Event> EventQueue::wait(std::chrono::milliseconds time) {
  std::function<void()> room;
  Client::Event event;
  {
    std::unique_lock lock(mutex_);
    if (!more_.wait_for(lock, time, [this] { return !events_.empty(); })) return std::nullopt;
    event = std::move(events_.front().event);
    bytes_ -= events_.front().bytes;
    events_.pop_front();
    if (events_.empty()) {
      std::uint64_t count = 0;
      MOOT_CHECK(read(fd_, &count, sizeof count) == sizeof count);
    }
    if (room_wanted_ && !over(1, 2)) {
      room_wanted_ = false;
      room = on_room_;
    }
  }
  if (room) room();
  return event;
}

bool EventQueue::full() const {
  const std::scoped_lock lock(mutex_);
  return over(1, 1);
}

bool EventQueue::full_until_room() {
  const std::scoped_lock lock(mutex_);
  room_wanted_ = room_wanted_ || over(1, 1);
  return room_wanted_;
}

void EventQueue::on_room(std::function<void()> call) { on_room_ = std::move(call); }

}  // namespace moot::net
