#include "store/master_key.h"

#include <unistd.h>

#include <array>

#include "base/hex.h"
#include "store/files.h"

namespace moot::store {
namespace {

constexpr std::size_t kFileBytes = 2 * seal::kKeyBytes + 1;  // 64 digits and a line feed
constexpr unsigned kLooseBits = 077;

std::string credential(const MasterPlace& place, const char* name) {
  return join(place.credentials_dir, name);
}

Status refuse_loose(const std::string& path, const FileFacts& facts) {
  if (!facts.regular) return fail("The master key " + path + " is not a file: put the key there.");
  if (facts.owner != ::geteuid() && facts.owner != 0) {
    return fail("The master key " + path +
                " belongs to another user: chown it to the user that runs mootd.");
  }
  if ((facts.mode & kLooseBits) != 0) {
    return fail("The master key " + path +
                " can be read by others: run chmod 600 on it; if somebody may have read it, every "
                "key is his too: rotate them all (docs/operations.md).");
  }
  return {};
}

// Loads one file into the vault; nothing when it is not there. systemd guards its credentials by
// the directory and may give them modes of its own, and they may be raw octets.
Result<std::optional<std::uint32_t>> load_file(const std::string& path, bool from_systemd,
                                               seal::Vault& vault) {
  auto file = read_file(path, kFileBytes + 1);
  if (!file) return std::unexpected(file.error());
  if (!*file) return std::nullopt;
  if (!from_systemd) {
    const Status tight = refuse_loose(path, (*file)->facts);
    if (!tight) return std::unexpected(tight.error());
  }
  ByteBuf& content = (*file)->content;
  std::array<std::uint8_t, seal::kKeyBytes> key{};
  std::string_view digits = as_text(content);
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  const bool good = unhex_into(digits, key);
  seal::wipe(content);
  if (!good) {
    seal::wipe(key);
    return fail("The master key " + path +
                " is not 64 lower-case hex digits and a line feed: restore it from your copy.");
  }
  return vault.add_master(key);
}

Result<std::uint32_t> make_file(const std::string& path, seal::Vault& vault) {
  std::array<std::uint8_t, seal::kKeyBytes> key{};
  seal::random_bytes(key);
  std::array<char, kFileBytes> text{};
  hex_into(key, text.data());
  text.back() = '\n';
  const MutBytes octets{reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
  const Status written = write_new(path, octets);
  seal::wipe(octets);
  if (!written) {
    seal::wipe(key);
    return std::unexpected(written.error());
  }
  return vault.add_master(key);
}

}  // namespace

bool MasterPlace::from_credential() const {
  return !credentials_dir.empty() && exists(credential(*this, kMasterCredential));
}

Result<MasterFound> load_master(const MasterPlace& place, seal::Vault& vault, bool make) {
  const bool systemd = place.from_credential();
  const std::string main =
      systemd ? credential(place, kMasterCredential) : join(place.dir, kMasterFile);
  const std::string other =
      systemd ? credential(place, kMasterOldCredential) : join(place.dir, kMasterNextFile);
  MasterFound found;
  const auto loaded = load_file(main, systemd, vault);
  if (!loaded) return std::unexpected(loaded.error());
  if (*loaded) {
    found.main = **loaded;
  } else if (make) {
    const auto made = make_file(main, vault);
    if (!made) return std::unexpected(made.error());
    found.main = *made;
  } else {
    return fail("The master key " + main +
                " is missing, and without it no key in the store can be read: put it back from "
                "your copy.");
  }
  const auto second = load_file(other, systemd, vault);
  if (!second) return std::unexpected(second.error());
  found.other = *second;
  return found;
}

Result<std::uint32_t> make_next_master(const MasterPlace& place, seal::Vault& vault) {
  return make_file(join(place.dir, kMasterNextFile), vault);
}

Status promote_next_master(const MasterPlace& place) {
  return rename_synced(join(place.dir, kMasterNextFile), join(place.dir, kMasterFile), true);
}

Status drop_next_master(const MasterPlace& place) {
  return remove_synced(join(place.dir, kMasterNextFile));
}

}  // namespace moot::store
