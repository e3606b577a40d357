#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "client/address.h"
#include "model/ids.h"

namespace moot::client {

// What a device needs to be somebody on a server (interface.md "Key file"). Secret: whoever holds
// the text is the account; but behind a wall it is no secret.
struct KeyFile {
  UserId account;
  Kid kid;
  KeyBytes key;
  std::string srv;
  std::string address;
  std::string tls = "off";
  std::string label;
  // The server takes a wall's word for who this is: no kid, no key, no signatures
  // (security.md 3.1).
  bool wall = false;
  ClientCertificate certificate;  // where the server, or a front, asks for one
  friend bool operator==(const KeyFile&, const KeyFile&) = default;
};

// 8 hex digits over the values: a damaged or mistyped file is told from a wrong key.
std::string check_value(const KeyFile& key);

std::string write_key_file(const KeyFile& key);

// Strict: exact sizes, lower-case hex, known names only, each once, the check value right. With
// `wall = true` there is neither kid nor key nor check, and the address is a unix socket or TLS.
// `cert` and `cert_key` are this device's own affair: the check does not cover them.
Result<KeyFile> read_key_file(std::string_view text);

}  // namespace moot::client
