#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/slot_table.h"
#include "base/time.h"
#include "model/id_hash.h"
#include "model/store_ops.h"

namespace moot::server {

// CNN nonces that were accepted and must not come again: the last 256 of each credential in
// memory (security.md R6), and those of literal CNNs until they are too old to pass the clock
// window, which the store keeps too (R8).
class CnnNonces {
 public:
  explicit CnnNonces(std::span<const ReplayEntry> stored);

  bool seen(const Kid& kid, std::uint64_t nonce) const;
  // The cache of a credential is full: a literal CNN is refused until entries expire.
  bool literal_full(const Kid& kid) const;
  void add(const Kid& kid, std::uint64_t nonce);
  ReplayEntry add_literal(const Kid& kid, std::uint64_t nonce, std::uint64_t timestamp_s);
  void forget(const Kid& kid);
  // Drops what is over; true: something was.
  bool expire(UnixMs now);

 private:
  // A ring once it is full. Most hold one nonce, which needs no memory of its own.
  class Recent {
   public:
    bool holds(std::uint64_t nonce) const;
    void add(std::uint64_t nonce);
    void recycle(bool) { *this = {}; }

   private:
    std::uint64_t first_ = 0;  // while it is the only one
    bool any_ = false;
    std::uint16_t oldest_ = 0;
    std::unique_ptr<std::vector<std::uint64_t>> more_;  // with the first
  };
  SlotTable<Kid, Recent, KidHash> recent_;
  std::map<Kid, std::map<std::uint64_t, UnixMs>> literal_;
};

}  // namespace moot::server
