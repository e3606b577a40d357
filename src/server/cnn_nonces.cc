#include "server/cnn_nonces.h"

#include <algorithm>

#include "model/limits.h"

namespace moot::server {

CnnNonces::CnnNonces(std::span<const ReplayEntry> stored) {
  for (const ReplayEntry& e : stored) literal_[e.kid][e.nonce] = e.until;
}

bool CnnNonces::seen(const Kid& kid, std::uint64_t nonce) const {
  if (const auto it = recent_.find(kid); it != recent_.end()) {
    const auto& nonces = it->second.nonces;
    if (std::ranges::find(nonces, nonce) != nonces.end()) return true;
  }
  const auto it = literal_.find(kid);
  return it != literal_.end() && it->second.contains(nonce);
}

bool CnnNonces::literal_full(const Kid& kid) const {
  const auto it = literal_.find(kid);
  return it != literal_.end() && it->second.size() >= limits::kReplayPerCredential;
}

void CnnNonces::add(const Kid& kid, std::uint64_t nonce) {
  Recent& r = recent_[kid];
  if (r.nonces.size() < limits::kCnnNoncesPerCredential) {
    r.nonces.push_back(nonce);
    return;
  }
  r.nonces[r.oldest] = nonce;
  r.oldest = (r.oldest + 1) % r.nonces.size();
}

ReplayEntry CnnNonces::add_literal(const Kid& kid, std::uint64_t nonce, std::uint64_t timestamp_s) {
  const ReplayEntry e{
      kid, nonce, {(timestamp_s + static_cast<std::uint64_t>(limits::kReplayKeep.count())) * 1000}};
  literal_[kid][nonce] = e.until;
  return e;
}

void CnnNonces::forget(const Kid& kid) {
  recent_.erase(kid);
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
