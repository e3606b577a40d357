#include "net/failed_keys.h"

#include "model/id_hash.h"

namespace moot::net {

FailedKeys::Pair FailedKeys::pair_of(const Address& from, const Claimed& key) {
  return {source_of(from), key.kid ? KidHash()(*key.kid) : UserHash()(key.account)};
}

bool FailedKeys::held(const Address& raw, const Claimed& key, Tick now) const {
  const Address from = plain_v4(raw);
  const Failures* f = (from.v6 ? v6_ : v4_).find(pair_of(from, key));
  return f != nullptr && f->count >= kFailuresMax && now - f->begun < kWindow;
}

void FailedKeys::failed(const Address& raw, const Claimed& key, Tick now) {
  const Address from = plain_v4(raw);
  Failures& f =
      (from.v6 ? v6_ : v4_).touch(pair_of(from, key), [](const Failures&) { return true; });
  if (f.count == 0 || now - f.begun >= kWindow) f = {.count = 0, .begun = now};
  ++f.count;
}

}  // namespace moot::net
