#pragma once

#include <mutex>
#include <vector>

namespace moot::net {

// Values from many threads to one, taken all at once.
template <class T>
class Mailbox {
 public:
  // True when it was empty: the owner must be woken.
  bool put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    return values_.size() == 1;
  }
  // `into` becomes what came, in order; its old content is dropped and its memory used again.
  void take(std::vector<T>& into) {
    into.clear();
    const std::lock_guard lock(mutex_);
    values_.swap(into);
  }

 private:
  std::mutex mutex_;
  std::vector<T> values_;
};

}  // namespace moot::net
