#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"
#include "model/ids.h"
#include "net/recent_table.h"
#include "net/source_limits.h"

// Whose CNN has to wait because too many before it failed (security.md 5.1). Pure.
namespace moot::net {

// Failures by source and key, the key as it was claimed: whether there is one is nobody's to learn.
// Another source is never held for them, so nobody can lock an owner out from afar.
class FailedKeys {
 public:
  static constexpr std::uint32_t kFailuresMax = 20;  // in the hour from the first one
  static constexpr Seconds kWindow{3'600};
  static constexpr Seconds kDelay{1};  // of each CNN in that name after them
  // Of each family. When it is full the pair that failed longest ago is forgotten: to have 20
  // failures forgotten costs 65,536 others, each of which its own source is punished for.
  static constexpr std::size_t kPairsMax = 65'536;

  // Without a kid all keys of the account are meant (R16), and it stands for them.
  struct Claimed {
    UserId account;
    std::optional<Kid> kid;
  };

  explicit FailedKeys(std::uint64_t seed) : v4_(kPairsMax, seed), v6_(kPairsMax, seed) {}

  bool held(const Address& from, const Claimed& key, Tick now) const;
  void failed(const Address& from, const Claimed& key, Tick now);
  std::size_t pairs() const { return v4_.size() + v6_.size(); }

 private:
  using Pair = std::pair<std::uint64_t, std::uint64_t>;  // source, key
  struct Failures {
    std::uint32_t count = 0;
    Tick begun;
  };
  static Pair pair_of(const Address& from, const Claimed& key);

  using Table = RecentTable<Pair, Failures>;
  Table v4_;
  Table v6_;
};

}  // namespace moot::net
