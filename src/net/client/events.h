#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "moot/client.h"

namespace moot::net {

// From the client's thread to whoever waits: a queue, and a descriptor that is readable while it is
// not empty. What fills it is to stop at `full` until `on_room` (limits::kEventsUnread and
// kEventBytesUnread); what happens all the same is kept, but for presence, and beyond twice the
// bound for answers.
class EventQueue {
 public:
  EventQueue();
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  void push(Client::Event event);
  std::optional<Client::Event> wait(std::chrono::milliseconds time);
  int fd() const { return fd_; }

  bool full() const;
  // The same, and if so `on_room` is called once half of the queue is free, by whoever reads.
  bool full_until_room();
  void on_room(std::function<void()> call);

 private:
  struct Queued {
    Client::Event event;
    std::size_t bytes = 0;
  };
  bool over(std::size_t times, std::size_t parts) const;

  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Queued> events_;
  std::size_t bytes_ = 0;
  bool room_wanted_ = false;
  std::function<void()> on_room_;
  int fd_;
};

}  // namespace moot::net
