#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "base/check.h"

namespace moot {

// Octets on their way out: grows without zeroing, is emptied and used again, is taken from the
// front. What `grow` and `data` return stays valid until the next `grow` or `release`. Never more
// than 4 GiB.
class Buffer {
 public:
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::uint8_t* data() { return mem_.get() + begin_; }
  const std::uint8_t* data() const { return mem_.get() + begin_; }
  Bytes bytes() const { return {data(), size()}; }

  // Room for n more octets at the end, uninitialised.
  std::uint8_t* grow(std::size_t n) {
    if (std::size_t{cap_} - end_ < n) make_room(n);
    std::uint8_t* p = mem_.get() + end_;
    end_ += static_cast<std::uint32_t>(n);
    return p;
  }
  void put(Bytes b) {
    if (!b.empty()) std::memcpy(grow(b.size()), b.data(), b.size());
  }
  void put(std::uint8_t b) { *grow(1) = b; }

  // Forgets the last n octets, or the first n.
  void drop_back(std::size_t n) {
    MOOT_CHECK(n <= size());
    end_ -= static_cast<std::uint32_t>(n);
  }
  void drop_front(std::size_t n) {
    MOOT_CHECK(n <= size());
    begin_ += static_cast<std::uint32_t>(n);
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = 0; }
  // Gives the memory back: an idle connection holds none.
  void release() {
    mem_.reset();
    begin_ = end_ = cap_ = 0;
  }
  std::size_t capacity() const { return cap_; }

 private:
  void make_room(std::size_t n) {
    const std::size_t held = size();
    if (begin_ > 0 && cap_ - held >= n && begin_ >= held) {
      std::memmove(mem_.get(), data(), held);
    } else {
      std::size_t cap = cap_ == 0 ? 512 : std::size_t{cap_};
      while (cap - held < n) cap *= 2;
      MOOT_CHECK(cap <= UINT32_MAX);
      auto more = std::make_unique_for_overwrite<std::uint8_t[]>(cap);
      if (held > 0) std::memcpy(more.get(), data(), held);
      mem_ = std::move(more);
      cap_ = static_cast<std::uint32_t>(cap);
    }
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(held);
  }

  std::unique_ptr<std::uint8_t[]> mem_;
  // Every connection holds two of these.
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t cap_ = 0;
};

}  // namespace moot
