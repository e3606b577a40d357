#include "net/key_slab.h"

#include <cstring>
#include <new>

#include <sys/mman.h>

#include "base/check.h"
#include "crypto/wipe.h"

namespace moot::net {

SecretPages::SecretPages(std::size_t octets) : octets_(octets) {
  void* p = mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  madvise(p, octets, MADV_DONTDUMP);
  // Beyond RLIMIT_MEMLOCK it stays unlocked; the unit file forbids swap.
  if (mlock(p, octets) != 0) errno = 0;
  data_ = static_cast<std::uint8_t*>(p);
}

SecretPages::~SecretPages() {
  wipe(data_, octets_);
  munmap(data_, octets_);
}

KeySlab::~KeySlab() {
  while (!warm_.empty()) cool(warm_.size() - 1);
}

std::uint8_t* KeySlab::key_at(std::uint32_t slot) const {
  return keys_[slot / kKeysPerPage]->data() + slot % kKeysPerPage * kMacKeyBytes;
}

MacKey* KeySlab::state_at(std::uint32_t place) const {
  std::uint8_t* p =
      states_[place / kStatesPerPage]->data() + place % kStatesPerPage * sizeof(MacKey);
  return std::launder(reinterpret_cast<MacKey*>(p));
}

std::uint32_t KeySlab::put(std::span<const std::uint8_t, kMacKeyBytes> key) {
  if (free_keys_.empty()) {
    const auto first = static_cast<std::uint32_t>(keys_.size() * kKeysPerPage);
    keys_.push_back(std::make_unique<SecretPages>(kKeysPerPage * kMacKeyBytes));
    warm_of_.resize(first + kKeysPerPage, kNone);
    for (std::uint32_t i = kKeysPerPage; i-- > 0;) free_keys_.push_back(first + i);
  }
  const std::uint32_t slot = free_keys_.back();
  free_keys_.pop_back();
  std::memcpy(key_at(slot), key.data(), key.size());
  return slot;
}

void KeySlab::drop(std::uint32_t slot) {
  if (slot == kNone) return;
  if (warm_of_[slot] != kNone) cool(warm_of_[slot]);
  wipe(key_at(slot), kMacKeyBytes);
  free_keys_.push_back(slot);
}

const MacKey& KeySlab::mac(std::uint32_t slot) {
  MOOT_CHECK(slot != kNone);
  if (warm_of_[slot] == kNone) {
    if (free_states_.empty()) {
      const auto first = static_cast<std::uint32_t>(states_.size() * kStatesPerPage);
      states_.push_back(std::make_unique<SecretPages>(kStatesPerPage * sizeof(MacKey)));
      for (std::uint32_t i = kStatesPerPage; i-- > 0;) free_states_.push_back(first + i);
    }
    const std::uint32_t place = free_states_.back();
    free_states_.pop_back();
    new (state_at(place))
        MacKey(std::span<const std::uint8_t, kMacKeyBytes>(key_at(slot), kMacKeyBytes));
    warm_of_[slot] = static_cast<std::uint32_t>(warm_.size());
    warm_.push_back({slot, place, true});
  }
  Warm& w = warm_[warm_of_[slot]];
  w.used = true;
  return *state_at(w.place);
}

void KeySlab::cool(std::size_t index) {
  const Warm w = warm_[index];
  state_at(w.place)->~MacKey();
  free_states_.push_back(w.place);
  warm_of_[w.slot] = kNone;
  warm_[index] = warm_.back();
  warm_.pop_back();
  if (index < warm_.size()) warm_of_[warm_[index].slot] = static_cast<std::uint32_t>(index);
}

void KeySlab::trim() {
  // The clock's hand: who was not used since it last came by goes.
  for (std::size_t steps = 2 * warm_.size(); warm_.size() > kWarmMax && steps > 0; --steps) {
    if (hand_ >= warm_.size()) hand_ = 0;
    if (warm_[hand_].used) {
      warm_[hand_++].used = false;
    } else {
      cool(hand_);
    }
  }
}

}  // namespace moot::net
