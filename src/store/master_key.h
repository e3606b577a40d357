#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "seal/vault.h"

// Where a master key comes from (security.md 2.2): $CREDENTIALS_DIRECTORY/moot-master where systemd
// gives one, else DIR/master.key, 64 hex digits and a line feed, mode 0600.
//
// A rotation goes DIR/master.key.new (synced), the store's transaction, rename over DIR/master.key.
// Cut anywhere, one of the two files is the key the store says it is sealed with. With systemd the
// administrator gives the new key as moot-master and the old one as moot-master-old.
namespace moot::store {

inline constexpr char kMasterFile[] = "master.key";
inline constexpr char kMasterNextFile[] = "master.key.new";
inline constexpr char kMasterCredential[] = "moot-master";
inline constexpr char kMasterOldCredential[] = "moot-master-old";

struct MasterPlace {
  std::string dir;
  std::string credentials_dir;  // empty: none
  bool from_credential() const;
};

// The ids of the keys that were found and loaded into the vault.
struct MasterFound {
  std::uint32_t main = 0;
  std::optional<std::uint32_t> other;  // master.key.new, or moot-master-old
};

// Loads what is there. `make`: without any key a new file is made; else that is an error.
Result<MasterFound> load_master(const MasterPlace& place, seal::Vault& vault, bool make);

// Steps of a rotation of key files; each is synced when it returns.
Result<std::uint32_t> make_next_master(const MasterPlace& place, seal::Vault& vault);
Status promote_next_master(const MasterPlace& place);
Status drop_next_master(const MasterPlace& place);

}  // namespace moot::store
