#include "server/cnn_nonces.h"

#include <algorithm>

#include "model/limits.h"

namespace moot::server {

CnnNonces::CnnNonces(std::span<const ReplayEntry> stored) {
  for (const ReplayEntry& e : stored) literal_[e.kid][e.nonce] = e.until;
}

bool CnnNonces::seen(const Kid& kid, std::uint64_t nonce) const {
  if (const auto* of = recent_.find(kid); of != nullptr && of->value.holds(nonce)) return true;
  const auto it = literal_.find(kid);
  return it != literal_.end() && it->second.contains(nonce);
}

bool CnnNonces::literal_full(const Kid& kid) const {
  const auto it = literal_.find(kid);
  return it != literal_.end() && it->second.size() >= limits::kReplayPerCredential;
}

bool CnnNonces::Recent::holds(std::uint64_t nonce) const {
  if (more_) return std::ranges::find(*more_, nonce) != more_->end();
  return any_ && first_ == nonce;
}

void CnnNonces::Recent::add(std::uint64_t nonce) {
  if (!any_) {
    any_ = true;
    first_ = nonce;
    return;
  }
  if (!more_) more_ = std::make_unique<std::vector<std::uint64_t>>(1, first_);
  if (more_->size() < limits::kCnnNoncesPerCredential) {
    more_->push_back(nonce);
    return;
  }
  (*more_)[oldest_] = nonce;
  oldest_ = static_cast<std::uint16_t>((oldest_ + 1u) % more_->size());
}

void CnnNonces::add(const Kid& kid, std::uint64_t nonce) { recent_.get(kid).value.add(nonce); }

ReplayEntry CnnNonces::add_literal(const Kid& kid, std::uint64_t nonce, std::uint64_t timestamp_s) {
  const ReplayEntry e{
      kid, nonce, {(timestamp_s + static_cast<std::uint64_t>(limits::kReplayKeep.count())) * 1000}};
  literal_[kid][nonce] = e.until;
  return e;
}

void CnnNonces::forget(const Kid& kid) {
  if (auto* of = recent_.find(kid)) recent_.erase(*of);
  literal_.erase(kid);
}

bool CnnNonces::expire(UnixMs now) {
  bool any = false;
  for (auto it = literal_.begin(); it != literal_.end();) {
    any = std::erase_if(it->second, [now](const auto& e) { return e.second <= now; }) > 0 || any;
    it = it->second.empty() ? literal_.erase(it) : std::next(it);
  }
  return any;
}

}  // namespace moot::server
