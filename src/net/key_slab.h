#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "crypto/hmac.h"

namespace moot::net {

// Memory for secrets in whole pages that core dumps leave out, locked as far as the system lets
// us, wiped before it is given back.
class SecretPages {
 public:
  explicit SecretPages(std::size_t octets);
  ~SecretPages();
  SecretPages(const SecretPages&) = delete;
  SecretPages& operator=(const SecretPages&) = delete;
  std::uint8_t* data() const { return data_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t octets_ = 0;
};

// The keys of a thread's open connections: 32 octets each. The pad states (408 octets) of a
// connection that says something are made when it does and kept while it is among the recent ones:
// an idle connection holds none (security.md 2.2).
// Thread rule: one owner.
class KeySlab {
 public:
  static constexpr std::uint32_t kNone = ~0u;
  // Pad states that stay between two turns.
  static constexpr std::size_t kWarmMax = 1024;

  KeySlab() = default;
  ~KeySlab();

  std::uint32_t put(std::span<const std::uint8_t, kMacKeyBytes> key);
  void drop(std::uint32_t slot);
  // Valid until `drop` or `trim`.
  const MacKey& mac(std::uint32_t slot);
  // Between two turns: forgets pad states that were not used lately, down to kWarmMax.
  void trim();
  std::size_t warm() const { return warm_.size(); }

 private:
  static constexpr std::size_t kKeysPerPage = 512;  // 16 KiB
  static constexpr std::size_t kStatesPerPage = 64;
  struct Warm {
    std::uint32_t slot = kNone;
    std::uint32_t place = 0;  // in the pages of states
    bool used = false;
  };
  std::uint8_t* key_at(std::uint32_t slot) const;
  MacKey* state_at(std::uint32_t place) const;
  void cool(std::size_t index);

  std::vector<std::unique_ptr<SecretPages>> keys_;
  std::vector<std::uint32_t> free_keys_;
  std::vector<std::uint32_t> warm_of_;  // slot -> index into warm_, or kNone
  std::vector<std::unique_ptr<SecretPages>> states_;
  std::vector<std::uint32_t> free_states_;
  std::vector<Warm> warm_;
  std::size_t hand_ = 0;
};

}  // namespace moot::net
