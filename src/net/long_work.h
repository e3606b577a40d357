#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "base/result.h"

namespace moot::net {

// Work that takes as long as the disk does, on a thread of its own, one at a time.
// Thread rule: that of its io_context, where `done` is called as well.
class LongWork {
 public:
  // Returns soon, with an error, once `stop` is true.
  using Work = std::function<Status(const std::atomic<bool>& stop)>;
  using Done = std::function<void(const Status&)>;

  explicit LongWork(boost::asio::io_context& ctx) : ctx_(ctx) {}
  // Stops it; nobody is told.
  ~LongWork();
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;

  bool busy() const { return thread_.joinable(); }
  // REQUIRES: not busy.
  void start(Work work, Done done);
  // `done` is told soon.
  void stop() { stop_ = true; }

 private:
  boost::asio::io_context& ctx_;
  std::atomic<bool> stop_{false};
  std::shared_ptr<LongWork*> self_ = std::make_shared<LongWork*>(this);
  std::thread thread_;
};

}  // namespace moot::net
