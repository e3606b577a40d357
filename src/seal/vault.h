#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

// Secrets at rest: the only door to libsodium (security.md 2).
namespace moot::seal {

inline constexpr std::size_t kKeyBytes = 32;
// 01 | nonce 24 | ciphertext | tag 16.
inline constexpr std::size_t kOverheadBytes = 1 + 24 + 16;

using Hash = std::array<std::uint8_t, 32>;

// Whose key a sealed key is. Bound into the seal: a row that is moved to another credential,
// account or kind does not open (ST-01).
struct KeySite {
  Bytes kid;
  std::string_view account;
  std::string_view kind;
};

// A sealed key and the master key that it is sealed under.
struct SealedKey {
  ByteBuf octets;
  std::uint32_t mk_id = 0;
};

// 32 octets on guarded, locked pages that core dumps leave out. Wiped and unmapped at the end.
class GuardedKey {
 public:
  // Takes the octets and wipes them where they were. REQUIRES: key32.size() == kKeyBytes.
  explicit GuardedKey(MutBytes key32);
  Bytes bytes() const { return {octets_.get(), kKeyBytes}; }

 private:
  struct Free {
    void operator()(std::uint8_t* p) const;
  };
  std::unique_ptr<std::uint8_t, Free> octets_;
};

// The keys a server's store is sealed with.
//   - Master keys: outside the store. They seal account keys and the store key. Several are loaded
//     while one replaces the other; a master key is named by its mk_id, which is derived from it.
//   - The store key: random, made with the store, kept in it under the master key. Everything else
//     (message bodies, stamp keys, duplicate tags, the audit log's checkpoints) hangs on keys
//     derived from it, so a new master key re-seals account keys and one row, and needs the old one
//     no more.
// Thread rule: any thread.
class Vault {
 public:
  // The secret generator and the pages must work, or nothing may start.
  static Result<std::unique_ptr<Vault>> make();

  // Loads a master key and wipes `key32`; the first one loaded seals from then on.
  std::uint32_t add_master(MutBytes key32);
  bool has_master(std::uint32_t mk_id) const;
  // Which master key seals from now on. REQUIRES: has_master(mk_id).
  void use_master(std::uint32_t mk_id);
  std::uint32_t current_master() const;

  // An account key under the current master key (security.md 2.1).
  SealedKey seal(Bytes key32, const KeySite& site) const;
  // False: not this master key, not this site, or not what was sealed.
  [[nodiscard]] bool unseal(Bytes sealed, std::uint32_t mk_id, const KeySite& site,
                            MutBytes key32) const;

  // The store key: made (and sealed under the current master key), or opened.
  SealedKey make_store_key();
  [[nodiscard]] bool open_store_key(Bytes sealed, std::uint32_t mk_id);
  // The same store key under the current master key. REQUIRES: a store key.
  SealedKey reseal_store_key() const;

  // Any bytes, bound to a purpose (a short constant word) and to `aad`. REQUIRES: a store key.
  ByteBuf seal_blob(std::string_view purpose, Bytes aad, Bytes plain) const;
  Result<ByteBuf> unseal_blob(std::string_view purpose, Bytes aad, Bytes sealed) const;

  // Equal keys have equal tags, in this store, for ever: nobody can enrol a secret twice (AU-10).
  Hash dup_tag(Bytes key32) const;
  // Keyed BLAKE2b-256 under a key for `purpose`. REQUIRES: a store key.
  Hash mac(std::string_view purpose, Bytes bytes) const;

 private:
  Vault() = default;
  SealedKey seal_store_key() const;
  Hash purpose_key(std::string_view purpose) const;

  mutable std::shared_mutex mutex_;
  std::map<std::uint32_t, GuardedKey> masters_;
  std::uint32_t current_ = 0;
  std::unique_ptr<GuardedKey> store_key_;
};

// The system's secret generator. REQUIRES: a Vault was made, or sodium is otherwise ready.
void random_bytes(MutBytes out);

// BLAKE2b-256.
Hash blake2b(Bytes bytes);

// Zeroes memory in a way the compiler keeps.
void wipe(MutBytes bytes);

bool equal_const_time(Bytes a, Bytes b);

}  // namespace moot::seal
