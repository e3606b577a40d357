#include "seal/vault.h"

#include <sodium.h>

#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "base/check.h"

namespace moot::seal {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
static_assert(kKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(kOverheadBytes == 1 + kNonceBytes + crypto_aead_xchacha20poly1305_ietf_ABYTES);

// "moot/store/1" 00 | kid | account | kind (security.md 2.1).
std::string site_aad(const KeySite& site) {
  std::string aad("moot/store/1");
  aad += '\0';
  aad += as_text(site.kid);
  aad += site.account;
  aad += site.kind;
  return aad;
}

ByteBuf box(Bytes key, Bytes aad, Bytes plain) {
  ByteBuf out(kOverheadBytes + plain.size());
  out[0] = kVersion;
  randombytes_buf(out.data() + 1, kNonceBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + 1 + kNonceBytes, nullptr, plain.data(),
                                             plain.size(), aad.data(), aad.size(), nullptr,
                                             out.data() + 1, key.data());
  return out;
}

// REQUIRES: plain.size() == sealed.size() - kOverheadBytes.
bool unbox(Bytes key, Bytes aad, Bytes sealed, MutBytes plain) {
  MOOT_CHECK(sealed.size() >= kOverheadBytes && plain.size() == sealed.size() - kOverheadBytes);
  if (sealed[0] != kVersion) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr,
                                                    sealed.data() + 1 + kNonceBytes,
                                                    sealed.size() - 1 - kNonceBytes, aad.data(),
                                                    aad.size(), sealed.data() + 1, key.data()) == 0;
}

Hash keyed(Bytes key, Bytes bytes) {
  Hash out;
  crypto_generichash(out.data(), out.size(), bytes.data(), bytes.size(), key.data(), key.size());
  return out;
}

// The AAD of the store key's own row: the master key it is sealed under.
std::string store_key_aad(std::uint32_t mk_id) {
  std::array<std::uint8_t, 4> id{};
  put_be32(id.data(), mk_id);
  return std::string("moot/store-key/1") += as_text(id);
}

}  // namespace

GuardedKey::GuardedKey(MutBytes key32)
    : octets_(static_cast<std::uint8_t*>(sodium_malloc(kKeyBytes))) {
  MOOT_CHECK(key32.size() == kKeyBytes);
  MOOT_CHECK(octets_ != nullptr);
  // sodium_malloc locks the pages where the limit allows it and keeps them out of core dumps.
  std::memcpy(octets_.get(), key32.data(), kKeyBytes);
  wipe(key32);
  sodium_mprotect_readonly(octets_.get());
}

void GuardedKey::Free::operator()(std::uint8_t* p) const { sodium_free(p); }

Result<std::unique_ptr<Vault>> Vault::make() {
  if (sodium_init() < 0) {
    return fail("libsodium could not be set up, so no key is safe: check that /dev/urandom works.");
  }
  void* page = sodium_malloc(kKeyBytes);
  if (page == nullptr) {
    return fail("There is no memory for guarded pages: raise the memory limit of this process.");
  }
  sodium_free(page);
  return std::unique_ptr<Vault>(new Vault);
}

std::uint32_t Vault::add_master(MutBytes key32) {
  MOOT_CHECK(key32.size() == kKeyBytes);
  // A name that tells nothing of the key; 0 is kept for "none".
  std::uint32_t mk_id = get_be32(keyed(key32, as_bytes("moot/mk-id")).data());
  if (mk_id == 0) mk_id = 1;
  const std::unique_lock lock(mutex_);
  if (masters_.contains(mk_id)) {
    wipe(key32);
    return mk_id;
  }
  masters_.try_emplace(mk_id, key32);
  if (current_ == 0) current_ = mk_id;
  return mk_id;
}

bool Vault::has_master(std::uint32_t mk_id) const {
  const std::shared_lock lock(mutex_);
  return masters_.contains(mk_id);
}

void Vault::use_master(std::uint32_t mk_id) {
  const std::unique_lock lock(mutex_);
  MOOT_CHECK(masters_.contains(mk_id));
  current_ = mk_id;
}

std::uint32_t Vault::current_master() const {
  const std::shared_lock lock(mutex_);
  return current_;
}

SealedKey Vault::seal(Bytes key32, const KeySite& site) const {
  MOOT_CHECK(key32.size() == kKeyBytes);
  const std::shared_lock lock(mutex_);
  const auto master = masters_.find(current_);
  MOOT_CHECK(master != masters_.end());
  return {.octets = box(master->second.bytes(), as_bytes(site_aad(site)), key32),
          .mk_id = current_};
}

bool Vault::unseal(Bytes sealed, std::uint32_t mk_id, const KeySite& site, MutBytes key32) const {
  MOOT_CHECK(key32.size() == kKeyBytes);
  if (sealed.size() != kOverheadBytes + kKeyBytes) return false;
  const std::shared_lock lock(mutex_);
  const auto master = masters_.find(mk_id);
  if (master == masters_.end()) return false;
  return unbox(master->second.bytes(), as_bytes(site_aad(site)), sealed, key32);
}

SealedKey Vault::make_store_key() {
  std::array<std::uint8_t, kKeyBytes> key;
  randombytes_buf(key.data(), key.size());
  const std::unique_lock lock(mutex_);
  MOOT_CHECK(!store_key_);
  store_key_ = std::make_unique<GuardedKey>(key);
  return seal_store_key();
}

bool Vault::open_store_key(Bytes sealed, std::uint32_t mk_id) {
  if (sealed.size() != kOverheadBytes + kKeyBytes) return false;
  const std::unique_lock lock(mutex_);
  const auto master = masters_.find(mk_id);
  if (master == masters_.end()) return false;
  std::array<std::uint8_t, kKeyBytes> key;
  if (!unbox(master->second.bytes(), as_bytes(store_key_aad(mk_id)), sealed, key)) return false;
  store_key_ = std::make_unique<GuardedKey>(key);
  return true;
}

SealedKey Vault::reseal_store_key() const {
  const std::shared_lock lock(mutex_);
  return seal_store_key();
}

SealedKey Vault::seal_store_key() const {
  MOOT_CHECK(store_key_ != nullptr);
  const auto master = masters_.find(current_);
  MOOT_CHECK(master != masters_.end());
  return {
      .octets = box(master->second.bytes(), as_bytes(store_key_aad(current_)), store_key_->bytes()),
      .mk_id = current_};
}

Hash Vault::purpose_key(std::string_view purpose) const {
  const std::shared_lock lock(mutex_);
  MOOT_CHECK(store_key_ != nullptr);
  return keyed(store_key_->bytes(), as_bytes(purpose));
}

ByteBuf Vault::seal_blob(std::string_view purpose, Bytes aad, Bytes plain) const {
  Hash key = purpose_key(purpose);
  ByteBuf sealed = box(key, aad, plain);
  wipe(key);
  return sealed;
}

Result<ByteBuf> Vault::unseal_blob(std::string_view purpose, Bytes aad, Bytes sealed) const {
  if (sealed.size() < kOverheadBytes) return fail("A sealed value is too short to be one.");
  ByteBuf plain(sealed.size() - kOverheadBytes);
  Hash key = purpose_key(purpose);
  const bool opened = unbox(key, aad, sealed, plain);
  wipe(key);
  if (!opened) return fail("A sealed value is not what was sealed, or not in its place.");
  return plain;
}

Hash Vault::dup_tag(Bytes key32) const { return mac("dup", key32); }

Hash Vault::mac(std::string_view purpose, Bytes bytes) const {
  Hash key = purpose_key(purpose);
  const Hash tag = keyed(key, bytes);
  wipe(key);
  return tag;
}

void random_bytes(MutBytes out) { randombytes_buf(out.data(), out.size()); }

Hash blake2b(Bytes bytes) {
  Hash out;
  crypto_generichash(out.data(), out.size(), bytes.data(), bytes.size(), nullptr, 0);
  return out;
}

void wipe(MutBytes bytes) { sodium_memzero(bytes.data(), bytes.size()); }

bool equal_const_time(Bytes a, Bytes b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace moot::seal
