#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace moot {

// Memory for the lists of one decoded frame. Cleared and used again, so a warm arena allocates
// nothing. What it hands out lives until `reset`.
class Arena {
 public:
  template <class T>
  std::span<T> make(std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (n == 0) return {};
    void* p = take(n * sizeof(T), alignof(T));
    T* first = static_cast<T*>(p);
    std::uninitialized_value_construct_n(first, n);
    return {first, n};
  }

  void reset() {
    block_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t kBlockBytes = 16 * 1024;
  struct Block {
    std::unique_ptr<std::byte[]> data;
    std::size_t size = 0;
  };

  void* take(std::size_t bytes, std::size_t align) {
    for (;; ++block_, used_ = 0) {
      if (block_ == blocks_.size()) {
        const std::size_t size = bytes > kBlockBytes ? bytes : kBlockBytes;
        blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
      }
      const std::size_t at = (used_ + align - 1) / align * align;
      if (at + bytes <= blocks_[block_].size) {
        used_ = at + bytes;
        return blocks_[block_].data.get() + at;
      }
    }
  }

  std::vector<Block> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

}  // namespace moot
