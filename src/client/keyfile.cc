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

constexpr std::string_view kKid = "kid";
constexpr std::string_view kKey = "key";
constexpr std::string_view kNames[] = {"moot_key", "account", kKid,  kKey,
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
  std::string out = key.wall ? "moot_key = 0\nwall = true\n" : "moot_key = 0\n";
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (key.wall && (kNames[i] == kKid || kNames[i] == kKey)) continue;
    out += std::string(kNames[i]) + " = " + toml_string(values[i]) + '\n';
  }
  if (!key.certificate.cert.empty()) {
    out += "cert = " + toml_string(key.certificate.cert) + '\n';
    out += "cert_key = " + toml_string(key.certificate.key) + '\n';
  }
  return key.wall ? out : out + "check = \"" + check_of(values) + "\"\n";
}

namespace {

constexpr char kGetAnother[] =
    "; the file was cut or edited: take your copy of it, "
    "or ask the server's operator for a new key file, or an invitation for `moot join`.";

// What a file says, not understood yet.
struct Raw {
  std::vector<std::string> values = std::vector<std::string>(std::size(kNames));
  std::optional<std::string> check;
  bool versioned = false;
  bool wall = false;
  ClientCertificate certificate;
};

Status take(Raw& raw, FlatEntry& entry) {
  if (entry.name == "moot_key") {
    const auto* version = std::get_if<std::uint64_t>(&entry.value);
    if (version == nullptr || *version != 0)
      return fail("`moot_key` is not 0; this moot knows key files of version 0 only.");
    raw.versioned = true;
    raw.values[0] = "0";
    return {};
  }
  if (entry.name == "wall") {
    const auto* wall = std::get_if<bool>(&entry.value);
    if (wall == nullptr) return fail("`wall` must be true or false, without quotes.");
    raw.wall = *wall;
    return {};
  }
  auto* value = std::get_if<std::string>(&entry.value);
  if (value == nullptr) return fail("`" + entry.name + "` must be a text in quotes.");
  if (entry.name == "check") {
    raw.check = *value;
    return {};
  }
  if (entry.name == "cert" || entry.name == "cert_key") {
    (entry.name == "cert" ? raw.certificate.cert : raw.certificate.key) = *value;
    return {};
  }
  std::size_t i = 1;
  while (i < raw.values.size() && kNames[i] != entry.name) ++i;
  if (i == raw.values.size()) return fail("`" + entry.name + "` has no place in a key file.");
  raw.values[i] = std::move(*value);
  return {};
}

// Kid and key, or that there are none.
Status read_secret(const Raw& raw, KeyFile& key) {
  if (raw.wall) {
    if (raw.values[2].empty() && raw.values[3].empty() && !raw.check) return {};
    return fail("With `wall = true` there is no kid, key or check; remove them, or `wall`.");
  }
  const auto kid = parse_kid(raw.values[2]);
  if (!kid) return fail(std::string("`kid` must be 16 lower-case hex digits") + kGetAnother);
  key.kid = *kid;
  if (raw.values[3].size() != 2 * KeyBytes::kSize || !unhex_into(raw.values[3], key.key.octets))
    return fail(std::string("`key` must be 64 lower-case hex digits") + kGetAnother);
  return {};
}

}  // namespace

Result<KeyFile> read_key_file(std::string_view given) {
  auto entries = read_flat_toml(given);
  if (!entries) return std::unexpected(entries.error());
  Raw raw;
  for (FlatEntry& entry : *entries) {
    if (const Status ok = take(raw, entry); !ok) return std::unexpected(ok.error());
  }
  const std::vector<std::string>& values = raw.values;
  if (!raw.versioned) return fail("`moot_key = 0` is missing; is this a key file?");

  KeyFile key;
  key.wall = raw.wall;
  const auto account = UserId::parse(values[1]);
  if (!account || account->reserved()) return fail("`account` is missing or no user id.");
  key.account = *account;
  if (const Status ok = read_secret(raw, key); !ok) return std::unexpected(ok.error());
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
  key.certificate = raw.certificate;
  if (key.certificate.cert.empty() != key.certificate.key.empty())
    return fail("`cert` and `cert_key` go together: the client certificate and its key.");
  if (!key.certificate.cert.empty() && tls->mode == Tls::Mode::off)
    return fail("A client certificate is shown over TLS only; set `tls`, or remove `cert`.");
  if (key.wall) {
    if (const Status ok = check_wall(*address, *tls); !ok) return std::unexpected(ok.error());
  } else if (!raw.check || *raw.check != check_of(values)) {
    return fail("The check value does not fit; the file was damaged or edited, get it again.");
  }
  if (key.tls.empty()) key.tls = "off";
  return key;
}

}  // namespace moot::client
