#include <benchmark/benchmark.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/hmac.h"
#include "crypto/keccak.h"
#include "crypto/keccak_targets.h"
#include "crypto/mac_batch.h"

// What a permutation and a MAC cost here, beside OpenSSL asked in its two ways.
namespace moot {
namespace {

constexpr std::array<std::uint8_t, 32> kKey = {1, 2, 3};

template <class States>
void permute(benchmark::State& bench, const char* target) {
  keccak_use_target(target);
  States states{};
  for (auto _ : bench) {
    keccak_permute(states);
    benchmark::DoNotOptimize(states);
  }
  keccak_use_target("");
}

void permute_scalar(benchmark::State& bench) {
  KeccakState state{};
  for (auto _ : bench) {
    keccak_permute_scalar(state);
    benchmark::DoNotOptimize(state);
  }
}
BENCHMARK(permute_scalar);

ByteBuf message_of(benchmark::State& bench) {
  return ByteBuf(static_cast<std::size_t>(bench.range(0)), 0x5a);
}

void sign_single(benchmark::State& bench) {
  const MacKey key(kKey);
  const ByteBuf message = message_of(bench);
  for (auto _ : bench) benchmark::DoNotOptimize(key.sign(message));
}
BENCHMARK(sign_single)->Arg(100)->Arg(200)->Arg(1000);

// Each of `range(1)` messages has a key of its own, `range(2)` keys in all, taken in a mixed order.
void sign_batch(benchmark::State& bench) {
  const ByteBuf message = message_of(bench);
  const auto count = static_cast<std::size_t>(bench.range(1));
  const auto keys_count = static_cast<std::size_t>(bench.range(2));
  std::vector<MacKey> keys;
  for (std::size_t i = 0; i < keys_count; ++i) keys.emplace_back(kKey);
  std::vector<Mac> macs(count);
  std::vector<MacJob> jobs(count);
  std::size_t at = 0;
  for (auto _ : bench) {
    for (std::size_t i = 0; i < count; ++i) {
      at = (at * 7919 + 12345) % keys_count;
      jobs[i] = {&keys[at], message, {}, &macs[i]};
    }
    sign_many(jobs);
    benchmark::DoNotOptimize(macs.data());
    benchmark::ClobberMemory();
  }
  bench.SetItemsProcessed(bench.iterations() * bench.range(1));
}
BENCHMARK(sign_batch)
    ->ArgNames({"octets", "jobs", "keys"})
    ->ArgsProduct({{100, 200}, {1, 2, 4, 8, 64}, {64}})
    ->Args({100, 64, 10000});

void openssl_one_shot(benchmark::State& bench) {
  const ByteBuf message = message_of(bench);
  Mac mac;
  std::size_t size = 0;
  for (auto _ : bench) {
    EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA3-512", nullptr, kKey.data(), kKey.size(),
              message.data(), message.size(), mac.data(), mac.size(), &size);
    benchmark::DoNotOptimize(mac);
  }
}
BENCHMARK(openssl_one_shot)->Arg(100)->Arg(200);

// Two digests with the padded key absorbed, copied for each message: OpenSSL's fastest way.
void openssl_keyed(benchmark::State& bench) {
  using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
  const auto keyed = [](std::uint8_t pad) {
    Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    std::array<std::uint8_t, 72> block;
    block.fill(pad);
    for (std::size_t i = 0; i < kKey.size(); ++i) block[i] ^= kKey[i];
    EVP_DigestInit_ex(context.get(), EVP_sha3_512(), nullptr);
    EVP_DigestUpdate(context.get(), block.data(), block.size());
    return context;
  };
  const Context inner = keyed(0x36);
  const Context outer = keyed(0x5c);
  const Context work(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const ByteBuf message = message_of(bench);
  Mac mac;
  for (auto _ : bench) {
    EVP_MD_CTX_copy_ex(work.get(), inner.get());
    EVP_DigestUpdate(work.get(), message.data(), message.size());
    EVP_DigestFinal_ex(work.get(), mac.data(), nullptr);
    EVP_MD_CTX_copy_ex(work.get(), outer.get());
    EVP_DigestUpdate(work.get(), mac.data(), mac.size());
    EVP_DigestFinal_ex(work.get(), mac.data(), nullptr);
    benchmark::DoNotOptimize(mac);
  }
}
BENCHMARK(openssl_keyed)->Arg(100)->Arg(200);

const bool kRegistered = [] {
  for (const std::string& target : keccak_targets()) {
    // The registry keeps the closure, and the closure the name, until the program ends.
    const auto add = [&](const char* lanes, auto function) {
      benchmark::RegisterBenchmark(
          ("permute_" + std::string(lanes) + "/" + target).c_str(),
          [=](benchmark::State& bench) { function(bench, target.c_str()); });
    };
    add("1", permute<KeccakState>);
    add("4", permute<KeccakLanes<4>>);
    add("8", permute<KeccakLanes<8>>);
  }
  return true;
}();

}  // namespace
}  // namespace moot
