#include "net/long_work.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.h"

namespace moot::net {

LongWork::~LongWork() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void LongWork::start(Work work, Done done) {
  MOOT_CHECK(!busy());
  const auto finish = [self = std::weak_ptr(self_), done = std::move(done)](const Status& result) {
    const auto alive = self.lock();
    if (!alive) return;
    (*alive)->thread_.join();
    done(result);
  };
  thread_ = std::thread([this, work = std::move(work), finish] {
    boost::asio::post(ctx_, [finish, result = work(stop_)] { finish(result); });
  });
}

}  // namespace moot::net
