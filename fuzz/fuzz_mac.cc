#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <vector>

#include "base/check.h"
#include "crypto/hmac.h"
#include "crypto/mac_batch.h"
#include "fuzz/input.h"

// MACs alone, many at once and by OpenSSL are the same, whatever the sizes and wherever a message
// is cut in two.
namespace moot::fuzz {
namespace {

// Fetched once: that costs more than a MAC.
EVP_MAC* hmac() {
  static EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return mac;
}

Mac oracle(Bytes key, Bytes message) {
  Mac out{};
  std::size_t size = 0;
  char digest[] = "SHA3-512";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  EVP_MAC_CTX* ctx = EVP_MAC_CTX_new(hmac());
  MOOT_CHECK(EVP_MAC_init(ctx, key.data(), key.size(), params) == 1);
  MOOT_CHECK(EVP_MAC_update(ctx, message.data(), message.size()) == 1);
  MOOT_CHECK(EVP_MAC_final(ctx, out.data(), &size, out.size()) == 1 && size == out.size());
  EVP_MAC_CTX_free(ctx);
  return out;
}

struct Message {
  std::size_t key = 0;
  ByteBuf octets;  // of their own, so that a look beyond the end is found
  std::size_t cut = 0;
};

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot;
  fuzz::Input in(data, size);
  std::array<std::array<std::uint8_t, kMacKeyBytes>, 2> secrets{};
  for (auto& secret : secrets) {
    const Bytes some = in.take(kMacKeyBytes);
    std::copy(some.begin(), some.end(), secret.begin());
  }
  const std::array<MacKey, 2> keys{MacKey(secrets[0]), MacKey(secrets[1])};

  std::vector<fuzz::Message> messages;
  for (std::size_t n = in.byte() % 12u; n > 0; --n) {
    fuzz::Message m{.key = in.byte() & 1u};
    const Bytes octets = in.take(in.number(2) % 400);
    m.octets.assign(octets.begin(), octets.end());
    m.cut = in.byte() % (octets.size() + 1);
    messages.push_back(std::move(m));
  }
  std::vector<Mac> macs(messages.size());
  std::vector<MacJob> jobs;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const fuzz::Message& m = messages[i];
    const Bytes all = m.octets;
    jobs.push_back({&keys[m.key], all.first(m.cut), all.subspan(m.cut), &macs[i]});
  }
  sign_many(jobs);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const fuzz::Message& m = messages[i];
    MOOT_CHECK(equal_ct(macs[i], keys[m.key].sign(m.octets)));
    MOOT_CHECK(equal_ct(macs[i], fuzz::oracle(secrets[m.key], m.octets)));
  }
  return 0;
}
