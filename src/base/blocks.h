#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <vector>

namespace moot {

// Grows at its end, in blocks of some KiB; what stands in it does not move. Things that live long
// stand together here and not in between what is freed at once. Never gets smaller.
template <class T>
class Blocks {
 public:
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return blocks_[i / kPerBlock][i % kPerBlock]; }
  const T& operator[](std::size_t i) const { return blocks_[i / kPerBlock][i % kPerBlock]; }
  T& grow() {
    if (size_ % kPerBlock == 0) blocks_.push_back(std::make_unique<T[]>(kPerBlock));
    return (*this)[size_++];
  }

 private:
  static constexpr std::size_t kPerBlock =
      std::bit_floor(std::max<std::size_t>(1, 8192 / sizeof(T)));
  std::vector<std::unique_ptr<T[]>> blocks_;
  std::size_t size_ = 0;
};

}  // namespace moot
