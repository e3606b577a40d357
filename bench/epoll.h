#pragma once

#include <sys/epoll.h>

#include "base/check.h"

namespace moot::bench {

// Adds a connection that is always read, and says whether it is to be told of room to write as
// well.
inline void watch(int epoll, int fd, void* connection) {
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.ptr = connection;
  MOOT_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0);
}
inline void want_room(int epoll, int fd, void* connection, bool wanted) {
  epoll_event ev{};
  ev.events = EPOLLIN | (wanted ? EPOLLOUT : 0u);
  ev.data.ptr = connection;
  MOOT_CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &ev) == 0);
}

}  // namespace moot::bench
