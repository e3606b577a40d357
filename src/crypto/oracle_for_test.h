#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/keccak_targets.h"

// What the tests of this folder share: OpenSSL as the oracle, and octets to hash.
namespace moot {

inline ByteBuf openssl_digest(const EVP_MD* kind, Bytes message) {
  ByteBuf digest(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  MOOT_CHECK(EVP_Digest(message.data(), message.size(), digest.data(), &size, kind, nullptr) == 1);
  digest.resize(size);
  return digest;
}

inline ByteBuf openssl_hmac(const char* digest, Bytes key, Bytes message) {
  ByteBuf mac(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  MOOT_CHECK(EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, key.data(), key.size(),
                       message.data(), message.size(), mac.data(), mac.size(), &size) != nullptr);
  mac.resize(size);
  return mac;
}

// The same octets in every run.
inline ByteBuf octets_for_test(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  ByteBuf octets(size);
  std::generate(octets.begin(), octets.end(), [&] { return static_cast<std::uint8_t>(random()); });
  return octets;
}

template <class Octets>
ByteBuf buf(const Octets& octets) {
  return ByteBuf(octets.begin(), octets.end());
}

// Runs `body(name)` once on every instruction set of this processor, then chooses the best again.
template <class Body>
void on_every_target(Body body) {
  for (const std::string& target : keccak_targets()) {
    MOOT_CHECK(keccak_use_target(target));
    body(target);
  }
  MOOT_CHECK(keccak_use_target(""));
}

}  // namespace moot
