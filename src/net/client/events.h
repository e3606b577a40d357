#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "moot/client.h"

namespace moot::net {

// From the client's thread to whoever waits: a queue, and a descriptor that is readable while it is
// not empty.
class EventQueue {
 public:
  EventQueue();
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  void push(Client::Event event);
  std::optional<Client::Event> wait(std::chrono::milliseconds time);
  int fd() const { return fd_; }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Client::Event> events_;
  int fd_;
};

}  // namespace moot::net
