#include "client/keyfile.h"

#include <optional>
#include <vector>

#include "base/hex.h"
#include "client/flat_toml.h"
#include "crypto/sha3.h"
#include "crypto/wipe.h"

namespace moot::client {
namespace {

std::string check_of(const std::vector<std::string>& values) {
  std::string joined;
  for (const std::string& value : values) {
    if (&value != values.data()) joined += '\n';
    joined += value;
  }
  const Digest256 digest = sha3_256(as_bytes(joined));
  wipe(joined.data(), joined.size());
  return hex(Bytes(digest).first(4));
}

constexpr std::string_view kNames[] = {"moot_key", "account", "kid", "key",
                                       "srv",      "address", "tls", "label"};

std::vector<std::string> values_of(const KeyFile& key) {
  return {"0",           std::string(key.account.str()),
          text(key.kid), hex(key.key.bytes()),
          key.srv,       key.address,
          key.tls,       key.label};
}

}  // namespace

std::string check_value(const KeyFile& key) { return check_of(values_of(key)); }

std::string write_key_file(const KeyFile& key) {
  const auto values = values_of(key);
  std::string out = "moot_key = 0\n";
  for (std::size_t i = 1; i < values.size(); ++i)
    out += std::string(kNames[i]) + " = " + toml_string(values[i]) + '\n';
  return out + "check = \"" + check_of(values) + "\"\n";
}

Result<KeyFile> read_key_file(std::string_view given) {
  auto entries = read_flat_toml(given);
  if (!entries) return std::unexpected(entries.error());

  std::vector<std::string> values(std::size(kNames));
  std::optional<std::string> check;
  bool versioned = false;
  for (FlatEntry& entry : *entries) {
    if (entry.name == "moot_key") {
      const auto* version = std::get_if<std::uint64_t>(&entry.value);
      if (version == nullptr || *version != 0)
        return fail("`moot_key` is not 0; this moot knows key files of version 0 only.");
      versioned = true;
      values[0] = "0";
      continue;
    }
    auto* value = std::get_if<std::string>(&entry.value);
    if (value == nullptr) return fail("`" + entry.name + "` must be a text in quotes.");
    if (entry.name == "check") {
      check = *value;
      continue;
    }
    std::size_t i = 1;
    while (i < values.size() && kNames[i] != entry.name) ++i;
    if (i == values.size()) return fail("`" + entry.name + "` has no place in a key file.");
    values[i] = std::move(*value);
  }
  if (!versioned) return fail("`moot_key = 0` is missing; is this a key file?");

  KeyFile key;
  const auto account = UserId::parse(values[1]);
  if (!account || account->reserved()) return fail("`account` is missing or no user id.");
  key.account = *account;
  const auto kid = parse_kid(values[2]);
  if (!kid) return fail("`kid` must be 16 lower-case hex digits.");
  key.kid = *kid;
  if (values[3].size() != 2 * KeyBytes::kSize || !unhex_into(values[3], key.key.octets))
    return fail("`key` must be 64 lower-case hex digits.");
  if (values[4].empty() || values[4].size() > limits::kSrvBytesMax)
    return fail("`srv` must be the server's name, 1 to 255 octets.");
  key.srv = values[4];
  const auto address = parse_address(values[5]);
  if (!address) return std::unexpected(address.error());
  key.address = values[5];
  const auto tls = parse_tls(values[6]);
  if (!tls) return std::unexpected(tls.error());
  key.tls = values[6];
  key.label = values[7];
  if (!check || *check != check_of(values)) {
    return fail("The check value does not fit; the file was damaged or edited, get it again.");
  }
  if (key.tls.empty()) key.tls = "off";
  return key;
}

}  // namespace moot::client
