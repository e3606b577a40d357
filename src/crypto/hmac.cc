#include "crypto/hmac.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crypto/mac_lane.h"
#include "crypto/wipe.h"

namespace moot {
namespace {

constexpr std::uint8_t kInnerPad = 0x36;
constexpr std::uint8_t kOuterPad = 0x5c;

// The first `rate` octets of HMAC's key block: the key, filled up with zeroes, each octet XORed.
// The state they are absorbed into is all zeroes.
void absorb_key_block(KeccakState& state, std::span<const std::uint8_t, kMacKeyBytes> key,
                      std::uint8_t pad, std::size_t rate) {
  const std::uint64_t pads = 0x0101010101010101 * pad;
  state.fill(0);
  for (std::size_t i = 0; i < rate / 8; ++i) {
    state[i] = pads ^ (i < kMacKeyBytes / 8 ? load_le64(key.data() + 8 * i) : 0);
  }
  keccak_permute(state);
}

}  // namespace

MacKey::MacKey(std::span<const std::uint8_t, kMacKeyBytes> key) {
  absorb_key_block(inner_, key, kInnerPad, kMacRate);
  absorb_key_block(outer_, key, kOuterPad, kMacRate);
}

MacKey::MacKey(MacKey&& from) noexcept
    : inner_(from.inner_), outer_(from.outer_), keyed_(std::exchange(from.keyed_, false)) {
  wipe(&from.inner_, sizeof from.inner_);
  wipe(&from.outer_, sizeof from.outer_);
}

MacKey& MacKey::operator=(MacKey&& from) noexcept {
  if (this != &from) {
    inner_ = from.inner_;
    outer_ = from.outer_;
    keyed_ = std::exchange(from.keyed_, false);
    wipe(&from.inner_, sizeof from.inner_);
    wipe(&from.outer_, sizeof from.outer_);
  }
  return *this;
}

MacKey::~MacKey() {
  wipe(&inner_, sizeof inner_);
  wipe(&outer_, sizeof outer_);
}

void MacLane::begin(const MacKey& key, Bytes a, Bytes b) {
  MOOT_CHECK(key.keyed_);  // all-zero states would make a MAC that anybody can make
  key_ = &key;
  a_ = a;
  b_ = b;
  done_ = false;
}

const std::uint8_t* MacLane::next_block() {
  if (a_.size() >= kMacRate) {
    const std::uint8_t* block = a_.data();
    a_ = a_.subspan(kMacRate);
    return block;
  }
  if (a_.empty() && b_.size() >= kMacRate) {
    a_ = std::exchange(b_, {});
    return next_block();
  }
  const std::size_t from_a = a_.size();
  const std::size_t from_b = std::min(kMacRate - from_a, b_.size());
  std::copy_n(a_.begin(), from_a, block_.begin());
  std::copy_n(b_.begin(), from_b, block_.begin() + static_cast<std::ptrdiff_t>(from_a));
  a_ = b_.subspan(from_b);
  b_ = {};
  const std::size_t filled = from_a + from_b;
  if (filled < kMacRate) {
    std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled), block_.end(), std::uint8_t{0});
    block_[filled] = 0x06;
    block_.back() |= 0x80;
    done_ = true;
  }
  return block_.data();
}

Mac MacKey::sign(Bytes a, Bytes b) const {
  MacLane lane;
  lane.begin(*this, a, b);
  KeccakState state = lane.inner();
  while (!lane.done()) {
    const std::uint8_t* block = lane.next_block();
    for (std::size_t i = 0; i < kMacRateWords; ++i) state[i] ^= load_le64(block + 8 * i);
    keccak_permute(state);
  }
  KeccakState outer = lane.outer();
  for (std::size_t i = 0; i < kMacWords; ++i) outer[i] ^= state[i];
  outer[kMacWords] ^= kMacOuterPadding;
  keccak_permute(outer);
  Mac mac;
  for (std::size_t i = 0; i < kMacWords; ++i) store_le64(mac.data() + 8 * i, outer[i]);
  wipe(&state, sizeof state);
  wipe(&outer, sizeof outer);
  return mac;
}

Digest256 hmac_sha3_256(std::span<const std::uint8_t, kMacKeyBytes> key,
                        std::initializer_list<Bytes> parts) {
  const auto keyed = [&](std::uint8_t pad) {
    std::array<std::uint8_t, Sha3_256::kRate> block;
    block.fill(pad);
    for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
    Sha3_256 hash;
    hash.update(block);
    wipe(block.data(), block.size());
    return hash;
  };
  Sha3_256 inner = keyed(kInnerPad);
  for (const Bytes part : parts) inner.update(part);
  const Digest256 digest = inner.finish();
  Sha3_256 outer = keyed(kOuterPad);
  outer.update(digest);
  return outer.finish();
}

bool detail::equal_ct_octets(const std::uint8_t* a, const std::uint8_t* b, std::size_t octets) {
  std::uint8_t differing = 0;
  for (std::size_t i = 0; i < octets; ++i) {
    differing = static_cast<std::uint8_t>(differing | (a[i] ^ b[i]));
  }
  asm volatile("" : "+r"(differing));  // no early way out may be derived from the last test
  return differing == 0;
}

}  // namespace moot
