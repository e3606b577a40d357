#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "client/address.h"
#include "model/ids.h"

namespace moot::client {

// What a device needs to be somebody on a server (interface.md "Key file"). Secret: whoever holds
// the text is the account.
struct KeyFile {
  UserId account;
  Kid kid;
  KeyBytes key;
  std::string srv;
  std::string address;
  std::string tls = "off";
  std::string label;
  friend bool operator==(const KeyFile&, const KeyFile&) = default;
};

// 8 hex digits over the values: a damaged or mistyped file is told from a wrong key.
std::string check_value(const KeyFile& key);

std::string write_key_file(const KeyFile& key);

// Strict: exact sizes, lower-case hex, known names only, each once, the check value right.
Result<KeyFile> read_key_file(std::string_view text);

}  // namespace moot::client
