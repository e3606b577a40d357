#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/mootd/config.h"
#include "apps/mootd/toml.h"

namespace moot::mootd {

// A key of the configuration: how its value is taken and how it is shown.
struct Key {
  std::string_view path;
  std::function<Status(Config&, const toml::node&)> set;
  std::function<std::string(const Config&)> show;  // a TOML value
};

const std::vector<Key>& config_keys();
std::vector<std::string> config_key_names();

// One [[listen]].
Result<net::ListenOptions> read_listen(const toml::node& table, std::size_t number);
// As TOML that is taken again as the same.
std::string show_listen(const net::ListenOptions& listen);

// The words with which somebody takes a risk.
inline constexpr std::string_view kUnderstood = "I understand";

std::string toml_text(std::string_view text);

}  // namespace moot::mootd
